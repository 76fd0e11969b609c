"""Stop, start, terminate, reboot and the guest's own shutdown; and that nothing outlives a host."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from jupyter_awsgpu.demo.hosts import isolation
from tests.behaviour.hosts.hosts_yard import PUBLIC, Yard, refuses


def test_stop_keeps_the_home_and_cuts_connections(yard: Yard) -> None:
    """After a stop nobody listens, live connections are dead, and a start finds the files again."""
    spec = yard.boot()
    client = yard.connect(spec)
    client.exec_command("trap '' TERM; while true; do sleep 1; done")
    yard.run(spec, "echo kept > notes")
    begun = time.monotonic()
    yard.fleet.stop(spec.instance_id)
    assert time.monotonic() - begun < 15
    assert refuses(yard.addresses[spec.instance_id])
    client.get_transport().join(5)
    assert not client.get_transport().is_active()
    yard.again(spec)
    assert yard.run(spec, "cat notes")[1] == "kept\n"


def test_terminate_leaves_no_disk(yard: Yard) -> None:
    """The instance's folder is gone, whatever its owner did to permissions."""
    spec = yard.boot()
    yard.run(spec, "mkdir -p closed/deep && chmod 0 closed")
    yard.fleet.terminate(spec.instance_id)
    assert not spec.folder.exists()
    assert yard.fleet.console(spec.instance_id) == ""


def test_shutdown_inside_powers_the_host_off(yard: Yard) -> None:
    """`shutdown -h now` on the host ends it, and the fleet's owner hears of it; its disk stays."""
    spec = yard.boot()
    yard.run(spec, "echo kept > notes; sudo shutdown -h now")
    assert yard.powered_off.get(timeout=5) == spec.instance_id
    assert refuses(yard.addresses[spec.instance_id])
    yard.again(spec)
    assert yard.run(spec, "cat notes")[1] == "kept\n"


def test_scheduled_shutdown_can_be_cancelled(yard: Yard) -> None:
    """`shutdown +1` says when, and `shutdown -c` takes it back."""
    spec = yard.boot()
    status, text, errors = yard.run(spec, "sudo shutdown -h +1; sudo shutdown -c")
    assert status == 0
    assert "Shutdown scheduled for" in text + errors


def test_reboot_inside_comes_back_at_the_same_address(yard: Yard, isolated: None) -> None:
    """A reboot ends every process, keeps the disk and runs bootcmd again."""
    spec = yard.boot(user_data=b"#cloud-config\nbootcmd: ['echo boot >> /var/boots']\n")
    client = yard.connect(spec)
    yard.run(spec, "sudo reboot")
    client.get_transport().join(5)
    assert yard.run(spec, "cat /var/boots")[1].split() == ["boot", "boot"]
    assert yard.powered_off.empty()


def test_ordinary_user_may_not_shut_down(yard: Yard, isolated: None) -> None:
    """Without sudo the host stays up."""
    spec = yard.boot()
    assert yard.run(spec, "shutdown -h now")[0] == 1
    assert yard.run(spec, "echo up")[1] == "up\n"


_OWNER = """
import sys, time
from pathlib import Path
from jupyter_awsgpu.demo.hosts import HostFleet, HostSpec
fleet = HostFleet()
folder = Path(sys.argv[1])
data = b"#!/bin/sh\\n(sleep 1234 &) \\n"
spec = HostSpec("i-00000000000000001", "ubuntu", (sys.argv[2],), data, "t2.micro", folder)
fleet.boot(spec)
fleet.wait_ready(spec.instance_id)
print("up", flush=True)
time.sleep(600)
"""


def test_killed_owner_leaves_no_process_and_no_mount(yard: Yard, tmp_path: Path) -> None:
    """After kill -9 of the process that owns the fleet, nothing of its hosts is left."""
    folder = tmp_path / "instance"
    with subprocess.Popen([sys.executable, "-c", _OWNER, str(folder), PUBLIC], stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == b"up\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        assert family
        os.kill(owner.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs(family, timeout=5)
    assert not alive
    assert len(gone) == len(family)
    assert str(folder) not in Path("/proc/mounts").read_text()


def _fingerprint(folder: Path) -> str:
    """Return one hash over every name, mode, size and time below a folder."""
    lines = []
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        lines.append(f"{path} {status.st_mode} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_root_on_a_host_changes_nothing_on_this_machine(yard: Yard, isolated: None) -> None:
    """User-data that writes everywhere as root leaves /etc, /usr/local, home and the interpreter as they were."""
    watched = [Path("/etc"), Path("/usr/local"), Path("/usr/sbin"), Path("/home"), Path(sys.prefix) / "bin"]
    before = [_fingerprint(folder) for folder in watched]
    harm = "for d in /etc /usr/local/bin /usr/sbin /home /root /tmp /var/tmp /opt; do echo harm > $d/awsgpu-harm; done;"
    harm += f"rm -rf /etc/ssl /usr/local/lib; echo harm >> /etc/passwd; touch {sys.prefix}/bin/awsgpu-harm; true"
    spec = yard.boot(user_data=b"#!/bin/sh\n" + harm.encode() + b"\nmount -o remount,rw,bind / ; true\n")
    yard.wait_booted(spec)
    assert yard.run(spec, "ls /etc/awsgpu-harm /usr/sbin/awsgpu-harm")[0] in (0, 2)
    assert [_fingerprint(folder) for folder in watched] == before
    for folder in ("/etc", "/tmp", "/var/tmp", "/opt", "/root", "/home"):
        assert not os.path.exists(f"{folder}/awsgpu-harm")  # noqa: PTH110 - also where we may not look


def test_host_sees_nothing_of_this_machines_homes(yard: Yard, isolated: None, tmp_path: Path) -> None:
    """Home folders, temporary files and this machine's passwords are not to be found on a host."""
    (tmp_path / "secret").write_text("secret")
    spec = yard.boot()
    assert yard.run(spec, f"sudo cat {tmp_path}/secret")[0] == 1
    assert yard.run(spec, "ls -A /home")[1].split() == ["ubuntu"] or "/home/" in sys.prefix + sys.base_prefix
    mine = {line.split(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    hosts = {line.split(":")[0] for line in yard.run(spec, "cat /etc/passwd")[1].splitlines()}
    assert "ubuntu" in hosts
    assert not (mine & hosts) - {"root", "daemon", "bin", "man", "_apt", "sshd", "nobody", "ubuntu"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root is refused")
def test_root_without_namespaces_is_refused(tmp_path: Path) -> None:
    """Where only a folder is left, root gets no host at all: user-data may not run as root on the real file system."""
    code = "from jupyter_awsgpu.demo.hosts import isolation; import sys; sys.platform = 'darwin'; isolation.available()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert isolation.IsolationError.__name__ in done.stderr
