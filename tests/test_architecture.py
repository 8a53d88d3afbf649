"""The rooms keep to themselves: contracts of imports, and no attribute's name in code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from multiskin.schema import Schema

ROOT = Path(__file__).parent.parent
RENDERER = ROOT / "multiskin" / "data" / "render"  # draws certain conditions, each by its own name
MODULES = sorted(path for path in (ROOT / "multiskin").rglob("*.py") if not path.is_relative_to(RENDERER))
SCHEMAS = [
    *(ROOT / "configs" / "schemas").glob("*.yaml"),
    *(ROOT / "multiskin" / "data" / "adapters").glob("*.schema.yaml"),
    ROOT / "multiskin" / "embedded" / "schema.yaml",
]
ATTRIBUTES = {name for path in SCHEMAS for name in Schema.load(path).names}


def test_the_contracts_of_imports_hold(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)  # it would silence every logger that there is
    status = lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_attribute_stands_in_code(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [(line, name) for line, name in names_and_words(tree) if name in ATTRIBUTES] == []


def names_and_words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What code names by itself and the words of its strings, with their lines.

    Documentation may give examples, and a keyword of a call, such as matplotlib's color, is named by what is called.
    """
    documentation = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
            yield from ((node.lineno, word) for word in re.findall(r"[\w.-]+", node.value))


@pytest.mark.parametrize(
    "code",
    ["oil = 1", "x.oil", "def oil(): pass", "def f(oil): pass", "{'oil': 5}", "f'val/oil/{x}'", "x == 'oil' or y"],
)
def test_a_name_in_code_would_be_found(code: str) -> None:
    assert "oil" in ATTRIBUTES
    assert "oil" in [name for _, name in names_and_words(ast.parse(code))]


@pytest.mark.parametrize("code", ["'''Such as oil.'''", "f(oil=1)", "spoil = 'turmoil'", "# oil"])
def test_examples_and_the_words_of_others_are_let_be(code: str) -> None:
    assert "oil" not in [name for _, name in names_and_words(ast.parse(code))]
