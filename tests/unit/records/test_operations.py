"""Operation logs show any process what another one is doing."""

import json
import os
import subprocess
import sys

import pytest

from jupyter_awsgpu.errors import NoCapacity
from jupyter_awsgpu.records import Operations


def test_steps_are_logged_and_heard(tmp_path):
    """Every step's start, words and end reach the listener and the log alike."""
    heard = []
    operations = Operations(tmp_path)
    with operations.begin("launch", "gpu", heard.append) as operation, operation.step("image", "Choosing") as step:
        step.say("Half way", fraction=0.5)
    (summary,) = operations.recent()
    assert [(one.step, one.phase) for one in heard] == [
        ("", "started"),
        ("image", "started"),
        ("image", "said"),
        ("image", "done"),
        ("", "done"),
    ]
    assert summary.events == tuple(heard)
    assert summary.outcome == "done"
    assert summary.events[3].seconds is not None


def test_a_failure_is_the_last_word(tmp_path):
    """A verb that raises leaves a log that says so."""
    operations = Operations(tmp_path)
    with pytest.raises(ValueError, match="no"), operations.begin("stop", "gpu"):
        raise ValueError("no")
    assert operations.recent()[0].outcome == "failed"


def test_a_failure_leaves_its_remedy(tmp_path):
    """Another surface can offer the command that mends what failed here."""
    operations = Operations(tmp_path)
    with pytest.raises(NoCapacity), operations.begin("launch", "gpu"):
        raise NoCapacity(instance_type="p2.xlarge", tried="us-west-2a", region="us-west-2")
    (summary,) = operations.recent()
    assert (summary.error, summary.remedy) == ("no-capacity", "awsgpu launch p2.xlarge --any-region")


def test_a_killed_process_is_seen_as_broken(tmp_path):
    """An operation whose process is gone without a last word is broken, not running for ever."""
    code = (
        "import sys, os; from pathlib import Path; from jupyter_awsgpu.records import Operations\n"
        "o = Operations(Path(sys.argv[1])).open('launch', 'gpu'); o.emit('', 'started', 'x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert Operations(tmp_path).recent()[0].outcome == "broken"


def test_an_operation_under_way_is_running(tmp_path):
    """While its process lives and has not ended it, an operation is running."""
    operations = Operations(tmp_path)
    operations.open("launch", "gpu").emit("", "started", "x")
    assert operations.recent(name="gpu")[0].outcome == "running"
    assert operations.recent(name="other") == ()


def test_a_half_written_line_is_passed_over(tmp_path):
    """A reader that comes while a line is being written sees the lines before it."""
    operations = Operations(tmp_path)
    operations.open("launch", "gpu").emit("", "started", "x")
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("a") as file:
        file.write(json.dumps({"verb": "launch"})[:5])
    assert len(operations.recent()[0].events) == 1


@pytest.mark.skipif(os.name != "posix", reason="a link that leads nowhere stands for a file that has just gone")
def test_a_log_removed_while_they_are_read_is_passed_over(tmp_path):
    """Another process begins an operation at that moment, and the oldest log makes room for it."""
    operations = Operations(tmp_path)
    operations.open("launch", "gpu").emit("", "started", "x")
    (tmp_path / "20000101T000000-stop-gpu-000000.jsonl").symlink_to(tmp_path / "gone")
    assert [one.verb for one in operations.recent()] == ["launch"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_logs_are_private(tmp_path):
    """A log names instances and addresses: only its owner reads it."""
    Operations(tmp_path).open("launch", "gpu")
    (path,) = tmp_path.glob("*.jsonl")
    assert path.stat().st_mode & 0o077 == 0


def test_an_interrupted_step_says_so_in_words(tmp_path):
    """A person pressed stop: the name of Python's exception is not theirs to read."""
    heard = []
    operations = Operations(tmp_path)
    with pytest.raises(KeyboardInterrupt), operations.begin("launch", "gpu", heard.append):
        raise KeyboardInterrupt
    assert heard[-1].text == "Interrupted"
