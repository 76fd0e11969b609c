"""Connections to a real OpenSSH server."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import replace

import pytest

from jupyter_awsgpu.errors import (
    HostKeyUnknown,
    HostKeyWrong,
    KeyMissing,
    KeyTooOpen,
    RemoteCommandFailed,
    SshRefused,
    SshUnreachable,
)
from jupyter_awsgpu.host import ssh_command
from jupyter_awsgpu.host.streams import LINE_MOST
from tests.system.host.private_sshd import LAUNCH

pytestmark = pytest.mark.system


def test_a_command_runs_with_its_input_output_and_status(sshd, connect):
    """`run` hands over stdin and arguments as they are and returns both outputs and the status."""
    sshd.start()
    host = connect()
    assert host.run(["cat"], stdin=b"x" * 3_000_000).stdout == b"x" * 3_000_000
    assert host.run(["printf", "%s", "a b; $HOME 'q'"]).stdout == b"a b; $HOME 'q'"
    failed = host.run(["sh", "-c", "echo out; echo bad >&2; exit 7"], check=False)
    assert (failed.status, failed.stdout, failed.stderr) == (7, b"out\n", b"bad\n")


def test_a_failing_command_says_its_last_line(sshd, connect):
    """With `check`, a status other than 0 raises with the command's own words."""
    sshd.start()
    with pytest.raises(RemoteCommandFailed, match="status 3: no such thing"):
        connect().run(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_a_command_that_does_not_end_is_given_up(sshd, connect):
    """`timeout_s` bounds the whole command."""
    sshd.start()
    began = time.monotonic()
    with pytest.raises(SshUnreachable, match="did not end"):
        connect().run(["sleep", "60"], timeout_s=0.5)
    assert time.monotonic() - began < 15


def test_a_file_goes_there_and_back_with_its_mode(sshd, connect, tmp_path):
    """`put` replaces a file whole, with the mode asked for; `get` reads it."""
    sshd.start()
    host, path = connect(), tmp_path / "a file"
    data = bytes(range(256)) * 5000
    host.put(data, str(path), 0o600)
    assert host.get(str(path)) == data
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("a file")] == ["a file"]


def test_lines_are_followed_as_they_come(sshd, connect, tmp_path):
    """`follow` yields a line when it is printed, not when the command ends."""
    sshd.start()
    go_on = tmp_path / "go on"
    lines = connect().follow(["sh", "-c", 'echo one; until [ -e "$0" ]; do sleep 0.1; done; echo two', str(go_on)])
    assert next(lines) == "one"
    go_on.touch()
    assert list(lines) == ["two"]


def test_another_host_key_is_refused_before_anything_is_sent(sshd, connect):
    """The server's key is not the pinned one: no login is attempted."""
    sshd.new_host_key("ecdsa")  # the pins still hold the one before
    sshd.start()
    with pytest.raises(HostKeyWrong, match="SHA256"):
        connect()
    assert "Accepted" not in sshd.log()
    assert "Failed publickey" not in sshd.log()


def test_a_wrong_host_key_is_not_tried_again(sshd, connect):
    """Waiting for a booting instance ends at once when somebody else answers."""
    sshd.new_host_key("ecdsa")  # the pins still hold the one before
    sshd.start()
    began = time.monotonic()
    with pytest.raises(HostKeyWrong):
        connect(wait=True, timeout_s=60)
    assert time.monotonic() - began < 30


def test_only_the_pinned_algorithms_are_accepted(sshd, pins, connect):
    """A server with none of the pinned types is somebody else, not a reason to accept another type."""
    sshd.served = ["rsa"]
    sshd.start()
    with pytest.raises(HostKeyWrong):
        connect()
    pins.write(LAUNCH, (sshd.host_keys["rsa"],))
    assert connect().active


def test_without_pins_nothing_is_dialled(sshd, pins, connect):
    """An instance another machine launched is not connected to blindly."""
    pins.forget(LAUNCH)
    with pytest.raises(HostKeyUnknown):
        connect()


def test_our_key_alone_is_offered_and_its_refusal_said(sshd, connect):
    """A key the instance does not know ends in one attempt, naming key and user."""
    sshd.start()
    (sshd.folder / "authorized_keys").write_text("")
    with pytest.raises(SshRefused, match=r"client\.pem for the user root"):
        connect()
    assert sshd.log().count("Connection closed by authenticating user") <= 1


def test_a_key_still_being_authorised_is_waited_for(sshd, connect):
    """A booting instance writes our key after its sshd answers."""
    sshd.start()
    keys = sshd.folder / "authorized_keys"
    line = keys.read_text()
    keys.write_text("")
    threading.Timer(1.0, keys.write_text, [line]).start()
    assert connect(wait=True, timeout_s=20).active


