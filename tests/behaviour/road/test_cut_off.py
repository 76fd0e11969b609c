"""Cut off in the middle: killed, interrupted, or answered by somebody else's host key.

A launch is cut at moments its operation log and AWS's own log of calls show, never after a pause.
Two instances serve all of these tests.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncssh
import pytest
from jupyter_client.manager import AsyncKernelManager

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.host.identity import fingerprint
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.surfaces.kernels.provisioner import KernelNotStarted
from tests.behaviour.road.remote_jupyter import status_of
from tests.behaviour.road.terminal import end, run, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_awsgpu.demo.client import DemoStatus
    from tests.behaviour.road.terminal import Answer

LAUNCH = ("launch", "p2.xlarge", "--yes", "--no-open")


@pytest.fixture(scope="module")
def records(demo: DemoStatus) -> Records:
    """What the launching person's machine keeps about the simulated AWS."""
    return Records(demo.state_dir.parent)


@pytest.fixture(autouse=True, scope="module")
def clean(demo: DemoStatus) -> Iterator[None]:
    """Leave no instance behind, and no fault open."""
    yield
    client.ask(demo, "settings", {"latency_ms": 0, "stopping_s": 0.3})
    for one in run("status").document:
        run("terminate", one["instance_id"], "--yes")


def wait(condition: Callable[[], object], what: str, process: subprocess.Popen[str]) -> None:
    """Return as soon as the condition holds; fail if the command ends before."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, f"it ended before {what}: {end(process)}"
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.005)


def reached(records: Records, process: subprocess.Popen[str], step: str, *phases: str) -> None:
    """Return when the command's operation log says that a step is in one of these phases."""

    def seen() -> bool:
        mine = [one for one in records.operations.recent(limit=3) if one.pid == process.pid]
        return any(event.step == step and event.phase in phases for one in mine for event in one.events)

    wait(seen, f"{step} {phases}", process)


@contextmanager
def slow_launch(demo: DemoStatus, process: subprocess.Popen[str], seconds: float) -> Iterator[Callable[[], dict]]:
    """Let EC2 think about the next RunInstances; yields, once it has the request, a look at its log of that call."""
    client.ask(demo, "faults", {"operation": "RunInstances", "latency_ms": seconds * 1000})
    before = max((row["number"] for row in client.ask(demo, "calls")), default=0)

    def call() -> dict:
        rows = client.ask(demo, f"calls?since={before}")
        return next((row for row in rows if row["operation"] == "RunInstances" and not row["dry_run"]), {})

    wait(call, "RunInstances", process)
    yield call


def kill(process: subprocess.Popen[str]) -> None:
    """End the launching process as a crash or `kill -9` does."""
    process.kill()
    process.communicate(timeout=30)


