"""What the supervisor decides, with connections and AWS played by fakes and the clock moved by hand."""

import errno
import json
import os
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_awsgpu.errors import AwsUnreachable, HostKeyWrong, InstanceGone, KeyMissing, SshRefused, SshUnreachable
from jupyter_awsgpu.model import Endpoint
from jupyter_awsgpu.tunnel import serve

ENDPOINT = Endpoint("i-1", "127.0.0.1", 22, "ubuntu", Path("/k"))
ELSEWHERE = replace(ENDPOINT, address="127.0.0.9")
WRONG = HostKeyWrong(name="gpu", address="127.0.0.1", expected="a", got="b")
SILENT = SshUnreachable(name="gpu", address="127.0.0.1", port=22)


class Transport:
    """Stands until it is closed."""

    def __init__(self):
        self._ended = threading.Event()

    def join(self):
        self._ended.wait()

    def is_active(self):
        return not self._ended.is_set()

    def close(self):
        self._ended.set()

    stop_thread = close


class Host:
    """A connection; `doubts` are the questions asked after a wake-up."""

    host_key = "ssh-ed25519 SHA256:x"

    def __init__(self):
        self.transport = Transport()
        self.liveness = self
        self.doubts = []

    @property
    def active(self):
        return self.transport.is_active()

    def watch(self):
        pass

    def doubt(self, within_s):
        self.doubts.append(within_s)

    def close(self):
        self.transport.close()


class JumpingClock:
    """This machine's clocks, set forward by hand."""

    ahead = 0.0

    def time(self):
        return time.time() + self.ahead

    def monotonic(self):
        return time.monotonic()


class World:
    """A tunnel's process in a thread. `answers` is what dialling meets, in order; its last one repeats."""

    def __init__(self, folder):
        self.record = folder / "i-1.json"
        self.answers, self.located = [None], ENDPOINT
        self.dialled, self.asked, self.hosts, self.observed = [], 0, [], []
        self.clock = JumpingClock()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._thread = None

    def start(self, *, endpoint=ENDPOINT, port=None):
        kept = {"address": endpoint.address, "port": 22, "user": "ubuntu", "key_file": "/k", "via": None}
        document = {
            "schema": 1,
            "instance_id": "i-1",
            "name": "gpu",
            "launch_id": "l-1",
            "region": "r",
            "forwards": [[port or self.port, 8888]],
            "bind": "127.0.0.1",
            "pid": 0,
            "pid_started": 0.0,
            "phase": "connecting",
            "reason": None,
            "since": "2026-01-01T00:00:00+00:00",
            "endpoint": kept,
        }
        self.record.write_text(json.dumps(document))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _serve(self):
        serve(self.record, locate=self._locate, connect=self._connect, observe=self.observed.append, clock=self.clock)

    def _connect(self, endpoint):
        self.dialled.append(endpoint)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer
        self.hosts.append(Host())
        return self.hosts[-1]

    def _locate(self):
        self.asked += 1
        if isinstance(self.located, Exception):
            raise self.located
        return self.located

    def said(self):
        return json.loads(self.record.read_text())

    def until(self, holds, within_s=60):
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, (self.said(), self.dialled, self.asked)
            time.sleep(0.02)

    def until_phase(self, phase, within_s=60):
        self.until(lambda: self.said()["phase"] == phase, within_s)
        return self.said()

    def ends(self):
        self._thread.join(60)
        return not self._thread.is_alive()

    def close(self):
        (self.record.with_suffix(".end")).touch()
        assert self.ends()


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


def test_up_is_said_with_the_host_key_and_ended_when_asked(world):
    """The record tells whoever reads it; the request to end is heard."""
    world.start()
    said = world.until_phase("up")
    assert said["host_key"] == Host.host_key
    assert said["pid_started"] > 0
    assert world.observed == world.hosts
    world.close()
    assert world.said()["phase"] == "closed"
    assert not world.record.with_suffix(".end").exists()
    assert world.asked == 0


@pytest.fixture
def disk(monkeypatch):
    """A disk that is full while `full` is in it."""
    state, sync = set(), os.fsync

    def fsync(descriptor):
        if "full" in state:
            state.add("refused")
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return state


