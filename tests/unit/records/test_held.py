"""A file that another process holds open, as Windows has it, is tried again for a moment, and not for longer."""

from __future__ import annotations

import errno
import io
import os

import pytest

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records import Operations, Pins, Pulls, Reports, held, operations
from jupyter_awsgpu.records.files import read_document, write_document
from jupyter_awsgpu.records.held import EVERY_S, while_held
from jupyter_awsgpu.remote.browser import open_with_token
from jupyter_awsgpu.surfaces.kernels import waiting
from jupyter_awsgpu.tunnel.record import RecordFile


class Clock:
    """A clock that moves only while somebody waits by it."""

    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Held:
    """Something to do that is refused so many times before it can be done."""

    def __init__(self, times, error=PermissionError(errno.EACCES, "held")):  # noqa: B008 - an error, not a state
        self.left, self.tried, self._error = times, 0, error

    def __call__(self):
        self.tried += 1
        if self.tried <= self.left:
            raise self._error
        return "done"


@pytest.mark.parametrize("times", [0, 1, 40])
def test_what_is_held_for_a_moment_is_done_as_soon_as_it_can_be(times):
    """And what nobody holds, at once."""
    clock = Clock()
    assert while_held(Held(times), 1.0, clock) == "done"
    assert clock.now == pytest.approx(times * EVERY_S)


@pytest.mark.parametrize("held_s", [0.0, 1.0])
def test_what_is_held_for_longer_is_refused(held_s):
    """After a second on Windows, at once elsewhere: the error is the system's own."""
    clock = Clock()
    with pytest.raises(PermissionError, match="held"):
        while_held(Held(float("inf")), held_s, clock)
    assert clock.now == pytest.approx(held_s, abs=EVERY_S)


def test_another_error_is_no_matter_of_waiting():
    """A full disk is not empty the next moment."""
    action = Held(3, OSError(errno.ENOSPC, "full"))
    with pytest.raises(OSError, match="full"):
        while_held(action, 1.0, Clock())
    assert action.tried == 1


@pytest.fixture
def windows(monkeypatch):
    """A system on which others look at our files: each act on each is refused the first two times."""
    monkeypatch.setattr(held, "HELD_S", 1.0)
    tried = {}

    def stubborn(name, act):
        def refused(path, *more, **options):
            if isinstance(path, int):  # an open file, and ours
                return act(path, *more, **options)
            key = (name, os.fspath(more[0] if name == "replace" else path))
            tried[key] = tried.get(key, 0) + 1
            if tried[key] <= 2:
                raise PermissionError(errno.EACCES, "held", key[1])
            return act(path, *more, **options)

        return refused

    for module, name in ((os, "replace"), (os, "unlink"), (io, "open")):
        monkeypatch.setattr(module, name, stubborn(name, getattr(module, name)))
    return tried


def test_a_document_is_replaced_and_read_while_others_look_at_it(tmp_path, windows):
    """A journal, a report, a tunnel's record: the panel and `status` read them at any moment."""
    path = tmp_path / "one.json"
    write_document(path, {"name": "gpu"})
    assert read_document(path) == {"schema": 1, "name": "gpu"}
    assert set(windows) == {("replace", str(path)), ("open", str(path))}
    assert [one.name for one in tmp_path.iterdir()] == ["one.json"]


def test_a_document_that_stays_held_is_unreadable(tmp_path, windows, monkeypatch):
    """Elsewhere than on Windows at once: it is not ours to read."""
    write_document(tmp_path / "one.json", {"name": "gpu"})
    monkeypatch.setattr(held, "HELD_S", 0.0)
    with pytest.raises(StateUnreadable):
        read_document(tmp_path / "one.json")


@pytest.mark.parametrize("kind", [Pins, Reports, Pulls])
def test_what_is_known_of_an_instance_is_forgotten_while_others_look_at_it(tmp_path, windows, kind):
    """It is gone, and nothing keeps its file."""
    (tmp_path / "i-1.json").touch()
    kind(tmp_path).forget("i-1")
    assert list(tmp_path.iterdir()) == []


def test_an_old_log_that_others_look_at_stays_until_the_next_time(tmp_path, windows, monkeypatch):
    """No verb waits for it, or fails by it."""
    monkeypatch.setattr(operations, "KEPT", 1)
    logs = Operations(tmp_path)
    made = [logs.open("launch", f"gpu{number}") for number in range(4)]
    assert len(made) == 4
    assert 1 < len(list(tmp_path.iterdir())) < 4


def test_an_old_page_that_a_browser_looks_at_stays_until_the_next_time(tmp_path, windows):
    """The new one is opened all the same."""
    old = tmp_path / "open-1-1.html"
    old.touch()
    os.utime(old, (0, 0))
    opened = []
    for left in (True, True, False):
        open_with_token("http://127.0.0.1:8889", "secret", tmp_path, opener=opened.append)
        assert old.exists() is left
    assert len(opened) == 3


def test_a_tunnels_record_is_removed_while_others_look_at_it(tmp_path, windows):
    """With the request to end."""
    file = RecordFile(tmp_path / "i-1.json")
    file.write({"instance_id": "i-1"})
    file.ask_to_end()
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_waiting_kernels_facts_are_added_to_while_others_look_at_them(tmp_path, windows, monkeypatch):
    """None is lost: what could not be read would be written over."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    waiting.note("k", one=1)
    windows.clear()
    waiting.note("k", two=2)
    assert waiting.find("k") == {"one": 1, "two": 2}
    waiting.forget("k")
    assert waiting.find("k") is None
