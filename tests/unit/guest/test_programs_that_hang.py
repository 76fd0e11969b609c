"""The guest asks other programs with a limit, and the limit holds whatever they do."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from jupyter_awsgpu.guest import commands

if TYPE_CHECKING:
    from pathlib import Path


def test_a_program_whose_children_keep_its_output_open_is_not_waited_for(tmp_path: Path) -> None:
    """A hung driver leaves nvidia-smi where no signal reaches it: the one who asked goes on all the same."""
    begun = time.monotonic()
    done = commands.ask(["sh", "-c", 'sleep 300 & echo $! > "$0"; wait', str(tmp_path / "pid")], timeout=3)
    took = time.monotonic() - begun
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert done.status == 124
    assert took < 100