def test_up_is_said_as_soon_as_it_can_be_written(world, disk):
    """The disk was full, or on Windows somebody read the record, from the start on: the tunnel stands all the same."""
    disk.add("full")
    world.start().until(lambda: world.observed and "refused" in disk)
    time.sleep(1)  # two looks at the record, which is still the one it began with
    assert world.said()["phase"] == "connecting"
    disk.clear()
    assert world.until_phase("up", 10)["pid"] == os.getpid()


def test_a_broken_connection_is_replaced(world):
    """Lost, then up again, over a new connection that is observed too."""
    world.start().until_phase("up")
    world.hosts[0].close()
    world.until(lambda: len(world.observed) == 2)
    assert world.until_phase("up")["reason"] is None


def test_after_a_sleep_the_peer_is_asked_at_once(world):
    """The clock jumped an hour: the connection is doubted, not dropped."""
    world.start().until_phase("up")
    world.clock.ahead = 3600
    world.until(lambda: world.hosts[0].doubts)
    assert world.hosts[0].doubts == [3.0]
    assert world.hosts[0].active


def test_after_a_sleep_with_the_link_down_aws_is_asked(world):
    """The instance may be elsewhere, and our address another one."""
    world.answers = [SILENT]
    world.start().until(lambda: world.dialled)
    world.clock.ahead = 3600
    world.until(lambda: world.asked >= 1, 3)


def test_a_silent_instance_is_looked_for_and_found_elsewhere(world):
    """Nobody answers at the old address; AWS knows the new one."""
    world.located = ELSEWHERE
    world.answers = [SILENT] * 6 + [None]
    world.start().until_phase("up")
    assert world.dialled[-1] == ELSEWHERE
    assert world.said()["endpoint"]["address"] == "127.0.0.9"


def test_a_stopped_instance_is_not_dialled_until_it_has_an_address(world):
    """AWS gives no address: nothing is sent to whoever has the old one now."""
    world.located = replace(ENDPOINT, address="")
    world.answers = [SILENT]
    world.start().until(lambda: world.asked == 1)
    time.sleep(1)
    before = len(world.dialled)
    time.sleep(1.5)
    assert len(world.dialled) == before
    world.located, world.answers = ELSEWHERE, [None]
    world.clock.ahead = 60
    world.until_phase("up")


def test_a_wrong_host_key_at_the_instances_own_address_is_final(world):
    """AWS confirms the address, so somebody stands between."""
    world.answers = [WRONG]
    world.start()
    assert "host key" in world.until_phase("gave-up")["reason"]
    assert world.ends()
    assert len(world.dialled) == 1


def test_a_wrong_host_key_at_an_address_that_moved_is_not(world):
    """The old address is somebody else's by now."""
    world.answers, world.located = [WRONG, None], ELSEWHERE
    world.start().until_phase("up")
    assert world.dialled == [ENDPOINT, ELSEWHERE]


def test_a_wrong_host_key_is_final_when_aws_cannot_be_asked(world):
    """Without anybody to confirm the address, nothing more is sent there."""
    world.answers, world.located = [WRONG], AwsUnreachable(endpoint="x")
    world.start().until_phase("gave-up")
    assert world.ends()


@pytest.mark.parametrize(
    "error", [KeyMissing(name="gpu", key_file="k"), InstanceGone(name="gpu", why="terminated")], ids=["key", "gone"]
)
def test_what_no_retry_mends_is_given_up(world, error):
    """The reason is the error's own sentence."""
    world.answers, world.located = [error if isinstance(error, KeyMissing) else SILENT], error
    world.start()
    assert world.until_phase("gave-up")["reason"] == str(error)
    assert world.ends()


def test_a_refused_key_is_believed_only_after_some_seconds(world):
    """One refusal may be a host in the middle of its boot."""
    refused = SshRefused(name="gpu", user="ubuntu", key_file="k")
    world.answers = [refused, refused, None]
    world.start().until_phase("up")


def test_a_mistake_of_ours_does_not_end_the_tunnel(world):
    """Whatever a dial raises, the next one may do better."""
    world.answers = [ZeroDivisionError("x"), None]
    world.start().until_phase("up")


def test_a_port_taken_meanwhile_is_said(world):
    """Whoever opens the tunnel takes the next one then."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        world.start(port=taken.getsockname()[1])
        assert world.until_phase("gave-up")["reason"] == "the local port was taken meanwhile"
        assert world.ends()
