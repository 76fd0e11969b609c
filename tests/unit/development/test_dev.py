"""dev.py, run as a newcomer runs it, in a repository of three files."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RECORDER = """#!/bin/sh
echo "$(basename "$0") $*" >> "$(dirname "$0")/calls"
exit 0
"""

posix_only = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for tools are shell scripts")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with dev.py and a venv whose tools only write down how they were called."""
    shutil.copy(ROOT / "dev.py", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    tools = tmp_path / ".dev" / "venv" / "bin"
    tools.mkdir(parents=True)
    for name in ("python", "ruff", "mypy", "bandit", "lint-imports"):
        (tools / name).write_text(RECORDER)
        (tools / name).chmod(0o755)
    return tmp_path


def dev(repository: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run dev.py and return what it said."""
    command = [sys.executable, "dev.py", *arguments]
    return subprocess.run(
        command, cwd=repository, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def calls(repository: Path, tool: str) -> list[str]:
    """Return how a tool was called."""
    log = repository / ".dev" / "venv" / "bin" / "calls"
    return [line for line in log.read_text().splitlines() if line.startswith(tool + " ")]


@posix_only
def test_installs_once_for_one_pyproject(repository: Path) -> None:
    """A second run installs nothing; a changed pyproject.toml installs again."""
    dev(repository, "lint", "--fast")
    dev(repository, "lint", "--fast")
    assert len(calls(repository, "python")) == 1
    (repository / "pyproject.toml").write_text("[project]\nname = 'y'\n")
    dev(repository, "lint", "--fast")
    assert len(calls(repository, "python")) == 2


@posix_only
def test_lint_names_the_check_that_failed_and_shows_what_it_said(repository: Path) -> None:
    """One failing check fails the door, with that check's own words."""
    mypy = repository / ".dev" / "venv" / "bin" / "mypy"
    mypy.write_text("#!/bin/sh\necho 'a.py:1: error: no'\nexit 1\n")
    done = dev(repository, "lint", "--fast")
    assert done.returncode == 1
    assert "mypy: FAILED\na.py:1: error: no" in done.stdout
    assert "ruff check: ok" in done.stdout


@posix_only
def test_a_python_without_venv_is_told_what_to_install(repository: Path, tmp_path: Path) -> None:
    """Where venv or ensurepip is missing, the way to get it is named and nothing half-made stays."""
    shutil.rmtree(repository / ".dev")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "venv.py").write_text("raise SystemExit('No module named ensurepip')")
    done = dev(repository, "lint", "--fast", PYTHONPATH=str(broken))
    assert done.returncode == 1
    assert "sudo apt-get install python3." in done.stderr
    assert not (repository / ".dev" / "venv").exists()


def test_an_unknown_layer_is_refused_with_the_names_there_are(repository: Path) -> None:
    """A misspelt layer is not silently an empty run."""
    done = dev(repository, "test", "unti")
    assert done.returncode != 0
    assert "system, notebooks, browser, behaviour, unit" in done.stderr


def test_where_no_advisories_can_be_had_that_is_said_and_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """Behind a mirror that knows none, or with no network: nothing is installed, and lint goes on."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    door = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(door)
    assert door.advisories((ROOT / "dev.py").as_uri() + ".none")
    assert "pip-audit: not asked" in capsys.readouterr().out
