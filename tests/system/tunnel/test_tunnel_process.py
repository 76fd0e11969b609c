"""The tunnel's process on a real sshd: how it begins, is found, serves and ends."""

from __future__ import annotations

import contextlib
import json
import pickle
import socket
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from jupyter_awsgpu.errors import ForwardTaken
from jupyter_awsgpu.tunnel.record import STARTING_S
from tests.ports import free_port
from tests.system.tunnel.small_web import Web, get
from tests.system.tunnel.tunnel_case import BUSY_S, HERE, ID

pytestmark = pytest.mark.system


def test_the_same_tunnel_is_found_and_used_by_everyone(bench, ask):
    """A second `open`, from another process's point of view, returns the tunnel that is there."""
    first = bench.open()
    assert ask(first.local_port) == b"hi"
    others = bench.more_tunnels()
    assert others.find(ID).pid == first.pid
    assert bench.open(local_port=first.local_port).pid == first.pid
    assert [one.instance_id for one in others.all()] == [ID]


def test_closing_leaves_no_process_and_no_listener(bench):
    """`close` ends tunnel and guard, and the port is free."""
    opened = bench.open()
    guard = bench.process().parent()
    assert bench.tunnels.close(ID) is True
    assert not psutil.pid_exists(opened.pid)
    assert not guard.is_running() or guard.status() == psutil.STATUS_ZOMBIE
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", opened.local_port))
    assert bench.tunnel() is None
    assert bench.tunnels.close(ID) is False


def test_the_tunnel_outlives_whoever_opened_it(bench, ask, tmp_path):
    """Opened by a process that then ends, it goes on."""
    port = bench.open().local_port
    bench.tunnels.close(ID)
    given = {"instance": bench.instance, "remote_port": bench.web.port, "local_port": port, "endpoint": bench.endpoint}
    (tmp_path / "given").write_bytes(pickle.dumps((bench.root, given)))
    script = (
        "import pickle, sys; sys.path.insert(0, sys.argv[1]); import tunnel_case\n"
        "root, given = pickle.load(open(sys.argv[2], 'rb'))\n"
        "tunnel_case.tunnels_of(root).open(given.pop('instance'), **given)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(HERE), str(tmp_path / "given")], check=True, timeout=60)
    assert bench.tunnel().phase == "up"
    assert ask(port) == b"hi"


def test_an_opener_that_died_before_it_began_a_process_is_taken_over(bench, ask):
    """Its record is waited on, in case a process comes, and then the tunnel is opened by whoever waited."""
    port = bench.open().local_port
    leave_without_a_process(bench)
    again = bench.open(local_port=port)
    assert (again.phase, again.local_port) == ("up", port)
    assert ask(port) == b"hi"


def test_a_service_whose_port_was_taken_since_the_opener_died_gets_another(bench, ask):
    """What we chose for it is no promise: the tunnel comes up, and does not call Jupyter's port taken."""
    with contextlib.closing(Web()) as other:
        wish = {"local_port": bench.open().local_port, "services": (other.port,)}
        jupyter, (before, _) = bench.open(**wish).forwards
        leave_without_a_process(bench)
        with socket.create_server(("127.0.0.1", before)):
            tunnel = bench.open(**wish)
        assert (tunnel.phase, tunnel.forwards[0]) == ("up", jupyter)
        assert tunnel.forwards[1][0] not in (before, other.port)
        assert ask(tunnel.forwards[1][0]) == b"hi"


def test_a_further_port_that_was_taken_since_the_opener_died_is_named(bench):
    """It was the person's choice once: it is said which one is taken, and the tunnel comes without it next time."""
    local = free_port()
    port = bench.open(forwards=((local, 6006),)).local_port
    leave_without_a_process(bench)
    with socket.create_server(("127.0.0.1", local)):
        with pytest.raises(ForwardTaken, match=str(local)):
            bench.open(local_port=port)
        assert bench.open(local_port=port).phase == "up"


def leave_without_a_process(bench):
    """Leave the record of an opener that died before it began a process, a second before it is given up."""
    path = bench.root / "tunnels" / f"{ID}.json"
    record = json.loads(path.read_text())
    bench.tunnels.close(ID)
    begun = datetime.now(UTC) - timedelta(seconds=STARTING_S - 1)
    nobody = {"pid": 0, "pid_started": 0.0, "guard": 0, "guard_started": 0.0, "phase": "connecting"}
    path.write_text(json.dumps(record | nobody | {"since": begun.isoformat()}))


def test_a_taken_port_gives_the_next_free_one_and_the_same_again(bench):
    """What the wish got is remembered, and taken again although the wanted port is free by then."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        got = bench.open(local_port=wanted).local_port
        assert wanted < got <= wanted + 50
    bench.tunnels.close(ID)
    assert bench.open(local_port=wanted).local_port == got


def test_it_listens_on_loopback_alone(bench):
    """Nobody else on the network can use the tunnel."""
    port = bench.open().local_port
    listening = [one.laddr for one in bench.process().net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert [(one.ip, one.port) for one in listening] == [("127.0.0.1", port)]


def test_more_ports_go_over_the_one_connection(bench, ask):
    """TensorBoard beside Jupyter: two listeners, one SSH connection."""
    with contextlib.closing(Web()) as other:
        local, third = free_port(), free_port()
        tunnel = bench.open(forwards=((local, other.port),))
        assert ask(tunnel.local_port) == ask(local) == b"hi"
        tunnel = bench.open(local_port=tunnel.local_port, forwards=((third, other.port),))  # adds, takes none away
        assert ask(tunnel.local_port) == ask(local) == ask(third) == b"hi"
        outgoing = [one for one in bench.process().net_connections("inet") if one.raddr[1:] == (bench.sshd.port,)]
        assert len(outgoing) == 1


def test_a_further_port_that_is_taken_is_named(bench, ask):
    """Its number was the person's choice: another one is proposed, not taken, and the tunnel that is there stays."""
    first = bench.open()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ForwardTaken, match=str(port)) as refused:
            bench.open(local_port=first.local_port, forwards=((port, 6006),))
    assert refused.value.remedy.endswith(":6006")
    assert bench.tunnel().pid == first.pid
    assert ask(first.local_port) == b"hi"


