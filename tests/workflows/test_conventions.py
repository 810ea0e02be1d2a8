"""What every workflow keeps to, read from its source."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.common import RetryPolicy

from models import errors
from workflows import options
from workflows.options import HEARTBEAT

SOURCES = sorted(Path(options.__file__).parent.glob("*.py"))
ACTIVITY_CALLS = {"execute_activity_method", "execute_local_activity_method", "start_activity_method"}
NOT_OURS = ("TemporalTimeout:", "PayloadsTooLarge")
"""How failures are called that the server and the SDK make."""
BANNED_CALLS = {"uuid4", "uuid7", "random", "execute_activity", "start_activity", "execute_local_activity"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


def named_options() -> dict[str, dict[str, object]]:
    return {name: value for name, value in vars(options).items() if isinstance(value, dict) and not name.startswith("_")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_activity_call_takes_its_time_outs_from_a_named_policy_and_says_what_it_is(path: Path) -> None:
    for name, call in calls(path):
        if name in ACTIVITY_CALLS:
            given = {keyword.arg for keyword in call.keywords}
            assert None in given, f"{path.name}:{call.lineno} spreads no options of workflows/options.py"
            assert "summary" in given, f"{path.name}:{call.lineno} has no summary for the Web UI"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_keys_and_ids_are_never_drawn_by_chance(path: Path) -> None:
    """A reset draws other numbers, so whatever they name would be done twice."""
    drawn = [f"{path.name}:{call.lineno} {name}" for name, call in calls(path) if name in BANNED_CALLS]
    assert not drawn


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_workflow_is_ended_by_a_time_out_that_runs_no_code(path: Path) -> None:
    source = path.read_text()
    assert "execution_timeout" not in source
    assert "run_timeout" not in source


def test_every_policy_limits_one_try_and_names_errors_that_exist() -> None:
    known = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    for name, policy in named_options().items():
        assert policy.get("start_to_close_timeout"), f"{name} has no start_to_close_timeout"
        retry = policy.get("retry_policy")
        assert isinstance(retry, RetryPolicy), f"{name} has no retry policy"
        assert retry.maximum_interval, f"{name} backs off without a cap"
        ours = {error for error in retry.non_retryable_error_types or () if not error.startswith(NOT_OURS)}
        assert ours <= known, f"{name} names errors that do not exist: {ours - known}"


def test_every_try_that_may_take_minutes_beats_so_that_a_dead_worker_is_noticed_and_a_cancel_heard() -> None:
    for name, policy in named_options().items():
        longest, heartbeat = policy["start_to_close_timeout"], policy.get("heartbeat_timeout")
        assert isinstance(longest, timedelta)
        assert heartbeat == HEARTBEAT if longest >= timedelta(minutes=1) else heartbeat is None, name


def test_a_submission_whose_worker_fell_silent_is_looked_up_and_never_just_repeated() -> None:
    retry = options.SUBMIT["retry_policy"]
    assert {"TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"} <= set(retry.non_retryable_error_types or ())


def test_only_what_must_succeed_has_no_budget() -> None:
    endless = {name for name, policy in named_options().items() if not policy.get("schedule_to_close_timeout")}
    assert endless == {"COMPENSATION", "ROW"}
