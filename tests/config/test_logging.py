"""Whoever logs, the line has one shape, says whose it is and tells nothing private."""

import json
import logging
from typing import Literal

import pytest
import structlog
from pydantic import SecretStr
from structlog.contextvars import bound_contextvars

from config.logging import workflow_context
from config.redaction import HIDDEN
from tests.config.lines import Lines

ORDER_ID = "7c6d6b0d-a250-4086-8474-4de5c8436a11"


def test_a_line_of_ours_is_one_json_object(lines: Lines):
    structlog.get_logger("shop").info("order paid", amount=3500, currency="gbp")

    line = lines.only()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "order paid", "level": "info", "logger": "shop", "amount": 3500, "currency": "gbp"}


@pytest.mark.parametrize("logger", ["uvicorn.error", "temporalio.worker", "sqlalchemy.engine", "anybody"])
def test_a_line_of_a_library_has_the_same_shape(lines: Lines, logger: str):
    logging.getLogger(logger).warning("cannot reach %s", "db", extra={"try": 3})

    line = lines.only()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "cannot reach db", "level": "warning", "logger": logger, "try": 3}


def test_what_is_below_the_level_is_not_written(lines: Lines):
    structlog.get_logger("shop").debug("detail")
    logging.getLogger("temporalio.worker").debug("detail")
    logging.getLogger("httpx").info("HTTP Request: GET https://r2.example/?X-Amz-Signature=abc")

    assert lines.all() == []


def test_private_data_is_hidden_whoever_logs_it(lines: Lines):
    structlog.get_logger("shop").info("customer ada@example.com", email="ada@example.com", key=SecretStr("s3cr3t"))
    logging.getLogger("library").info("got %s", {"token": "s3cr3t"}, extra={"password": "s3cr3t"})
    with bound_contextvars(session_id="s3cr3t"):
        logging.getLogger("library").info("bound")

    text = json.dumps(lines.all())
    assert "ada@example.com" not in text
    assert "s3cr3t" not in text
    assert text.count(HIDDEN) == 6


@pytest.mark.parametrize("line_format", ["json", "console"])
def test_a_traceback_shows_no_variables_and_no_private_data(log: Lines, line_format: Literal["json", "console"]):
    log.start(line_format)
    try:
        _fail_for("ada@example.com", password="s3cr3t")
    except ValueError:
        structlog.get_logger("shop").exception("failed")
        logging.getLogger("library").exception("failed")

    assert log.text.count("Traceback (most recent call last)") == 2
    assert log.text.count(f"ValueError: no such customer: {HIDDEN}") == 2
    assert "ada@example.com" not in log.text
    assert "s3cr3t" not in log.text


def test_developers_get_a_line_that_people_can_read(log: Lines):
    log.start("console")

    structlog.get_logger("shop").info("order paid", email="ada@example.com")

    assert "order paid" in log.text
    assert HIDDEN in log.text
    assert not log.text.startswith("{")


def test_a_log_that_is_kept_in_a_file_has_no_terminal_colours(log: Lines):
    """Under the runner, standard error is a file that people search."""
    log.start("console")

    structlog.get_logger("shop").info("order paid", amount=3500)

    assert "\x1b[" not in log.text


def test_the_context_is_on_every_line_within(lines: Lines):
    with bound_contextvars(order_id=ORDER_ID):
        structlog.get_logger("shop").info("ours")
        logging.getLogger("library").info("theirs")
    logging.getLogger("library").info("outside")

    assert [line.get("order_id") for line in lines.all()] == [ORDER_ID, ORDER_ID, None]


def test_uvicorns_access_lines_are_not_written_because_their_paths_carry_tokens(lines: Lines):
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "10.0.0.1:5", "GET", "/image/x?token=t", "1.1", 200)

    assert lines.all() == []


def test_uvicorns_own_handlers_write_no_second_line(log: Lines):
    """Started from its command line, uvicorn has configured its loggers before we are called."""
    uvicorn = logging.getLogger("uvicorn")
    uvicorn.addHandler(logging.StreamHandler(log.written))
    uvicorn.propagate = False
    log.start()

    logging.getLogger("uvicorn.error").info("Started", extra={"color_message": "\x1b[1mStarted"})

    assert log.only()["event"] == "Started"
    assert "color_message" not in log.only()


def test_what_temporals_loggers_know_is_spread_over_the_line(lines: Lines):
    details = {"workflow_id": f"order-{ORDER_ID}", "workflow_run_id": "r1", "activity_type": "capture_payment", "attempt": 3}

    logging.getLogger("temporalio.activity").warning("Completing activity as failed", extra={"temporal_activity": details})

    line = lines.only()
    assert (line["order_id"], line["run_id"], line["activity_type"], line["attempt"]) == (ORDER_ID, "r1", "capture_payment", 3)
    assert "temporal_activity" not in line


@pytest.mark.parametrize(
    ("workflow_id", "order_id"),
    [
        (f"order-{ORDER_ID}", ORDER_ID),
        (f"refund-{ORDER_ID}-2", ORDER_ID),
        (f"design-{ORDER_ID}", None),
        ("vending-3f9a0c0be2d14f7f8a52c0ffee000001", None),
        ("status-poller", None),
    ],
)
def test_a_workflows_id_tells_whose_order_it_is(workflow_id: str, order_id: str | None):
    context = workflow_context(workflow_id, "r1")

    assert context["workflow_id"] == workflow_id
    assert context.get("order_id") == order_id


def test_outside_of_any_workflow_there_is_no_context():
    assert workflow_context(None, None) == {}


def _fail_for(email: str, *, password: str) -> None:
    raise ValueError(f"no such customer: {email}")
