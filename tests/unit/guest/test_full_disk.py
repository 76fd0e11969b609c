"""A full disk is said in one sentence, whoever meets it first: a command, a download, or the guest's own notes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_awsgpu.guest import commands, progress, run

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guest's folders, below a folder of the test's."""
    monkeypatch.setenv("AWSGPU_ROOT", str(tmp_path))
    (tmp_path / "var/lib/awsgpu").mkdir(parents=True)
    return tmp_path


def a_step(act) -> progress.Step:
    return progress.Step("packages", "Installing JupyterLab", lambda: False, act)


def test_a_command_that_finds_no_room() -> None:
    """A command meets the real error of the system; its last words are not a person's."""
    with pytest.raises(commands.DiskFull, match=r"^The disk is full: there was no room for what dd writes\."):
        commands.do(["dd", "if=/dev/zero", f"of={FULL}", "bs=1k", "count=1"], LC_ALL="C")


def test_a_step_that_writes_by_itself() -> None:
    """An error of a step's own writing is the same sentence in the report, without a traceback."""

    def act(say) -> None:
        del say
        with FULL.open("w") as stream:
            stream.write("x" * 100_000)

    assert not run._walk(a_step(act))
    failed = progress.lines()[-1]
    assert failed["phase"] == "failed"
    assert failed["log"].startswith("The disk is full: ")
    assert "Traceback" not in failed["log"]


def test_the_ballast_goes_when_the_notes_find_no_room(root: Path) -> None:
    """It is there before anything is installed; where there is no room even without it, that is an error."""
    progress.load_ballast()
    ballast = root / "var/lib/awsgpu/ballast"
    assert ballast.stat().st_size == progress.BALLAST_BYTES
    (root / "var/lib/awsgpu/progress.jsonl").symlink_to(FULL)
    with pytest.raises(OSError, match="No space left"):
        progress.note("began")
    assert not ballast.exists()


def test_the_notes_go_on_after_half_a_line(root: Path) -> None:
    """A line cut by the full disk hides nothing but itself."""
    (root / "var/lib/awsgpu/progress.jsonl").write_text(json.dumps({"phase": "began"}) + '\n{"phase": "runn')
    progress._append("\n" + json.dumps({"phase": "failed"}) + "\n")
    assert [one["phase"] for one in progress.lines()] == ["began", "failed"]