def test_a_service_has_its_own_number_here_or_the_next_free_one(bench, ask):
    """Two clusters begun at once on one laptop: the second has the next number, again next time, and no failure."""
    first = bench.open()
    with contextlib.closing(Web()) as other:  # on this machine it holds its number itself
        wish = {"local_port": first.local_port, "services": (other.port,)}
        tunnel = bench.open(**wish)
        ((got, remote),) = tunnel.forwards[1:]
        assert remote == other.port < got <= remote + 50
        assert ask(got) == b"hi"
        assert bench.open(**wish).pid == tunnel.pid
        bench.tunnels.close(ID)
        assert bench.open(**wish).forwards == tunnel.forwards


def test_a_half_closed_connection_gets_its_answer(bench):
    """A client that ends its side still receives what the server says then."""
    port = bench.open().local_port
    for size in (0, 10, 3_000_000):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"GET /count-until-end HTTP/1.1\r\n\r\n" + bytes(size))
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(100) == b"%d" % size
            assert sock.recv(100) == b""


def test_two_hundred_connections_at_once_all_succeed(bench, ask):
    """1 MiB each, none lost, none mixed up."""
    port = bench.open().local_port
    with ThreadPoolExecutor(200) as pool:
        bodies = list(pool.map(lambda _: len(ask(port, "/size/1048576", timeout_s=60)), range(200)))
    assert bodies == [1 << 20] * 200


def test_clients_that_leave_in_mid_answer_hurt_nobody(bench, ask):
    """Hundreds of connections cut short, as browsers do all day: the same process, the same connection."""
    port = bench.open().local_port
    process = bench.process()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: _cut_short(port, index), range(300)))
    assert ask(port) == b"hi"
    assert bench.process().pid == process.pid
    assert bench.log().count("lost") == 0


def _cut_short(port: int, index: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"GET /size/3000000 HTTP/1.1\r\n\r\n")
        sock.recv(1 + index * 37 % 60000)
        if index % 2:  # half of them with a reset
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_client_that_does_not_read_holds_up_no_other(bench, ask):
    """Each connection has a window of its own."""
    port = bench.open().local_port
    with socket.create_connection(("127.0.0.1", port)) as lazy:
        lazy.sendall(b"GET /size/100000000 HTTP/1.1\r\n\r\n")
        time.sleep(1)
        began = time.monotonic()
        assert ask(port) == b"hi"
        assert time.monotonic() - began < BUSY_S
        assert bench.process().memory_info().rss < 120e6


def test_a_port_where_nothing_listens_resets_and_the_tunnel_stays(bench):
    """Jupyter restarting on the instance is not the tunnel's end."""
    bench.web.close()
    tunnel = bench.open()
    with pytest.raises((ConnectionError, TimeoutError)):
        get(tunnel.local_port, timeout_s=5)
    assert bench.tunnel().phase == "up"


def test_idle_it_is_small_and_quiet(bench, ask):
    """Tunnel and guard together under 60 MB, shared pages counted twice; no CPU that could be measured."""
    port = bench.open().local_port
    ask(port)
    process = bench.process()
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(3)
    after = process.cpu_times()
    assert sum(one.memory_info().rss for one in (process, process.parent())) < 60e6
    assert (after.user + after.system - before.user - before.system) / (time.monotonic() - began) < 0.03


def test_two_openers_at_once_make_one_tunnel(bench):
    """The lock lets the second find what the first opened."""
    port = 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = []
    threads = [threading.Thread(target=lambda: found.append(bench.open(local_port=port))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.pid for one in found}) == 1
    assert len(found) == 4
