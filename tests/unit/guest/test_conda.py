"""Miniforge and Anaconda, by the demo's stand-ins for their installers: silent, checked, whole or done again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from jupyter_awsgpu.demo.hosts.images import offer_conda
from jupyter_awsgpu.demo.hosts.isolation import Ground
from jupyter_awsgpu.guest import interpreter, progress, run

MACHINE = "x86_64"


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plain image of the simulated AWS, in a folder."""
    monkeypatch.setenv("AWSGPU_ROOT", str(tmp_path))
    (tmp_path / "opt").mkdir()
    offer_conda(Ground("folder", tmp_path))
    return tmp_path


def find(wish: str) -> dict:
    """Run the step that finds Python; return what it wrote last."""
    step, _packages = interpreter.steps({"python": wish}, MACHINE)
    run._walk(step)
    return progress.lines()[-1]


def login(root: Path, command: str) -> str:
    """Return what a command says in a shell that has read what login shells read."""
    reads = 'for one in "$0"/etc/profile.d/*.sh; do . "$one"; done;'
    done = subprocess.run(["sh", "-c", f"{reads} {command}", root], capture_output=True, text=True, check=False)
    return done.stdout.strip()


@pytest.mark.parametrize("kind", ["miniforge", "anaconda"])
def test_it_is_installed_silently_and_once(plain: Path, kind: str) -> None:
    """Nobody is asked anything, and half an installation that a power cut left is no hindrance; the next run skips."""
    half = plain / f"opt/{kind}3/bin"
    half.mkdir(parents=True)
    (half / "python3").write_text("")
    assert find(kind)["phase"] == "done"
    assert interpreter.path() == str(half / "python3")
    assert (half / "conda").exists()
    assert login(plain, "command -v conda") == str(half / "conda")
    assert interpreter.probe(interpreter.path())["version"]
    assert find(kind)["phase"] == "skipped"


def test_a_checksum_that_is_published_is_kept_to(plain: Path) -> None:
    """An installer that is not what its vendor published is not run."""
    mirrors = json.loads((plain / "etc/awsgpu/mirror.json").read_text())
    installer = Path(mirrors["miniforge"].removeprefix("file://"))
    installer.write_text("#!/bin/sh\ntouch ran\n")
    failed = find("miniforge")
    assert failed["phase"] == "failed"
    assert "published checksum" in failed["log"]
    assert interpreter.path() == ""
