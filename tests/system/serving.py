"""Serve the simulated AWS's API with real hosts behind it, for the tests of a module."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo import client
from tests.behaviour.road import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Awsgpu = Callable[..., terminal.Answer]

REPOSITORY = Path(__file__).parents[2]
BEGUN_WITHIN_S = 60.0


@contextmanager
def serving(data_folder: Path, *options: str) -> Iterator[Awsgpu]:
    """Give the command on a simulated AWS whose instances are real hosts; all of it ends with the block."""
    state = data_folder / "demo" / "aws"
    state.mkdir(parents=True)
    with (state / client.LOG).open("wb") as log:
        command = [sys.executable, "-m", "tests.system.road.real_aws", "--state", str(state), *options]
        server = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    run = partial(terminal.run, AWSGPU_DATA_DIR=str(data_folder))
    try:
        _wait_for(server, state)
        yield run
        for one in run("status").document:
            run("terminate", one["instance_id"], "--yes")
    finally:
        run("demo", "down")
        server.wait(30)


def _wait_for(server: subprocess.Popen[bytes], state: Path) -> None:
    deadline = time.monotonic() + BEGUN_WITHIN_S
    while not client.status(state).running:
        assert server.poll() is None, (state / client.LOG).read_text()
        assert time.monotonic() < deadline, "the simulated AWS does not begin"
        time.sleep(0.05)