def arrived(condition: Callable[[], object], what: str) -> None:
    """Return as soon as something holds that no command of ours brings about."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.005)


def interrupt(process: subprocess.Popen[str], words: tuple[str, ...] = LAUNCH) -> Answer:
    """Press Ctrl-C; return what the command left, which it does at once."""
    process.send_signal(signal.SIGINT)
    answer = end(process)
    assert answer.status == 130, answer.err  # before what it waited for came, or it would have ended well
    assert answer.out == ""
    assert answer.error["error"] == "interrupted"
    assert answer.error["remedy"] == " ".join(("awsgpu --demo --json", *words))
    return answer


def seen_by_another_process() -> dict:
    """Return the one instance that `status` shows."""
    answer = run("status")
    assert answer.status == 0, answer.err
    assert len(answer.document) == 1, answer
    return answer.document[0]


def live(answer: Answer) -> dict:
    """Return what a launch said that ended at a Jupyter which wants the token."""
    assert answer.status == 0, answer.err
    box = answer.document
    assert (status_of(box, box["token"]), status_of(box, None)) == (200, 403)
    return box


def test_killed_anywhere_the_same_launch_goes_on(demo: DemoStatus, records: Records) -> None:
    """Killed before EC2's answer is read, while the instance sets itself up, and with the tunnel up: one instance."""
    launching = start(*LAUNCH)
    with slow_launch(demo, launching, 0.3) as call:
        os.kill(launching.pid, signal.SIGSTOP)  # EC2 has the request, and nobody will read its answer
        wait(lambda: call()["status"], "EC2's answer", launching)
        kill(launching)
    assert call()["status"] == 200, call()
    assert records.journal.entries()[-1].unanswered
    assert len(_alive(demo)) == 1, _log_of(demo)
    first = seen_by_another_process()

    launching = start(*LAUNCH)
    reached(records, launching, "provision", "said")
    kill(launching)
    assert seen_by_another_process()["instance_id"] == first["instance_id"]

    launching = start(*LAUNCH)
    reached(records, launching, "tunnel", "done")
    kill(launching)
    left = seen_by_another_process()
    assert (left["instance_id"], left["state"]) == (first["instance_id"], "running")
    assert status_of(left, run("token").document["token"]) == 200

    box = live(run(*LAUNCH))
    assert (box["instance_id"], box["local_port"]) == (first["instance_id"], left["local_port"])
    assert _alive(demo) == [first["instance_id"]]
    assert records.journal.read(box["launch_id"]).request is None  # it holds the first host key


def test_interrupted_anywhere_it_says_what_exists_and_how_to_go_on(demo: DemoStatus, records: Records) -> None:
    """Ctrl-C at any moment ends at once with 130; the line it names goes on, and never makes a second instance."""
    run("terminate", "gpu", "--yes")
    client.ask(demo, "settings", {"latency_ms": 3000})
    launching = start(*LAUNCH)
    reached(records, launching, "account", "started")
    assert "Nothing was created." in interrupt(launching).error["message"]
    client.ask(demo, "settings", {"latency_ms": 0})
    assert run("status").document == []

    launching = start(*LAUNCH)
    with slow_launch(demo, launching, 1.0) as call:
        assert "may have been created" in interrupt(launching).error["message"]
        arrived(lambda: call()["status"], "the instance nobody waited for")
    first = seen_by_another_process()

    for step, phase in (("provision", "said"), ("tunnel", "done")):
        launching = start(*LAUNCH)
        reached(records, launching, step, phase)
        assert f"gpu ({first['instance_id']}) exists and costs money" in interrupt(launching).error["message"]
        assert seen_by_another_process()["instance_id"] == first["instance_id"]

    assert live(run(*LAUNCH))["instance_id"] == first["instance_id"]
    assert _alive(demo) == [first["instance_id"]]


@pytest.mark.parametrize("words", [("stop",), ("start", "--no-open"), ("connect",), ("terminate", "--yes")])
def test_every_verb_that_waits_can_be_interrupted(demo: DemoStatus, records: Records, words: tuple[str, ...]) -> None:
    """Ctrl-C while a verb asks and waits ends it with 130, and leaves no lock: the same verb goes through again."""
    if not run("status").document:
        live(run(*LAUNCH))
    client.ask(demo, "settings", {"latency_ms": 3000, "stopping_s": 2})
    working = start(*words)
    reached(records, working, "", "started")
    assert "gpu" in interrupt(working, words).error["message"]
    client.ask(demo, "settings", {"latency_ms": 0, "stopping_s": 0.3})
    again = run(*words)
    gone = words[0] == "terminate" and not run("status").document  # EC2 obeyed the one that nobody waited for
    assert again.status == 0 or gone, again.err


