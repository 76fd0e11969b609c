"""Every shell line that runs on an instance passes shellcheck."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.host import generate_host_key
from jupyter_awsgpu.remote import user_data

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(str(files("jupyter_awsgpu")))
ROOMS = ("remote", "verbs", "host")


def sent() -> Iterator[tuple[str, str]]:
    """Yield (where, line) of each `["sh", "-c", LINE, …]` whose line is a constant, or made of one by `format`."""
    for path in sorted(one for room in ROOMS for one in (PACKAGE / room).rglob("*.py")):
        where = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.List) and [getattr(one, "value", None) for one in node.elts[:2]] == ["sh", "-c"]:
                line = _constant(where, node.elts[2])
                if line is not None:
                    yield f"{where}:{node.lineno}", line


def _constant(where: str, node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        line = _constant(where, node.func.value)
        return line and re.sub(r"\{\w*\}", "1", line)
    if isinstance(node, ast.Name):
        found = getattr(importlib.import_module(where), node.id, None)
        return found if isinstance(found, str) else None
    return None


def booted() -> Iterator[tuple[str, str]]:
    """Yield (where, line) of what cloud-init runs."""
    document = user_data.cloud_config(user_data.GuestConfig("gpu", "l-1", "ubuntu"), generate_host_key())
    assert isinstance(document["bootcmd"], list)
    for number, command in enumerate(document["bootcmd"]):
        assert command[:2] == ["sh", "-c"]
        yield f"bootcmd {number}", command[2]


LINES = dict([*sent(), *booted()])


def test_the_lines_are_found() -> None:
    """An empty list would pass too."""
    assert user_data.BRING in LINES.values()
    assert len(LINES) >= 5


@pytest.mark.parametrize("where", LINES)
def test_it_passes(where: str, tmp_path: Path) -> None:
    """As /bin/sh reads it."""
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    script = tmp_path / "line.sh"
    script.write_text("#!/bin/sh\n" + LINES[where])
    # SC2016: a `$1` in single quotes belongs to an inner shell; arm.sh says so where it happens
    done = subprocess.run([shellcheck, "-e", "SC2016", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
