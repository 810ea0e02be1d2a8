"""Temporal's own engine: its metrics for Prometheus, its log lines in our log."""

import logging

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from config.groups import TelemetrySettings


def create_runtime(settings: TelemetrySettings) -> Runtime:
    """Return the process's one runtime, to be given to `config.temporal.connect`; it owns threads, so a second one is waste.

    With a `metrics_address`, serves `/metrics` there. Raises `ValueError` when that address cannot be listened on.
    """
    return Runtime(
        telemetry=TelemetryConfig(
            metrics=PrometheusConfig(bind_address=settings.metrics_address, durations_as_seconds=True, unit_suffix=True)
            if settings.metrics_address
            else None,
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(logger=logging.getLogger("temporalio.core"), prepend_target_on_message=False),
            ),
        )
    )
