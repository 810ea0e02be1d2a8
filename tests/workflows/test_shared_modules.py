"""Orders share the modules of `workflows` in production: nothing in them may be changed by one order."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflows import options

SOURCES = sorted(Path(options.__file__).parent.glob("*.py"))
CHANGERS = {"add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove"}
CHANGERS |= {"reverse", "setdefault", "sort", "update"}


def globals_of(tree: ast.Module) -> set[str]:
    """Names that are bound at the top of a module, imported ones included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
        if isinstance(statement, ast.ClassDef):
            names.add(statement.name)
    return names


def changes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Where a function changes something by its name: a method that changes it, an item, an attribute, `global`."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(function):
            match node:
                case ast.Global(names=names):
                    yield from ((node.lineno, name) for name in names)
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute)) if (
                    attribute in CHANGERS and name != "workflow"  # `workflow.update` is a decorator
                ):
                    yield node.lineno, name
                case (
                    ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del())
                    | ast.Attribute(value=ast.Name(id=name), ctx=ast.Store() | ast.Del())
                ):
                    yield node.lineno, name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_workflow_changes_what_all_orders_share(path: Path) -> None:
    tree = ast.parse(path.read_text())
    shared = globals_of(tree)
    changed = [f"{path.name}:{line} {name}" for line, name in changes(tree) if name in shared]
    assert not changed


@pytest.mark.parametrize(
    "code",
    [
        "SEEN = set()\ndef note(x):\n    SEEN.add(x)",
        "SEEN: dict = {}\nasync def note(x):\n    SEEN[x] = 1",
        "COUNT = 0\ndef note():\n    global COUNT",
        "class Order:\n    pass\ndef note():\n    Order.count = 1",
        "from elsewhere import SEEN\ndef note(x):\n    del SEEN[x]",
    ],
)
def test_such_a_change_would_be_noticed(code: str) -> None:
    tree = ast.parse(code)
    assert [name for _, name in changes(tree) if name in globals_of(tree)]
