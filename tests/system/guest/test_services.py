"""One suite of promises for both backends of the service seam: systemd's units and the guest's own supervisor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CALL = """
import json, sys
sys.path.insert(0, sys.argv[1])
from guest import services as s
b = s.seam()
print(json.dumps({}))
"""


class Bench(Protocol):
    """A host on which the seam is tried."""

    def do(self, expression: str) -> Any:
        """Evaluate an expression with `b` (the backend) and `s` (the module); return its value."""

    def read(self, path: str) -> str:
        """Return a file's text."""

    def restart(self) -> None:
        """Power off and on."""


class Folder:
    """The own supervisor, in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(str(files("jupyter_awsgpu.guest")), root / "opt/awsgpu/guest")
        shutil.copy(root / "opt/awsgpu/guest/main.py", root / "opt/awsgpu/main.py")
        kept = {key: value for key, value in os.environ.items() if key.startswith("AWSGPU_TESTS")}
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root), "AWSGPU_ROOT": str(root), **kept}

    def do(self, expression: str) -> Any:
        argv = [sys.executable, "-c", CALL.format(expression), str(self.root / "opt/awsgpu")]
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def read(self, path: str) -> str:
        file = self.root / path.lstrip("/")
        return file.read_text() if file.exists() else ""

    def restart(self) -> None:
        self.end()
        argv = [sys.executable, "-sE", str(self.root / "opt/awsgpu/main.py"), "supervise"]
        subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL)

    def end(self) -> None:
        record = self.root / "run/awsgpu/supervisor.json"
        if record.exists():
            process = psutil.Process(json.loads(record.read_text())["pid"])
            process.terminate()
            until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the daemon's end")
            shutil.rmtree(self.root / "run")


class Units:
    """systemd on a real host."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine

    def do(self, expression: str) -> Any:
        return json.loads(self.machine.real.run("python3", "-c", CALL.format(expression), "/opt/awsgpu"))

    def read(self, path: str) -> str:
        file = self.machine.real.path(path)
        return str(file.read_text()) if file.exists() else ""

    def restart(self) -> None:
        self.machine.real.run("shutdown", "-h", "now", check=False)
        self.machine.real.wait_until_off(60)
        self.machine.real.start()
        self.machine.real.wait_for_ssh()


@pytest.fixture(params=["supervisor", pytest.param("systemd", marks=[pytest.mark.system, pytest.mark.timeout(600)])])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "systemd":
        yield Units(request.getfixturevalue("ready"))
        return
    folder = Folder(tmp_path / "root")
    yield folder
    folder.end()


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come")
        time.sleep(0.1)


def test_promises_of_a_service(bench: Bench) -> None:
    """Started, restarted on failure, logged, kept over a restart of the host, stopped for good when told."""
    script = "echo up $KEY; exec sleep 1000"
    service = f"s.Service('sleeper', ['/bin/sh', '-c', {script!r}], env={{'KEY': 'a b$c%d'}})"
    assert bench.do(f"b.install({service})") is True
    assert bench.do(f"b.install({service})") is False
    bench.do("b.start('sleeper')")
    until(lambda: bench.do("b.pid('sleeper')"), "the service")
    until(lambda: "up a b$c%d\n" in bench.read("/var/log/awsgpu/sleeper.log"), "the log")
    first = bench.do("b.pid('sleeper')")

    bench.do("b.start('sleeper')")
    assert bench.do("b.pid('sleeper')") == first

    bench.do(f"__import__('os').kill({first}, 9)")
    until(lambda: bench.do("b.pid('sleeper')") not in (0, first), "the service's return")

    bench.restart()
    until(lambda: bench.do("b.running('sleeper')"), "the service after the restart")

    bench.do("b.stop('sleeper')")
    assert bench.do("b.running('sleeper')") is False
    bench.restart()
    time.sleep(1.5)  # nothing to wait for: it must not come
    assert bench.do("b.running('sleeper')") is False


def test_promises_of_work_that_ends_by_itself(bench: Bench) -> None:
    """It runs once, is not repeated when it ends, whatever its status, and goes on after a kill."""
    folder = "/var/lib/awsgpu"
    script = (
        f'echo begun >> "$AWSGPU_ROOT{folder}/work.txt"; [ -e "$AWSGPU_ROOT{folder}/quick" ] && exit 1; exec sleep 1000'
    )
    bench.do(f"b.install(s.Service('work', ['/bin/sh', '-c', {script!r}], restart='abnormal'))")
    bench.do(f"__import__('os').makedirs(__import__('guest.paths').paths.at({folder!r}), exist_ok=True)")
    bench.do("b.start('work')")
    until(lambda: bench.read(f"{folder}/work.txt").count("begun") == 1 and bench.do("b.pid('work')"), "the work")
    bench.do("__import__('os').kill(b.pid('work'), 9)")
    until(lambda: bench.read(f"{folder}/work.txt").count("begun") == 2, "its return after a kill")
    bench.do(f"open(__import__('guest.paths').paths.at({folder!r}) + '/quick', 'w').close()")
    bench.do("b.restart('work')")
    until(lambda: bench.read(f"{folder}/work.txt").count("begun") == 3, "its restart")
    time.sleep(2.5)  # nothing to wait for: it must not come again
    assert bench.read(f"{folder}/work.txt").count("begun") == 3


def test_promises_of_timed_work(bench: Bench) -> None:
    """It runs every so many seconds, and goes on doing so after a restart of the host."""
    script = 'echo tick >> "$AWSGPU_ROOT/var/lib/awsgpu/ticks.txt"'
    bench.do(f"b.install(s.Service('ticker', ['/bin/sh', '-c', {script!r}], every=1))")
    bench.do("__import__('os').makedirs(__import__('guest.paths').paths.state(), exist_ok=True)")
    bench.do("b.start('ticker')")
    until(lambda: bench.read("/var/lib/awsgpu/ticks.txt").count("tick") >= 2, "two ticks")
    assert bench.do("b.running('ticker')") is True
    bench.restart()
    count = bench.read("/var/lib/awsgpu/ticks.txt").count("tick")
    until(lambda: bench.read("/var/lib/awsgpu/ticks.txt").count("tick") > count, "a tick after the restart")


def test_promises_of_work_that_is_asked_for_again_and_again(bench: Bench) -> None:
    """Each time it begins at once, however quickly it ended before; only what nobody asked for waits."""
    script = 'echo begun >> "$AWSGPU_ROOT/var/lib/awsgpu/asked.txt"'
    bench.do(f"b.install(s.Service('asked', ['/bin/sh', '-c', {script!r}], restart='abnormal'))")
    bench.do("__import__('os').makedirs(__import__('guest.paths').paths.state(), exist_ok=True)")
    for times in range(1, 8):
        bench.do("b.restart('asked')")
        seen = f"beginning {times}"
        until(lambda times=times: bench.read("/var/lib/awsgpu/asked.txt").count("begun") == times, seen, seconds=5)
