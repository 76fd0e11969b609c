"""The small parts of a tunnel, each alone."""

import socket
import sys
import threading
import time

import pytest
from paramiko import SSHException

from jupyter_awsgpu.errors import PortTaken
from jupyter_awsgpu.tunnel import guard, ports, route
from jupyter_awsgpu.tunnel.backoff import Backoff
from jupyter_awsgpu.tunnel.clock import SleepWatch
from jupyter_awsgpu.tunnel.crew import Crew
from jupyter_awsgpu.tunnel.delivery import Delivery
from jupyter_awsgpu.tunnel.relay import Relay
from jupyter_awsgpu.tunnel.window import FIRST, LIMIT, GrowingWindow


class ManualClock:
    """Both clocks, moved by hand."""

    def __init__(self):
        self.wall, self.steady = 1000.0, 50.0

    def time(self):
        return self.wall

    def monotonic(self):
        return self.steady


# ── pauses and clocks ────────────────────────────────────────────────────────────────────────


def test_pauses_double_to_a_second_and_later_to_five():
    """Fresh losses are tried eagerly; a lasting one costs little."""
    backoff = Backoff()
    pauses = [backoff.pause_s() for _ in range(8)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]
    later = [backoff.pause_s() for _ in range(200)]
    assert later[-1] == 5.0
    backoff.reset()
    assert backoff.pause_s() == 0.1


@pytest.mark.parametrize(
    ("wall", "steady", "woke"), [(0.5, 0.5, False), (3600.5, 0.5, True), (3600.5, 3600.5, True), (-3600.0, 0.5, False)]
)
def test_sleep_shows_on_either_clock(wall, steady, woke):
    """Linux and macOS stop the steady clock in sleep, Windows does not; a clock set back is no sleep."""
    clock = ManualClock()
    watch = SleepWatch(clock)
    clock.wall += wall
    clock.steady += steady
    assert watch.woke(0.5) is woke
    assert watch.woke(0.5) is False


def test_our_own_address_towards_loopback_is_loopback():
    """Asked of the kernel's routes; nothing is sent."""
    assert route.own_address_towards("127.0.0.1") == "127.0.0.1"


# ── ports ────────────────────────────────────────────────────────────────────────────────────


def test_a_taken_port_is_passed_over():
    """The next free one, and none that is to be avoided."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        wanted = server.getsockname()[1]
        assert not ports.is_free("127.0.0.1", wanted)
        got = ports.choose("127.0.0.1", wanted, before=None, avoid={wanted + 1}, name="gpu")
        assert wanted + 1 < got <= wanted + ports.TRIED


def test_what_the_wish_got_before_is_taken_first():
    """If it is free; else from the wanted one on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert ports.choose("127.0.0.1", 1024, before=free, avoid=(), name="gpu") == free


def test_no_free_port_is_an_error():
    """With the wanted port and all next ones taken."""
    everything = range(65536)
    with pytest.raises(PortTaken, match="Local port 9000"):
        ports.choose("127.0.0.1", 9000, before=None, avoid=everything, name="gpu")


def test_ports_are_remembered_by_instance_and_wish(tmp_path):
    """A damaged memory is an empty one."""
    memory = ports.PortMemory(tmp_path / "ports.json")
    memory.keep("i-1", 8889, 8891)
    assert ports.PortMemory(tmp_path / "ports.json").before("i-1", 8889) == 8891
    assert memory.before("i-1", 9000) is None
    (tmp_path / "ports.json").write_text("x")
    assert memory.before("i-1", 8889) is None


# ── delivery ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_an_undirected_pipe_is_an_ordinary_one():
    """Commands over the same connection read as ever."""
    pipe = Delivery()
    pipe.feed(b"abc")
    assert pipe.read(2) == b"ab"
    pipe.close()
    assert (pipe.read(9), pipe.read(9)) == (b"c", b"")


def test_what_fits_goes_to_the_client_at_once(pair):
    """From the feeding thread; the reader only learns how much."""
    pipe = Delivery()
    pipe.feed(b"early ")
    pipe.deliver_to(pair[0], report_from=4)
    assert len(pipe.read(99)) == 6
    pipe.feed(b"late")
    assert len(pipe.read(99)) == 4
    assert pair[1].recv(99) == b"early late"


def test_a_slow_client_holds_up_nobody_and_loses_nothing(pair):
    """Feeding never blocks; the reader writes the rest, in order."""
    pipe = Delivery()
    pipe.deliver_to(pair[0], report_from=1)
    blocks = [bytes([number]) * 50_000 for number in range(100)]
    began = time.monotonic()
    for block in blocks:
        pipe.feed(block)
    assert time.monotonic() - began < 10
    pipe.close()
    reported = []
    reader = threading.Thread(target=lambda: reported.extend(iter(lambda: len(pipe.read(99)), 0)))
    reader.start()
    got = bytearray()
    while len(got) < 5_000_000:
        got += pair[1].recv(1 << 16)
    reader.join(5)
    assert bytes(got) == b"".join(blocks)
    assert sum(reported) == 5_000_000


def test_a_client_that_has_gone_ends_the_reader_not_the_feeder(pair):
    """The receiving thread must survive whatever the client does."""
    pipe = Delivery()
    pipe.deliver_to(pair[0], report_from=1)
    pair[1].close()
    for _ in range(5):
        pipe.feed(b"x" * 1000)
    with pytest.raises(ConnectionError):
        pipe.read(99)


