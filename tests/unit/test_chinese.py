"""Whatever a person reads on a screen – steps, checks, tables, answers – has its Chinese, with the same facts."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babel.messages.pofile import read_po

import jupyter_awsgpu
from jupyter_awsgpu import errors
from jupyter_awsgpu.surfaces.grammar import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(jupyter_awsgpu.__file__).parent
TOLD_BY = {  # which argument of which call a person reads
    "tr": (0,), "_tr": (0,), "Action": (1,), "Column": (0,), "Cell": (0,),
    "step": (1,), "say": (0,), "hear": (2,), "_question": (1,), "_Note": (0,), "Check": (1,), "Step": (1,),
    "UsageError": (0,), "AwsGpuError": (0,),
}  # fmt: skip
TOLD_AS = errors.SAID | {"detail", "empty", "title", "notes"}
ANSWERING = ("verbs/plan.py", "verbs/doctor.py", "verbs/estimate.py", "guest/idle.py")
"""Files whose functions return sentences to be shown."""

TABLES = ("checks.py", "choosing.py", "instances.py", "spending.py")
"""Files that write a table's labels as the first of a pair."""

SAME = {
    *("GPU", "GPU {} %", "Jupyter", "SSH", "Python", "CUDA", "CC", "{} GB", "jupyter-awsgpu", "localhost:{}"),
    *("flask", "PENDING", "credentials", "own", "set {}"),  # words of the machine's
}
"""Names that are the same in Chinese."""


def normal(template: str) -> str:
    """Return a template with its facts nameless."""
    return re.sub(r"\{[^}]*\}", "{}", template)


def texts(node: ast.AST) -> Iterator[str]:
    """Yield the templates that an expression can be, with nameless facts."""
    match node:
        case ast.Constant(value=str(text)):
            yield normal(re.sub(r"%(\.\d)?[sdgf]", "{}", text).replace("%%", "%"))
        case ast.JoinedStr(values=parts):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from (*texts(one), *texts(other))
        case ast.BoolOp(values=several) | ast.Tuple(elts=several):
            yield from (text for one in several for text in texts(one))
        case ast.BinOp(op=ast.Mod(), left=text):
            yield from texts(text)
        case ast.BinOp(op=ast.Add(), left=one, right=other):
            ends = list(texts(other)) or ["{}"]
            yield from (begin + end for begin in (list(texts(one)) or ["{}"]) for end in ends)
        case ast.Call(func=ast.Attribute(attr="format", value=text)):
            yield from texts(text)


def told(path: Path) -> set[str]:
    """Return the templates that a source file says to people."""
    found: list[str] = []
    answers = str(path.relative_to(PACKAGE)) in ANSWERING
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            for index in TOLD_BY.get(name, ()):
                found += texts(node.args[index]) if index < len(node.args) else []
            for keyword in node.keywords:
                found += texts(keyword.value) if keyword.arg in TOLD_AS and name != "dict" else []
        elif isinstance(node, ast.Return) and answers and node.value is not None:
            found += texts(node.value)
        elif isinstance(node, ast.Tuple) and isinstance(node.elts[0] if node.elts else None, ast.Constant):
            labelled = len(node.elts) in (2, 3) and (path.name in TABLES or answers)
            found += texts(node.elts[-2]) if labelled else []
    verbs = set(VERBS)
    said = {one for one in found if re.search(r"[A-Za-z]{2}", one.replace("{}", "")) and "awsgpu " not in one[:8]}
    return said - verbs - SAME


def sources() -> list[Path]:
    """Return the files that hold what people read."""
    folders = ("surfaces", "verbs", "guest")
    return [path for folder in folders for path in sorted((PACKAGE / folder).rglob("*.py"))]


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    """The catalogue, by templates with nameless facts."""
    with (PACKAGE / "locale" / "zh_CN.po").open("rb") as file:
        return {normal(str(one.id)): str(one.string) for one in read_po(file) if one.id}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_a_file_says_has_its_chinese(path: Path, chinese: dict[str, str]) -> None:
    """Steps of verbs and of the guest, checks and their answers, titles, columns and notes of tables."""
    lacking = sorted(one for one in told(path) if not chinese.get(one))
    assert not lacking, "not in locale/zh_CN.po: " + repr(lacking)
