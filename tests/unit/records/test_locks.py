"""One change at a time, and a dead holder holds nothing."""

import subprocess
import sys

import pytest

from jupyter_awsgpu.errors import Busy
from jupyter_awsgpu.records import Records

HOLD = (
    "import sys; from pathlib import Path; from jupyter_awsgpu.records import Records\n"
    "with Records(Path(sys.argv[1])).lock('gpu'):\n    print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_busy(tmp_path, holder):
    """While one process changes an instance, another is told so."""
    with pytest.raises(Busy), Records(tmp_path).lock("gpu"):
        pass


def test_other_names_are_free(tmp_path, holder):
    """A lock is of one instance."""
    with Records(tmp_path).lock("other"):
        pass


def test_a_dead_holder_holds_nothing(tmp_path, holder):
    """The lock goes with the process that held it, however it ended."""
    holder.kill()
    holder.wait()
    with Records(tmp_path).lock("gpu", timeout_s=5):
        pass