# ── window ───────────────────────────────────────────────────────────────────────────────────


class BrokenChannel:
    """A channel whose connection broke after half an answer, as paramiko says it in `where`."""

    in_window_threshold = 1
    eof_received = False

    def __init__(self, where, how):
        self.where, self.how = where, how

    def recv(self, nbytes):
        if self.where == "recv":
            raise self.how
        return b""

    def send(self, data):
        if self.where == "send":
            raise self.how
        return len(data)

    def shutdown_write(self):
        if self.where == "shutdown_write":
            raise self.how

    def close(self):
        if self.where == "close":
            raise self.how


@pytest.mark.parametrize("where", ["recv", "send", "shutdown_write", "close"])
@pytest.mark.parametrize("how", [EOFError(), SSHException("broken"), OSError("broken")], ids=repr)
def test_however_a_broken_connection_shows_the_client_is_reset(where, how):
    """Never an end that looks whole, and never a wait without one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), 10)
        ours, _ = listener.accept()
    client.sendall(b"ask")
    ours.sendall(b"half an ans")
    relay = Relay(ours, BrokenChannel(where, how), lambda: 0.01, Crew())
    with client:
        relay.run()
        assert client.recv(100) == b"half an ans"
        with pytest.raises(ConnectionResetError):
            client.recv(100)


class Channel:
    """What the growing window touches of paramiko's channel."""

    def __init__(self):
        self.lock = threading.Lock()
        self.in_window_sofar, self.in_window_size, self.in_window_threshold = 0, FIRST, FIRST // 10


def _grow(round_trip_s, bytes_per_s, seconds):
    clock, channel = ManualClock(), Channel()
    window = GrowingWindow(channel, lambda: round_trip_s, clock.monotonic)
    for _ in range(int(seconds / 0.01)):
        clock.steady += 0.01
        window.delivered(int(min(bytes_per_s, channel.in_window_size / round_trip_s) * 0.01))
    return channel


def test_a_distant_fast_line_gets_a_larger_window():
    """Rate times round trip reaches the window: it is what limits."""
    channel = _grow(0.040, 125e6, 3)
    assert channel.in_window_size >= 125e6 * 0.040
    assert channel.in_window_size <= LIMIT
    assert channel.in_window_sofar == channel.in_window_size - FIRST


@pytest.mark.parametrize(("round_trip_s", "bytes_per_s"), [(0.0005, 400e6), (0.040, 5e6)])
def test_a_near_or_slow_line_keeps_the_usual_window(round_trip_s, bytes_per_s):
    """A large one would only fill memory."""
    assert _grow(round_trip_s, bytes_per_s, 3).in_window_size == FIRST


# ── the guard ────────────────────────────────────────────────────────────────────────────────


def test_the_guard_starts_a_killed_process_again_until_it_ends_by_itself(tmp_path):
    """Killed twice, it is there a third time; status 0 ends both."""
    script = (
        "import os, pathlib, signal, sys\n"
        "log = pathlib.Path(sys.argv[1])\n"
        "log.open('a').write(os.environ['AWSGPU_TUNNEL_GUARD'] + '\\n')\n"
        "len(log.read_text().split()) < 3 and os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    log = tmp_path / "log"
    assert guard.main([sys.executable, "-S", "-c", script, str(log)]) == 0
    assert len(log.read_text().split()) == 3


def test_a_process_that_never_starts_is_given_up(tmp_path):
    """A broken installation does not spin for ever."""
    log = tmp_path / "log"
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write('x'); sys.exit(1)"
    assert guard.main([sys.executable, "-S", "-c", script, str(log)], sleep=lambda _: None) == 1
    assert log.read_text() == "x" * guard.FAILED_STARTS


def test_the_tunnels_process_loads_neither_boto3_nor_widgets():
    """An idle tunnel is small because of what it does not import."""
    import subprocess

    script = (
        "import sys; import jupyter_awsgpu.tunnel.supervisor, jupyter_awsgpu.tunnel.forwarder, jupyter_awsgpu.host;"
        "print([name for name in ('boto3', 'IPython', 'ipywidgets', 'moto', 'asyncssh') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_another_destination_is_no_other_network():
    """Only the same way beginning elsewhere means that this machine moved."""
    watch = route.RouteWatch()
    assert not watch.moved("127.0.0.1")
    assert not watch.moved("")
    assert not watch.moved("")
    assert not watch.moved("127.0.0.1")


# ── threads ──────────────────────────────────────────────────────────────────────────────────


def test_work_never_waits_for_other_work():
    """However many pieces block, the next one runs."""
    crew, go, ran = Crew(), threading.Event(), []
    for _ in range(50):
        crew.start(lambda: (go.wait(5), ran.append(1)))
    crew.start(lambda: (ran.append("at once"), go.set()))
    assert go.wait(5)
    deadline = time.monotonic() + 5
    while len(ran) < 51 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ran[0] == "at once"
    assert len(ran) == 51


def test_an_idle_thread_is_used_again():
    """The second piece of work finds the first one's thread."""
    crew, idents = Crew(), []
    for _ in range(5):
        done = threading.Event()
        crew.start(lambda done=done: (idents.append(threading.get_ident()), done.set()))
        assert done.wait(5)
        time.sleep(0.05)
    assert len(set(idents)) == 1
