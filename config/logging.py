"""One log for everything that runs in the process: ours, uvicorn's, Temporal's, SQLAlchemy's.

Every line is an object with `timestamp` (UTC), `level`, `logger`, `event` and facts under their own keys; JSON for machines, one
coloured line for developers. Inside an activity, a workflow or a request the context (`order_id`, `workflow_id`, …) is on every
line by itself. Private data is hidden in the last step, after everybody else has added to the line.
"""

import logging
import logging.config
import re
import sys
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor
from temporalio import activity, workflow

from config.groups import LoggingSettings
from config.redaction import redact_event

_QUIET = (
    "aioboto3",
    "aiobotocore",
    "asyncio",
    "boto3",
    "botocore",
    "google_genai",
    "hpack",
    "httpcore",
    "httpx",
    "PIL",
    "pyvips",
    "stripe",
    "urllib3",
)
"""Libraries that would log addresses, headers and bodies of every call."""

_ORDER_OF = re.compile(r"(?:order|refund)-(?P<order_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-\d+)?")

_TEMPORAL_EXTRAS = ("temporal_activity", "temporal_workflow")
_TEMPORAL_FACTS = ("workflow_id", "activity_type", "attempt", "workflow_type", "task_queue")


def configure_logging(settings: LoggingSettings) -> None:
    """Send everything to standard error in one format. Call it once, before anything is logged; again is harmless."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_common(), ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # The context is on every line as facts of its own; a second copy in the sentence would only hide the sentence.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": lambda: formatter(settings)}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": settings.level},
            "loggers": {
                # Uvicorn comes with handlers of its own, which would print a second and unredacted line.
                "uvicorn": {"handlers": [], "propagate": True, "level": "NOTSET"},
                "uvicorn.error": {"handlers": [], "propagate": True, "level": "NOTSET"},
                # Its access lines carry tokens in their paths; the API writes a line of its own for each request.
                "uvicorn.access": {"handlers": [], "propagate": False, "level": "NOTSET"},
                **{name: {"level": "WARNING"} for name in _QUIET},
            },
        }
    )


def formatter(settings: LoggingSettings) -> ProcessorFormatter:
    """Return what turns a record of `logging` into a line, wherever the record comes from."""
    renderer: Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return ProcessorFormatter(
        foreign_pre_chain=[*_common(), structlog.stdlib.ExtraAdder()],
        processors=[
            _flatten_temporal_extras,
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            # Here, as text: the console renderer would print local variables, after everything has been redacted.
            structlog.processors.format_exc_info,
            redact_event,
            renderer,
        ],
    )


def workflow_context(workflow_id: str | None, run_id: str | None) -> dict[str, str]:
    """Return what identifies a workflow on a log line; the order's id too, where the workflow is one of an order."""
    order = _ORDER_OF.fullmatch(workflow_id or "")
    facts = {"workflow_id": workflow_id, "run_id": run_id, "order_id": order["order_id"] if order else None}
    return {name: value for name, value in facts.items() if value is not None}


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _flatten_temporal_extras(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Spread what Temporal's loggers know of the running activity or workflow over the line, below what is there already."""
    event.pop("color_message", None)  # uvicorn's sentence a second time, with terminal colours
    for extra in _TEMPORAL_EXTRAS:
        facts = event.pop(extra, None)
        if isinstance(facts, dict):
            context = workflow_context(facts.get("workflow_id"), facts.get("workflow_run_id") or facts.get("run_id"))
            context |= {name: facts[name] for name in _TEMPORAL_FACTS if name in facts}
            event = {**context, **event}
    return event
