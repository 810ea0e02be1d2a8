"""The rules of pyproject.toml must name what exists."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def _contracts() -> dict[str, dict[str, Any]]:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    return {contract["id"]: contract for contract in tools["importlinter"]["contracts"]}


def test_every_contract_module_is_held_to_pydantic():
    """`models` alone would include the tables, so the modules are listed, and a new one must be listed too."""
    modules = sorted(f"models.{path.stem}" for path in (ROOT / "models").glob("*.py") if path.stem != "__init__")

    assert sorted(_contracts()["contracts"]["source_modules"]) == modules


def test_what_ships_is_what_the_layers_hold():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    packages = {name for name in build["only-include"] if not name.endswith(".py")}

    assert set(_contracts()["shipped"]["source_modules"]) == packages


def test_tests_are_never_a_package():
    """With an `__init__.py`, `tests/api` would be imported as `api`, and the real one would disappear."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []
