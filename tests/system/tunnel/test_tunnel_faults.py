"""What may happen to a tunnel in a long day, on a real sshd, and that no hand is needed."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from jupyter_awsgpu.errors import TunnelLost
from tests.system.tunnel.small_web import get, get_until_it_answers
from tests.system.tunnel.tunnel_case import BUSY_S, ID, LAUNCH, PrivateSshd

pytestmark = pytest.mark.system


def test_the_peer_killed_and_back_is_reached_on_the_same_port(bench):
    """Back within 2 s of the peer's return."""
    port = bench.open().local_port
    bench.sshd.kill()
    bench.wait_for("lost")
    bench.sshd.start()
    assert get_until_it_answers(port) < 2 + BUSY_S
    assert bench.wait_for("up").local_port == port


def test_a_connection_made_meanwhile_waits_for_the_link(bench, ask):
    """A page reloaded while the link is down is late, not refused."""
    port = bench.open().local_port
    bench.sshd.kill()
    bench.wait_for("lost")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, port)
        bench.until(lambda: _taken(bench.process(), port), "the tunnel took the connection")
        assert not answer.done()
        bench.sshd.start()
        assert answer.result() == b"hi"


def test_an_answer_that_was_cut_is_reset_not_ended(bench):
    """Half a file must not look like a whole one."""
    port = bench.open().local_port
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.sendall(b"GET /size/500000000 HTTP/1.1\r\n\r\n")
        sock.recv(1000)
        bench.sshd.kill()
        with pytest.raises(ConnectionResetError):
            _read_to_the_end(sock)
    bench.sshd.start()


def test_a_frozen_peer_is_noticed_and_recovered_from(bench):
    """15 s at most until the link counts as lost; back when the peer thaws."""
    port = bench.open().local_port
    began = time.monotonic()
    bench.sshd.freeze()
    bench.wait_for("lost")
    assert 5 < time.monotonic() - began < 15 + BUSY_S
    bench.sshd.thaw()
    assert get_until_it_answers(port) < 5 + BUSY_S


def test_the_process_itself_killed_comes_back_on_the_same_port(bench):
    """Its guard starts it again; nobody has to."""
    first = bench.open()
    psutil.Process(first.pid).kill()
    assert get_until_it_answers(first.local_port) < 5 + BUSY_S
    second = bench.wait_for("up")
    assert second.pid != first.pid
    assert second.local_port == first.local_port


def test_an_answer_is_reset_when_the_process_is_killed(bench):
    """The system closes a killed process's connections: as cut, too, not as ended."""
    tunnel = bench.open()
    with socket.create_connection(("127.0.0.1", tunnel.local_port), 30) as sock:
        sock.sendall(b"GET /size/500000000 HTTP/1.1\r\n\r\n")
        sock.recv(1000)
        psutil.Process(tunnel.pid).kill()
        with pytest.raises(ConnectionResetError):
            _read_to_the_end(sock)


def test_while_the_process_is_killed_the_port_does_not_refuse(bench, ask):
    """The guard holds the listening socket: whoever asks meanwhile waits, and is answered once, by the next one."""
    tunnel = bench.open()
    guard = bench.process().parent()
    guard.suspend()  # so that nobody starts the next one yet
    psutil.Process(tunnel.pid).kill()
    _until_gone(tunnel.pid)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(tunnel.local_port))) for _ in range(20)]
    for thread in threads:
        thread.start()
    guard.resume()
    for thread in threads:
        thread.join()
    assert answers == [b"hi"] * 20


