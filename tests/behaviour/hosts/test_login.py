"""Who may log in, and what a session is like."""

from __future__ import annotations

import hashlib
import io
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import paramiko
import pytest

from tests.behaviour.hosts.hosts_yard import PUBLIC, answer, openssh

if TYPE_CHECKING:
    from pathlib import Path

    from tests.behaviour.hosts.hosts_yard import Yard


def test_default_user_logs_in_by_key_alone(yard: Yard) -> None:
    """The key pair's key opens the door; passwords, strangers' keys, root and other users do not."""
    spec = yard.boot()
    assert yard.run(spec, "echo $HOME")[:2] == (0, f"{_home(yard, spec)}\n")
    stranger = paramiko.ECDSAKey.generate(bits=256)
    for user, options in (("ubuntu", {"pkey": stranger}), ("root", {}), ("ec2-user", {})):
        with pytest.raises(paramiko.AuthenticationException):
            yard.connect(spec, user, **options)
    with pytest.raises(paramiko.BadAuthenticationType):
        yard.connect(spec, pkey=None, password="secret")


def _home(yard: Yard, spec: object) -> str:
    return "/home/ubuntu" if yard.fleet.isolation_kind != "folder" else f"{spec.folder}/disk/home/ubuntu"  # type: ignore[attr-defined]


def test_authorized_keys_can_be_edited(yard: Yard) -> None:
    """A key added on the host logs in; a key removed does not any more."""
    spec = yard.boot()
    second = paramiko.ECDSAKey.generate(bits=256)
    line = f"{second.get_name()} {second.get_base64()} second"
    yard.run(spec, f"echo '{line}' > .ssh/authorized_keys")
    with yard.connect(spec, pkey=second):
        pass
    with pytest.raises(paramiko.AuthenticationException):
        yard.connect(spec)


def test_command_reports_status_and_keeps_its_streams_apart(yard: Yard) -> None:
    """Exit status, stdout, stderr and stdin are the command's own."""
    spec = yard.boot()
    assert yard.run(spec, "cat; echo wrong >&2; exit 7", b"right\n") == (7, "right\n", "wrong\n")


def test_signal_that_ended_a_command_is_told(yard: Yard) -> None:
    """A command ended by a signal has no exit status."""
    assert yard.run(yard.boot(), "kill -TERM $$")[0] == -1


def test_long_output_arrives_whole_before_the_end(yard: Yard) -> None:
    """No byte of 20 MB is lost, however quickly the command ends."""
    status, text, _ = yard.run(yard.boot(), "head -c 20000000 /dev/zero | tr '\\0' x")
    assert (status, len(text)) == (0, 20_000_000)


def test_terminal_has_its_size_and_name(yard: Yard) -> None:
    """A session with a terminal finds it, in the size the client said."""
    spec = yard.boot()
    channel = yard.connect(spec).get_transport().open_session()
    channel.get_pty("vt100", width=132, height=43)
    channel.exec_command("stty size; echo $TERM")
    with channel.makefile() as output:
        assert output.read().split() == [b"43", b"132", b"vt100"]
    assert channel.recv_exit_status() == 0


def test_sudo_asks_for_no_password(yard: Yard, isolated: None) -> None:
    """The default user becomes root, and root somebody else, as on AWS' images."""
    spec = yard.boot()
    assert yard.run(spec, "id -u; sudo id -u; sudo -n -u ubuntu id -u; sudo sh -c 'echo $HOME'")[1].split() == [
        "1000",
        "0",
        "1000",
        "/root",
    ]


