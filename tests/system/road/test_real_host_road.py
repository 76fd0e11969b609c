"""The whole road with a real host at its end: the verbs, AWS's API, systemd, cloud-init, OpenSSH's sshd.

The tests share one instance and run in this order: from launch to nothing left.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.behaviour.road.remote_jupyter import computed, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.behaviour.road.terminal import Answer

    Awsgpu = Callable[..., Answer]

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


def remote(awsgpu: Awsgpu, *command: str) -> str:
    """Run a command on the instance by the person's own OpenSSH client; return its output."""
    answer = awsgpu("ssh", "gpu", "--", *command)
    assert answer.status == 0, answer.err
    return answer.out


def test_launch_ends_at_a_jupyter_that_wants_the_token(box: dict[str, Any]) -> None:
    """Through the tunnel, Jupyter's API is 200 with the token and 403 without or with another."""
    assert (box["state"], box["ssh_port"], box["ssh_user"]) == ("running", 22, "ubuntu")
    assert status_of(box, box["token"]) == 200
    assert status_of(box, None) == 403
    assert status_of(box, "another") == 403


def test_a_kernel_answers_from_the_instance(box: dict[str, Any], awsgpu: Awsgpu) -> None:
    """A kernel started over that server computes, as the image's user, on the instance's own system."""
    total, where = computed(box, "print(1+1)", "import os, pwd; print(pwd.getpwuid(os.getuid())[0], os.uname()[1])")
    assert total == "2\n"
    assert where.split() == ["ubuntu", remote(awsgpu, "hostname").strip()]
    assert where.split()[1] != os.uname()[1]


def test_sshd_serves_the_instances_own_key_alone(box: dict[str, Any], awsgpu: Awsgpu, data_folder: Path) -> None:
    """After launch an outsider is shown an ed25519 key and no other: the one pinned here, made on the instance."""
    served = _host_keys(box["public_address"])
    pinned = json.loads((data_folder / "demo" / "pins" / f"{box['launch_id']}.json").read_text())["accepted"]
    assert served == pinned
    assert [line.split()[0] for line in served] == ["ssh-ed25519"]
    files = remote(awsgpu, "ls /etc/ssh/ssh_host_*").split()
    assert files == ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub"]


def test_the_services_are_systemds(box: dict[str, Any], awsgpu: Awsgpu) -> None:
    """Jupyter and the watchdog are systemd's to keep, and the shutdown that needs none of us is armed."""
    for unit in ("awsgpu-jupyter.service", "awsgpu-watch.timer", "awsgpu-deadline.timer"):
        assert remote(awsgpu, "systemctl", "is-active", unit).strip() == "active"
    assert remote(awsgpu, "systemctl", "show", "-P", "User", "awsgpu-jupyter").strip() == "ubuntu"
    assert remote(awsgpu, "systemctl", "is-enabled", "awsgpu-jupyter").strip() == "enabled"
    assert _armed_for(awsgpu) > 0


def test_stop_and_start_keep_disk_token_and_identity(box: dict[str, Any], awsgpu: Awsgpu) -> None:
    """A file, the token and the host key survive; Jupyter answers again, with the shutdown armed anew."""
    remote(awsgpu, "echo mine > kept")
    booted, keys = (
        remote(awsgpu, "systemctl", "show", "-P", "UserspaceTimestampMonotonic"),
        _host_keys(box["public_address"]),
    )
    stopped = awsgpu("stop")
    assert stopped.status == 0, stopped.err
    assert (stopped.document["state"], stopped.document["tunnel"]) == ("stopped", None)
    started = awsgpu("start", "--no-open")
    assert started.status == 0, started.err
    assert remote(awsgpu, "systemctl", "show", "-P", "UserspaceTimestampMonotonic") != booted
    assert remote(awsgpu, "cat", "kept") == "mine\n"
    assert awsgpu("token").document["token"] == box["token"]
    assert status_of(started.document, box["token"]) == 200
    assert _host_keys(started.document["public_address"]) == keys
    assert _armed_for(awsgpu) > 0