def test_ssh_is_noticed_when_it_comes_up(sshd, connect):
    """Refused at first, the connection stands within 0.5 s of sshd listening."""
    came_up = []

    def start_late():
        time.sleep(1.2)
        sshd.start()
        came_up.append(time.monotonic())

    thread = threading.Thread(target=start_late)
    thread.start()
    heard = []
    assert connect(wait=True, timeout_s=20, on_wait=heard.append).active
    thread.join()
    assert time.monotonic() - came_up[0] < 0.6 + 2  # on a busy machine
    assert heard == ["Waiting for SSH at 127.0.0.1"]


def test_a_greeting_that_breaks_off_is_tried_again(sshd, connect):
    """Something accepts and hangs up (a proxy, an sshd about to start): not an answer yet."""
    import socket

    listener = socket.create_server((sshd.address, sshd.port))

    def hang_up():
        for _ in range(3):
            listener.accept()[0].close()
        listener.close()
        sshd.start()

    thread = threading.Thread(target=hang_up)
    thread.start()
    assert connect(wait=True, timeout_s=20).active
    thread.join()


def test_nobody_there_is_said_at_once(sshd, connect):
    """Without `wait` a refusal is an error, with what stood in the way."""
    with pytest.raises(SshUnreachable, match="Connection refused"):
        connect()


def test_waiting_has_an_end(sshd, connect):
    """The error says how long we waited."""
    with pytest.raises(SshUnreachable, match="within 1 s"):
        connect(wait=True, timeout_s=1)


def test_a_private_key_others_can_read_is_refused(sshd, connect):
    """Neither an open key nor a missing one is used."""
    sshd.start()
    sshd.client_key.chmod(0o644)
    with pytest.raises(KeyTooOpen):
        connect()
    sshd.client_key.unlink()
    with pytest.raises(KeyMissing):
        connect()


def test_silence_ends_a_watched_connection(sshd, connect):
    """A frozen peer is noticed within 15 s, and what waits on it is told."""
    sshd.start()
    host = connect()
    host.watch()
    lines = host.follow(["sh", "-c", "echo one; sleep 100"])
    assert next(lines) == "one"
    sshd.freeze()
    began = time.monotonic()
    with pytest.raises(SshUnreachable):
        next(lines)
    assert 5 < time.monotonic() - began < 15 + 10  # on a busy machine


def test_openssh_connects_with_the_command_we_print(sshd, pins, endpoint, tmp_path):
    """The person's own client verifies the same key, and refuses another one."""
    sshd.start()
    command = ssh_command(endpoint, tmp_path / "known hosts" / "i", pins.read(LAUNCH))
    done = subprocess.run([*command, "echo", "here"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("here\n", 0), done.stderr
    sshd.new_host_key("ecdsa")
    wrong = ssh_command(endpoint, tmp_path / "known_hosts", pins.read(LAUNCH))
    refused = subprocess.run([*wrong, "true"], capture_output=True, text=True, check=False)
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr


def test_a_jump_host_of_the_persons_own_configuration_is_used(sshd, connect, endpoint, monkeypatch):
    """`via` names a host of ~/.ssh/config; the connection through it is verified as any other."""
    sshd.start()
    monkeypatch.setenv("AWSGPU_SSH_CONFIG", str(sshd.as_bastion("")))
    assert connect(replace(endpoint, via="bastion")).run(["echo", "through"]).stdout == b"through\n"
    with pytest.raises(SshUnreachable, match="nowhere"):
        connect(replace(endpoint, via="nowhere.invalid"))


@pytest.mark.parametrize(
    "way", ["ProxyCommand ssh -F {config} -W {address}:%p bastion", "ProxyJump bastion"], ids=["command", "jump"]
)
def test_the_configured_way_to_an_instance_is_used(sshd, connect, endpoint, monkeypatch, way):
    """`via=config` takes ProxyJump or ProxyCommand for the instance's id."""
    sshd.start()
    entry = "Host i-*\n " + way.format(config=sshd.folder / "ssh_config", address=sshd.address)
    monkeypatch.setenv("AWSGPU_SSH_CONFIG", str(sshd.as_bastion(entry)))
    assert connect(replace(endpoint, via="config")).run(["echo", "through"]).stdout == b"through\n"


def test_a_line_without_an_end_fills_no_memory(sshd, connect):
    """Of 64 MB in one line the beginning is kept, and the next line is read; whoever writes on is cut off."""
    sshd.start()
    host, flood = connect(), f"head -c {64 << 20} /dev/zero | tr '\\0' x"
    long, following = host.follow(["sh", "-c", f"{flood}; echo; echo following"])
    assert len(long) == LINE_MOST
    assert following == "following"
    with pytest.raises(RemoteCommandFailed, match="did not stop writing"):
        host.run(["sh", "-c", f"{flood}; {flood}"])
    assert host.run(["sh", "-c", f"{flood} >&2; echo done"]).stdout == b"done\n"