REFUSING = (
    ("connect", "gpu"),
    ("token", "gpu"),
    ("ssh", "gpu", "--", "touch", "intruded"),
    ("push", "intruded", "--name", "gpu"),
    ("pull", "secret", "--name", "gpu"),
    ("run", "--name", "gpu", "intruded"),
    ("runs", "gpu"),
    ("gpu", "gpu"),
    ("kernel", "gpu"),
    ("logs", "gpu"),
    ("logs", "gpu", "--source", "jupyter"),
    ("keep", "gpu", "2h"),
    ("provision", "gpu"),
    ("image", "gpu", "--name", "kept", "--freeze"),
    LAUNCH,
)
"""Every verb that reaches an instance."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a script that is not to arrive anywhere."""
    (tmp_path / "intruded").write_text("print('intruded')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pins_that_do_not_fit_refuse_every_path(demo: DemoStatus, records: Records, here: Path) -> None:
    """With another key pinned, nothing is sent to the host that answers; with the right one, all is as before."""
    box = live(run(*LAUNCH))
    spec = run("kernel", "gpu").document["spec"]
    right, logins = records.pins.read(box["launch_id"]), logins_of(demo, box)
    records.pins.write(box["launch_id"], (_public_line(asyncssh.generate_private_key("ssh-ed25519")),))
    try:
        for words in REFUSING:
            assert_refused(run(*words), right[0])
        assert_kernel_refused(spec, right[0])
        assert logins_of(demo, box) == logins
    finally:
        records.pins.write(box["launch_id"], right)
    assert list(disk_of(demo, box).rglob("intruded")) == []
    assert [path.name for path in here.iterdir()] == ["intruded"]
    assert live(run(*LAUNCH))["instance_id"] == box["instance_id"]


def test_a_host_with_another_key_is_refused_on_every_path(demo: DemoStatus, here: Path) -> None:
    """Somebody else's sshd at the instance's address learns nothing and is told nothing."""
    box = live(run(*LAUNCH))
    spec = run("kernel", "gpu").document["spec"]
    run("stop")
    disk, logins = disk_of(demo, box), logins_of(demo, box)
    (key_file,) = disk.rglob("ssh_host_ed25519_key")
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    key_file.write_bytes(stranger.export_private_key("openssh"))
    for words in (("start", "--no-open"), *REFUSING):
        assert_refused(run(*words), _public_line(stranger))
    assert_kernel_refused(spec, _public_line(stranger))
    assert logins_of(demo, box) == logins
    assert list(disk.rglob("intruded")) == []
    assert [path.name for path in here.iterdir()] == ["intruded"]
    left = seen_by_another_process()
    assert (left["state"], left["tunnel"]) == ("running", None)


def disk_of(demo: DemoStatus, box: dict) -> Path:
    """Return where the simulated instance has its disk."""
    return demo.state_dir / "hosts" / box["instance_id"]


def logins_of(demo: DemoStatus, box: dict) -> list[str]:
    """Return who has logged in to the instance so far, out of its own log."""
    return [line for path in disk_of(demo, box).rglob("auth.log") for line in path.read_text().splitlines()]


def assert_refused(answer: Answer, shown: str) -> None:
    """Say that a verb ended because of the host key it was shown, and named it."""
    assert answer.status == 1, answer
    assert answer.error["error"] == "host-key-wrong", answer.err
    assert fingerprint(shown) in answer.error["message"]


def assert_kernel_refused(spec: str, shown: str) -> None:
    """Say that a notebook's kernel does not start because of the host key that was shown, and names it."""

    async def start_kernel() -> None:
        await AsyncKernelManager(kernel_name=spec).start_kernel()

    with pytest.raises(KernelNotStarted, match=f"is not gpu: its host key is {re.escape(fingerprint(shown))}"):
        asyncio.run(start_kernel())


def _public_line(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


def _log_of(demo: DemoStatus) -> str:
    """Return what the simulated AWS has, and the end of its log: why an instance that it accepted is not there."""
    logged = [path.read_text(encoding="utf-8", errors="replace")[-3000:] for path in demo.state_dir.glob("*.log")]
    return "\n".join([str(client.ask(demo, "status")["instances"]), *logged])


def _alive(demo: DemoStatus) -> list[str]:
    return [one["id"] for one in client.ask(demo, "status")["instances"] if one["state"] != "terminated"]
