"""The watcher sees what any process did, and asks AWS no more than it must."""

import queue
from types import SimpleNamespace

import pytest

from jupyter_awsgpu import settings
from jupyter_awsgpu.errors import NoCredentials
from jupyter_awsgpu.model import Identity
from jupyter_awsgpu.records import FactCache, Records
from jupyter_awsgpu.surfaces.panel import pace
from jupyter_awsgpu.surfaces.panel.watcher import Watcher
from jupyter_awsgpu.verbs.workbench import Workbench

WITHIN_S = 10


class FakeClouds:
    """One region of an AWS that counts its questions; `refusal` is what it answers with, if anything."""

    default_region = "us-west-2"

    def __init__(self, folder):
        self.cache = FactCache(folder)
        self.instances = ()
        self.refusal = None
        self.asked = 0

    def identity(self):
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        return Identity("1", "arn", "1/user/me")

    def regions(self):
        return (self.default_region,)

    def each(self, regions, _ask):
        return dict.fromkeys(regions, self.instances)


class NoTunnels:
    def find(self, _instance_id):
        return None


@pytest.fixture
def clouds(tmp_path):
    return FakeClouds(tmp_path / "cache")


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path / "data")


@pytest.fixture
def watch(clouds, records):
    """Start a watcher; return it with the queue of what it tells. It ends with the test."""
    stops = []

    def start():
        rooms = Workbench(settings.load(), clouds, records, SimpleNamespace(), NoTunnels())
        watcher, told = Watcher(lambda _demo: rooms, demo=False), queue.Queue()
        stops.append(watcher.listen(told.put))
        return watcher, told

    yield start
    for stop in stops:
        stop()


def until(told, wanted):
    """Return the first snapshot told that is as wanted."""
    while True:
        snapshot = told.get(timeout=WITHIN_S)
        if wanted(snapshot):
            return snapshot


def test_what_aws_has_is_told(watch, clouds, instance):
    """The first look shows the instances there are."""
    clouds.instances = (instance(),)
    _watcher, told = watch()
    assert until(told, lambda one: one.asked is not None).instances[0].name == "gpu"


def test_what_another_process_begins_is_told_within_moments(watch, records):
    """An operation's log is seen while it is written, and its end too; each makes AWS be asked."""
    _watcher, told = watch()
    until(told, lambda one: one.asked is not None)
    with records.operations.begin("stop", "gpu") as operation, operation.step("x", "Stopping"):
        until(told, lambda one: one.running("gpu") is not None)
    assert until(told, lambda one: one.operations and one.running("gpu") is None).operations[0].outcome == "done"


def test_a_refusal_is_told_and_mended(watch, clouds, instance):
    """Without credentials the panel says so, keeps what it knew, and recovers when asked again."""
    clouds.instances = (instance(),)
    watcher, told = watch()
    until(told, lambda one: one.instances)
    clouds.refusal = NoCredentials()
    watcher.hurry()
    refused = until(told, lambda one: one.refusal is not None)
    assert refused.instances
    clouds.refusal = None
    watcher.hurry()
    until(told, lambda one: one.refusal is None)


def test_a_resting_aws_is_left_alone(watch, clouds):
    """While nothing changes, files are looked at and AWS is not."""
    watcher, told = watch()
    until(told, lambda one: one.asked is not None)
    asked = clouds.asked
    watcher._wake.set()
    watcher._wake.set()
    assert clouds.asked == asked


def test_nobody_listening_ends_the_watch(clouds, records):
    """The thread goes when its last listener does."""
    rooms = Workbench(settings.load(), clouds, records, SimpleNamespace(), NoTunnels())
    watcher, told = Watcher(lambda _demo: rooms, demo=False), queue.Queue()
    stop = watcher.listen(told.put)
    thread = watcher._thread
    until(told, lambda one: one.asked is not None)
    stop()
    watcher.hurry()
    thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_the_pace_follows_what_happens(look, instance):
    """Often while something changes, seldom while all rests, ever more seldom while AWS refuses."""
    changing, running, resting = look(instance(state="pending")), look(instance()), look()
    paces = [pace.until_next_ask_s(one, 0) for one in (changing, running, resting)]
    assert paces == [pace.CHANGING_S, pace.RUNNING_S, pace.RESTING_S]
    waits = [pace.until_next_ask_s(resting, refusals) for refusals in (1, 2, 3, 20)]
    assert waits == [5.0, 10.0, 20.0, pace.LONGEST_S]
