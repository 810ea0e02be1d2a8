"""Orders that began under an earlier release go on under this one: their histories replay."""

import re
from base64 import b64decode
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import NondeterminismError

from config.fields import Key
from config.temporal import pipeline_plugin
from tests.histories.record import CURRENT_KEY, FOLDER, RETIRED_KEY, SCENES, settings
from worker import WORKFLOWS
from workflows.fulfilment import Fulfilment
from workflows.submission import Acceptance

RECORDED = sorted(FOLDER.glob("*.json"))
PATCHABLE = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("workflows"))


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def replayer(*keys: Key, runner: SandboxedWorkflowRunner | None = None) -> Replayer:
    return Replayer(
        workflows=WORKFLOWS, plugins=[pipeline_plugin(settings(*keys))], workflow_runner=runner or SandboxedWorkflowRunner()
    )


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_life_replays(path: Path) -> None:
    """The key that `completed` was encrypted with is only kept for reading."""
    await replayer(CURRENT_KEY, RETIRED_KEY).replay_workflow(history(path))


async def test_a_life_whose_key_is_gone_does_not_replay() -> None:
    """Otherwise the test above would prove nothing about keys."""
    with pytest.raises((ApplicationError, RuntimeError)):
        await replayer(CURRENT_KEY).replay_workflow(history(FOLDER / "completed.json"))


@pytest.mark.parametrize(
    ("owner", "step", "instead"),
    [(Fulfilment, "announce", "prepare_print_file"), (Acceptance, "capture", "submit"), (Acceptance, "submit", "capture")],
)
async def test_another_order_of_the_steps_is_noticed(
    monkeypatch: pytest.MonkeyPatch, owner: type, step: str, instead: str
) -> None:
    monkeypatch.setattr(owner, step, getattr(owner, instead))
    with pytest.raises(NondeterminismError):
        await replayer(CURRENT_KEY, RETIRED_KEY, runner=PATCHABLE).replay_workflow(history(FOLDER / "completed.json"))


def test_every_scene_is_recorded() -> None:
    assert {path.stem for path in RECORDED} >= set(SCENES)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_life_shows_nothing_of_the_customer(path: Path) -> None:
    """Payloads are encrypted; what Temporal keeps in clear text names nobody."""
    text = path.read_text()
    payloads = b"".join(b64decode(data) for data in re.findall(r'"data": ?"([^"]+)"', text))
    assert "binary/encrypted" in {b64decode(encoding).decode() for encoding in re.findall(r'"encoding": ?"([^"]+)"', text)}
    for personal in ("Ada Lovelace", "ada@example.com", "SW1Y"):
        assert personal not in text
        assert personal.encode() not in payloads
