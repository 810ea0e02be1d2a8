"""The command that proves a configuration against the manufacturer."""

import asyncio
from pathlib import Path

import pytest

from adapters.manufacturer.check import check, main
from tests.adapters.manufacturer.world import SECRETS, World, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_it_says_which_dialect_the_manufacturer_accepts(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = world.emulator.settings.dialect
    other = "interface" if spoken == "guide" else "guide"
    assert await check(settings_for(world.url, spoken)) is True
    said = capsys.readouterr().out
    assert f"{spoken}: accepted, 12 brands" in said
    assert f"{other}: refused" in said
    assert not [secret for secret in SECRETS if secret in said]


async def test_the_other_dialect_is_not_enough(world: World) -> None:
    assert await check(settings_for(world.url, "interface" if world.emulator.settings.dialect == "guide" else "guide")) is False


async def test_it_changes_nothing_at_the_manufacturer(world: World) -> None:
    await check(settings_for(world.url, world.emulator.settings.dialect))
    entries = world.emulator.controls.ledger.entries()
    assert {entry["operation"] for entry in entries} <= {"logged_in", "call_refused"}


async def test_the_command_reads_the_environment_and_answers_by_its_status(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables = {
        "BASE_URL": f"{world.url}/mobileShell/en",
        "DIALECT": world.emulator.settings.dialect,
        "ACCOUNT": "EXAMPLE-ACCOUNT",
        "PASSWORD": "EXAMPLE-PASSWORD",
        "FIXED_KEY": "EXAMPLE-FIXED-VALUE",
        "DEFAULT_DEVICE_ID": "DEV000000001",
    }
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(f"MANUFACTURER_{name}", value)
    assert await asyncio.to_thread(main) == 0
    monkeypatch.setenv("MANUFACTURER_FIXED_KEY", "ANOTHER-VALUE")
    assert await asyncio.to_thread(main) == 1


async def test_a_missing_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("BASE_URL", "ACCOUNT", "PASSWORD", "FIXED_KEY", "DEFAULT_DEVICE_ID"):
        monkeypatch.delenv(f"MANUFACTURER_{name}", raising=False)
    monkeypatch.setenv("MANUFACTURER_ACCOUNT", "EXAMPLE-ACCOUNT")
    assert main() == 2
    said = capsys.readouterr().err
    assert "MANUFACTURER_FIXED_KEY" in said
    assert "MACHINE_PAY_TYPE" not in said