def test_another_host_key_at_reconnect_ends_it(bench):
    """Somebody else at the instance's own address: given up for good, and said; the port is closed."""
    tunnel = bench.open()
    bench.sshd.kill()
    bench.sshd.new_host_key("ecdsa")
    bench.sshd.start()
    gave_up = bench.wait_for("gave-up")
    assert "host key" in gave_up.reason
    _until_gone(tunnel.pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", tunnel.local_port))
    with pytest.raises(TunnelLost, match="host key"):
        bench.open(local_port=tunnel.local_port)


def test_a_new_address_is_asked_for_and_used(bench):
    """Stopped and started, the instance answers elsewhere: same local port, another connection."""
    port = bench.open().local_port
    bench.move_sshd("127.0.0.3")
    assert get_until_it_answers(port) < 6 + BUSY_S
    assert bench.times_located() >= 1


def test_whoever_knows_the_new_address_is_believed_at_once(bench):
    """`start` has just asked AWS: its `connect` does not wait until the tunnel asks by itself (here: in vain)."""
    first = bench.open()
    before = bench.endpoint
    bench.move_sshd("127.0.0.3")
    bench.locate_at(before)
    bench.endpoint = replace(before, address="127.0.0.3", port=bench.sshd.port)
    bench.wait_for("lost")
    second = bench.open(local_port=first.local_port)
    assert second.local_port == first.local_port
    assert get(second.local_port) == b"hi"


def test_another_host_at_the_old_address_is_not_the_end(bench, tmp_path):
    """The old address is another customer's by now: AWS says where ours is, and the tunnel goes there."""
    port, old = bench.open().local_port, bench.sshd.port
    bench.move_sshd("127.0.0.3")
    stranger = PrivateSshd(tmp_path / "stranger", port=old).start()
    try:
        assert get_until_it_answers(port) < 8 + BUSY_S
    finally:
        stranger.kill()


def test_a_tunnel_through_a_jump_host_comes_back_the_same_way(bench, monkeypatch):
    """`--via config`: OpenSSH and the person's own ~/.ssh/config make each connection, also the next one."""
    monkeypatch.setenv("AWSGPU_SSH_CONFIG", str(bench.sshd.as_bastion("Host i-*\n ProxyJump bastion")))
    bench.endpoint = replace(bench.endpoint, via="config")
    port = bench.open().local_port
    bench.sshd.kill_sessions()
    bench.until(lambda: bench.log().count(" up") > 1, "up again")
    assert get(port) == b"hi"
    assert bench.tunnels.via(ID) == "config"


def test_an_instance_that_has_ended_ends_its_tunnel(bench):
    """AWS says terminated: the process goes, and the record says why."""
    tunnel = bench.open()
    bench.locate_at("gone")
    bench.sshd.kill()
    assert "terminated" in bench.wait_for("gave-up").reason
    _until_gone(tunnel.pid)


def test_a_key_that_is_refused_for_good_ends_it(bench):
    """One refusal may be a host in the middle of its boot; several seconds of them are an answer."""
    tunnel = bench.open()
    keys = bench.sshd.folder / "authorized_keys"
    keys.write_text("")
    bench.sshd.kill_sessions()
    assert "does not accept the key" in bench.wait_for("gave-up").reason
    _until_gone(tunnel.pid)


def test_a_deleted_record_ends_the_process(bench):
    """Nobody could find it any more."""
    tunnel = bench.open()
    (bench.root / "tunnels" / f"{ID}.json").unlink()
    _until_gone(tunnel.pid)


def test_a_tunnel_that_cannot_come_up_says_why(bench):
    """The reason is the cause's own sentence."""
    bench.pins.forget(LAUNCH)
    with pytest.raises(TunnelLost, match="does not know the host key"):
        bench.open()


def test_an_hour_without_a_network_needs_no_hand(bench):
    """However long it lasts (here: some seconds of refusals), the attempts go on."""
    port = bench.open().local_port
    bench.sshd.kill()
    bench.until(bench.times_located, "AWS was asked")
    assert bench.tunnel().phase == "lost"
    bench.sshd.start()
    assert get_until_it_answers(port) < 2 + BUSY_S


def test_a_kept_alive_client_reconnects_by_itself(bench):
    """A browser-like client that asks again gets its answer through five cuts in a row."""
    port = bench.open().local_port
    for _ in range(5):
        bench.sshd.kill_sessions()
        assert get_until_it_answers(port) < 10 + BUSY_S


def _taken(process: psutil.Process, port: int) -> bool:
    connections = [one for one in process.net_connections("inet") if one.laddr.port == port]
    return any(one.status == psutil.CONN_ESTABLISHED for one in connections)


def _read_to_the_end(sock):
    while sock.recv(1 << 20):
        pass


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5 + BUSY_S
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
