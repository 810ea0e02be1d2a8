"""A log that tests can read."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from temporalio import activity, workflow

from tests.config.lines import Lines


@pytest.fixture
def log() -> Iterator[Lines]:
    """A log that is not configured yet; what the test configures is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Lines()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    activity.logger.activity_info_on_message = True
    workflow.logger.workflow_info_on_message = True


@pytest.fixture
def lines(log: Lines) -> Lines:
    """A log in JSON."""
    log.start()
    return log