def test_connect_opens_the_tunnel_again(box: dict[str, Any], awsgpu: Awsgpu) -> None:
    """`disconnect` closes the way, `connect` opens it on the same port; the instance went on meanwhile."""
    assert awsgpu("disconnect").document["tunnel"] is None
    again = awsgpu("connect", "gpu")
    assert again.status == 0, again.err
    assert again.document["local_port"] == box["local_port"]
    assert status_of(again.document, box["token"]) == 200


def test_a_shutdown_inside_is_a_stopped_instance(box: dict[str, Any], awsgpu: Awsgpu) -> None:
    """`shutdown` on the instance, as its guards call it, ends the billing: EC2 calls it stopped."""
    awsgpu("ssh", "gpu", "--", "sudo", "shutdown", "-h", "now")  # its status says nothing: it cuts its own connection
    deadline = time.monotonic() + 120
    while awsgpu("status").document[0]["state"] != "stopped":
        assert time.monotonic() < deadline, "EC2 does not hear of the shutdown"
    again = awsgpu("start", "--no-open")
    assert again.status == 0, again.err
    assert status_of(again.document, box["token"]) == 200


def test_terminate_leaves_nothing(box: dict[str, Any], awsgpu: Awsgpu, data_folder: Path) -> None:
    """No instance, tunnel, pin, host process, mount, network namespace or control group is left."""
    traces = Traces.of(awsgpu("status").document[0], data_folder)
    assert traces.processes
    ended = awsgpu("terminate", "--yes")
    assert ended.status == 0, ended.err
    assert awsgpu("status").document == []
    psutil.wait_procs(traces.processes, timeout=10)
    assert traces.left() == []
    assert not (data_folder / "demo" / "pins" / f"{box['launch_id']}.json").exists()


@dataclass(frozen=True)
class Traces:
    """Where on this machine an instance that is a real host shows: its network, processes and disk."""

    network: str
    folder: Path
    instance_id: str
    processes: tuple[psutil.Process, ...]
    """Those of the host and of its tunnel, while it lives: afterwards its namespace's number is another's."""

    @classmethod
    def of(cls, box: dict[str, Any], data_folder: Path) -> Traces:
        start, _, last = box["public_address"].rpartition(".")
        gateway = f"{start}.{int(last) - 1}"
        links = json.loads(subprocess.check_output(["ip", "-j", "addr"]))
        network = next(one["ifname"] for one in links for at in one["addr_info"] if at.get("local") == gateway)
        folder = data_folder / "demo" / "aws" / "hosts" / box["instance_id"]
        inside = _processes_in((Path("/run/netns") / network).stat().st_ino)
        return cls(network, folder, box["instance_id"], (*inside, *_processes_naming(box["instance_id"])))

    def left(self) -> list[str]:
        """Return what of it is still there; a process started meanwhile shows by the host's control group."""
        places = [Path("/run/netns") / self.network, Path("/sys/class/net") / self.network, self.folder]
        places += [root / self.network for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))]
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        return [
            *(str(place) for place in places if place.exists()),
            *(str(process) for process in self.processes if process.is_running()),
            *(str(process) for process in _processes_naming(self.instance_id)),
            *(line for line in mounts.splitlines() if str(self.folder) in line),
        ]


def _processes_in(network: int) -> list[psutil.Process]:
    """Return the processes in a network namespace, by its inode."""
    return _processes(lambda one: Path(f"/proc/{one.pid}/ns/net").stat().st_ino == network)


def _processes_naming(instance_id: str) -> list[psutil.Process]:
    """Return the processes that were started for an instance."""
    return _processes(lambda one: any(instance_id in word for word in one.cmdline()))


def _processes(fits: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended while it was looked at
            if fits(process):
                found.append(process)
    return found


def _host_keys(address: str) -> list[str]:
    """Return every host key that sshd shows to anybody, without the address."""
    shown = subprocess.check_output(["ssh-keyscan", "-T", "20", address], text=True, stderr=subprocess.DEVNULL)
    return sorted(line.partition(" ")[2] for line in shown.splitlines() if not line.startswith("#"))


def _armed_for(awsgpu: Awsgpu) -> float:
    """Return the seconds until the guard's plain shutdown fires."""
    elapses = remote(awsgpu, "systemctl", "list-timers", "--all", "-o", "json", "awsgpu-deadline.timer")
    (timer,) = json.loads(elapses)
    return float(timer["next"]) / 1e6