def test_files_travel_with_their_owner(yard: Yard) -> None:
    """SFTP starts at home, works as the user, and cannot write where the user cannot."""
    spec = yard.boot()
    sftp = yard.connect(spec).open_sftp()
    data = bytes(range(256)) * 8192
    sftp.putfo(io.BytesIO(data), "folder.bin")
    back = io.BytesIO()
    sftp.getfo("folder.bin", back)
    assert hashlib.sha256(back.getvalue()).digest() == hashlib.sha256(data).digest()
    assert sftp.normalize(".") == _home(yard, spec)
    if yard.fleet.isolation_kind == "root":
        assert yard.run(spec, "stat -c %U folder.bin")[1] == "ubuntu\n"
        with pytest.raises(PermissionError):
            sftp.open("/etc/passwd", "w")


def test_forward_reaches_the_hosts_own_loopback_only(yard: Yard) -> None:
    """Two hosts may both listen on 8888: a tunnel to one never reaches the other, nor this machine."""
    first, second = yard.boot("1"), yard.boot("2")
    with socket.create_server(("127.0.0.1", 0)) as outside:
        refused = yard.connect(first).get_transport()
        with pytest.raises(paramiko.ChannelException):
            refused.open_channel("direct-tcpip", outside.getsockname(), ("127.0.0.1", 0))
    if yard.fleet.isolation_kind == "folder":
        return
    server = (
        "python3 -c \"import socket as s; l = s.create_server(('127.0.0.1', 8888)); print(1, flush=True);"
        "c = l.accept()[0]; c.send(b'%s')\""
    )
    for spec, word in ((first, b"first"), (second, b"second")):
        client = yard.connect(spec)
        _, out, _ = client.exec_command(server % word.decode())
        assert out.readline() == "1\n"
        channel = client.get_transport().open_channel("direct-tcpip", ("127.0.0.1", 8888), ("127.0.0.1", 0))
        assert channel.recv(100) == word


def test_keepalive_is_answered(yard: Yard) -> None:
    """An OpenSSH keep-alive request gets an answer (any answer tells that the host lives)."""
    transport = yard.connect(yard.boot()).get_transport()
    done = threading.Event()
    threading.Thread(target=lambda: (transport.global_request("keepalive@openssh.com", wait=True), done.set())).start()
    assert done.wait(5)


def test_openssh_client_runs_forwards_and_copies(yard: Yard, key_file: Path, tmp_path: Path) -> None:
    """The OpenSSH programs work as with any sshd: ssh, a terminal, sftp."""
    spec = yard.boot()
    done = answer(openssh(yard, spec, key_file, "echo out; echo err >&2; exit 3"))
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    program, *rest = openssh(yard, spec, key_file, "tty")
    assert "/dev/" in answer([program, "-tt", *rest]).stdout
    batch = tmp_path / "batch"
    batch.write_text(f"put {key_file} copy\nget copy {tmp_path}/back\n")
    command = openssh(yard, spec, key_file, program="sftp")
    assert answer([command[0], "-b", str(batch), *command[1:]]).returncode == 0
    assert (tmp_path / "back").read_bytes() == key_file.read_bytes()


def test_unix_socket_on_the_host_can_be_forwarded(yard: Yard, key_file: Path, tmp_path: Path, isolated: None) -> None:
    """OpenSSH's -L with socket paths reaches a listener on the host."""
    spec = yard.boot()
    serve = (
        "python3 -c \"import socket as s; l = s.socket(s.AF_UNIX); l.bind('/tmp/there'); l.listen();"
        "print(1, flush=True); l.accept()[0].send(b'hello')\""
    )
    _, out, _ = yard.connect(spec).exec_command(serve)
    assert out.readline() == "1\n"
    here = tmp_path / "here"
    with subprocess.Popen(openssh(yard, spec, key_file, "-N", "-L", f"{here}:/tmp/there")) as client:
        deadline = time.monotonic() + 10
        while not here.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(str(here))
            assert end.recv(100) == b"hello"
        client.terminate()


def test_key_pair_of_the_metadata_is_the_authorised_one(yard: Yard) -> None:
    """What the launch authorised is what the user's file holds."""
    assert yard.run(yard.boot(), "cat .ssh/authorized_keys")[1].strip() == PUBLIC
