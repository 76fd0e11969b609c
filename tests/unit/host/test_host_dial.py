"""A TCP connection, noticed as soon as it is possible."""

import socket
import threading
import time

import pytest

from jupyter_awsgpu.host.dial import dial
from jupyter_awsgpu.host.wire import Wire


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_listener_is_reached(port):
    """The ordinary case: one attempt, blocking afterwards."""
    with dial("127.0.0.1", port, timeout_s=5) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)
        assert sock.gettimeout() is None


def test_a_refusal_is_told_at_once():
    """Nobody listens, and nobody asked to wait."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        dial("127.0.0.1", port, timeout_s=5)
    assert time.monotonic() - began < 4  # well before its time is up


def test_waiting_ends_with_the_time():
    """Refused again and again, it is a timeout in the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"within 0\.7 s"):
        dial("127.0.0.1", port, timeout_s=0.7, wait=True)
    assert 0.6 < time.monotonic() - began < 10


def test_a_full_queue_that_empties_is_noticed():
    """The kernel drops what does not fit in a listener's queue, as a firewall would; a later attempt gets in."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        first = dial("127.0.0.1", port, timeout_s=5)  # fills the queue
        emptied = []

        def empty():
            time.sleep(1.2)
            emptied.append(time.monotonic())
            server.accept()[0].close()

        thread = threading.Thread(target=empty)
        thread.start()
        with dial("127.0.0.1", port, timeout_s=10):
            assert not emptied or time.monotonic() - emptied[0] < 5
        thread.join()
        first.close()


def test_a_name_that_does_not_resolve_is_an_error():
    """Not a name of anybody's network (RFC 2606)."""
    with pytest.raises(OSError, match=r".+"):
        dial("nowhere.invalid", 22, timeout_s=2)


def test_a_wire_hands_out_what_was_read_in_pieces():
    """A packet is asked for in small reads; the kernel is asked once."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    with theirs:
        theirs.sendall(b"abcdef")
        assert (wire.recv(2), wire.recv(3), wire.recv(9)) == (b"ab", b"cde", b"f")
        theirs.shutdown(socket.SHUT_WR)
        assert wire.recv(9) == b""
    wire.close()
    assert wire.closed


def test_closing_a_wire_ends_a_read_under_way():
    """A patient connection is closed at once all the same."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    wire.be_patient()
    got = []
    reader = threading.Thread(target=lambda: got.append(wire.recv(1)))
    reader.start()
    time.sleep(0.1)
    wire.close()
    reader.join(3)
    assert not reader.is_alive()
    theirs.close()


def test_a_wire_keeps_paramikos_timeouts_until_it_is_patient():
    """During the handshake 0.1 s is right; afterwards it would wake an idle tunnel all day."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    wire.settimeout(0.05)
    with pytest.raises(TimeoutError):
        wire.recv(1)
    wire.be_patient()
    wire.settimeout(0.05)
    assert ours.gettimeout() > 10
    wire.close()
    theirs.close()
