"""The panel starts what is pressed, says what came of it, and outlives it all."""

import queue

import pytest

from jupyter_awsgpu import settings
from jupyter_awsgpu.errors import NoCredentials, NoRegion
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.surfaces.panel.view import Panel


class NoRegionSet:
    """Rooms whose clouds know no region: whatever asks AWS is refused at once."""

    demo = False

    def __init__(self, folder):
        self.records = Records(folder)
        self.clouds = self

    @property
    def default_region(self):
        raise NoRegion

    def cloud(self, _region=None):
        raise NoRegion

    somewhere = cloud


class StillWatcher:
    """A watcher whose looks the test decides."""

    def __init__(self, folder, snapshot):
        self.snapshot = snapshot
        self.rooms = NoRegionSet(folder)
        self.hurried = queue.Queue()
        self.tell = None

    def listen(self, listener):
        self.tell = listener
        listener(self.snapshot)
        return lambda: None

    def bench(self):
        return self.rooms

    def hurry(self):
        self.hurried.put(True)

    def use_demo(self, demo):
        self.asked_for = demo


@pytest.fixture
def watcher(tmp_path, look, instance):
    return StillWatcher(tmp_path, look(instance(), refusal=NoCredentials()))


@pytest.fixture
def panel(watcher, tr):
    """A panel on that watcher, its form at rest."""
    shown = Panel(watcher, settings.load(), tr)
    yield shown
    shown.close()


def test_a_job_refused_early_stays_to_be_read(panel, watcher, look, instance):
    """What a press came to is not wiped away by the next look at AWS."""
    panel.run(("launch", "p2.xlarge", "--name", "no spaces", "--max-hours", "1"))
    watcher.hurried.get(timeout=60)
    watcher.tell(look(instance()))
    assert "cannot be a name" in panel._job_refusal.children[0].value
    assert panel._refusal.children == ()


def test_a_refusal_of_aws_is_shown_until_it_is_over(panel, watcher, look):
    """No credentials: said while it is so."""
    assert "No AWS credentials" in panel._refusal.children[0].value
    watcher.tell(look())
    assert panel._refusal.children == ()


def test_a_remedy_s_launch_only_fills_the_form(panel):
    """The person sees the price before anything costs money."""
    panel.run(("launch", "g5.xlarge"))
    assert panel.form.fields.type.value == "g5.xlarge"
    assert panel._jobs == []


def test_the_switch_changes_the_aws_in_view(panel, watcher):
    """The demo is one press away."""
    panel.switch.value = True
    assert watcher.asked_for is True
