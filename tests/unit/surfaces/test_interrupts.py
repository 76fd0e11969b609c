"""Ctrl-C in the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

LOSING = """
import sys, time
from jupyter_awsgpu.__main__ import hear_interrupts

class Finalised:
    def __del__(self):
        print("here", flush=True)
        time.sleep(60)  # the interrupt comes in a callback of Python's, and is dropped there

hear_interrupts()
one = Finalised()
try:
    del one
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.allowed_skip("POSIX signals")
def test_an_interrupt_that_python_drops_is_repeated():
    """One press is enough, wherever it meets the program."""
    with subprocess.Popen([sys.executable, "-c", LOSING], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=50)
    assert process.returncode == 130
    assert b"Exception ignored" in said
