"""The main road with a real OpenSSH sshd at its end: the simulated AWS's API over real hosts."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.demo import client
from tests.behaviour.road import terminal
from tests.system import rootfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[3]
BEGUN_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the person who launches here; where real hosts cannot be had, say why."""
    try:
        rootfs.base()
    except rootfs.Unavailable as exc:
        pytest.skip(str(exc))
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def awsgpu(data_folder: Path) -> Iterator[Callable[..., terminal.Answer]]:
    """Give the command on a simulated AWS whose instances are real hosts; all of it ends with the module."""
    state = data_folder / "demo" / "aws"
    state.mkdir(parents=True)
    with (state / client.LOG).open("wb") as log:
        command = [sys.executable, "-m", "tests.system.road.real_aws", "--state", str(state)]
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


@pytest.fixture(scope="module")
def box(awsgpu: Callable[..., terminal.Answer]) -> dict[str, Any]:
    """One instance, launched by the real verb; what `launch --json` said of it."""
    answer = awsgpu("launch", "p2.xlarge", "--yes", "--no-open")
    assert answer.status == 0, answer.err
    return answer.document
