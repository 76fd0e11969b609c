"""`push` and `pull` between a person's folder and an instance."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from jupyter_awsgpu.errors import NeedsYes, NothingThere
from jupyter_awsgpu.remote.files.conversation import Conversation
from jupyter_awsgpu.verbs import journey
from jupyter_awsgpu.verbs.pull import pull
from jupyter_awsgpu.verbs.push import push
from jupyter_awsgpu.verbs.run import reach

OLD = (1_500_000_000, 1_500_000_000)


def there(workbench, worker, line):
    """Run a shell line on the instance."""
    with reach(workbench, worker) as host:
        return host.run(["sh", "-c", f"cd ~/work && {line}"]).stdout.decode()


@pytest.fixture(params=["by OpenSSH", "by our own connection"])
def way(request, monkeypatch):
    """With OpenSSH's client on this machine, and without."""
    if request.param == "by our own connection":
        found = journey.shutil.which
        monkeypatch.setattr(journey.shutil, "which", lambda name: None if name == "ssh" else found(name))
    return request.param


def test_a_tree_goes_and_comes_back_as_it_was(workbench, worker, here, way):
    """Contents, times and the executable bit; what is ignored stays; the second time nothing travels."""
    place = f"tree{len(way)}"
    (here / place / "sub").mkdir(parents=True)
    (here / place / "sub" / "ä b.txt").write_text("text")
    (here / place / "big").write_bytes(os.urandom(5_000_000))
    (here / place / "go.sh").write_text("#!/bin/sh\n")
    (here / place / "go.sh").chmod(0o755)
    (here / place / "x.log").write_text("no")
    (here / ".gitignore").write_text("*.log\n")
    os.utime(here / place / "go.sh", OLD)
    went = push(workbench, [place], "worker")
    assert (went.files, went.ignored) == (3, 1)
    assert push(workbench, [place], "worker").files == 0
    assert "x.log" not in there(workbench, worker, f"ls -R {place}")
    came = pull(workbench, [place], "worker", to="back")
    assert came.files == 3
    for name in ("sub/ä b.txt", "big", "go.sh"):
        assert (here / "back" / place / name).read_bytes() == (here / place / name).read_bytes()
    assert (here / "back" / place / "go.sh").stat().st_mtime == OLD[0]
    assert (here / "back" / place / "go.sh").stat().st_mode & 0o100
    assert pull(workbench, [place], "worker", to="back").files == 0


def test_a_newer_file_is_not_overwritten_unasked(workbench, worker, here):
    """Either way; the refusal names it, and --yes goes on."""
    (here / "note").write_text("mine")
    push(workbench, ["note"], "worker")
    there(workbench, worker, "echo theirs > note")
    os.utime(here / "note", OLD)
    with pytest.raises(NeedsYes, match=r"1 file is newer on worker and would be overwritten: note\."):
        push(workbench, ["note"], "worker")
    assert there(workbench, worker, "cat note") == "theirs\n"
    assert push(workbench, ["note"], "worker", yes=True).files == 1
    there(workbench, worker, "echo old > note && touch -d 2001-01-01 note")
    with pytest.raises(NeedsYes, match="newer on this machine"):
        pull(workbench, ["note"], "worker")
    assert (here / "note").read_text() == "mine"


def test_a_cut_journey_goes_on_by_itself(workbench, worker, here, monkeypatch):
    """The connection breaks once in mid-file; the file arrives whole, what had arrived travels once."""
    (here / "large").write_bytes(os.urandom(30_000_000))
    opened = []

    class Breaking(Conversation):
        """Breaks the first conversation after some megabytes."""

        def __init__(self, *parts):
            super().__init__(*parts)
            opened.append(self)
            if len(opened) == 1:
                self.to = Cut(self.to)

    class Cut:
        """Takes ten megabytes, no more."""

        def __init__(self, stream):
            self._stream, self._left = stream, 10_000_000

        def write(self, data):
            self._left -= len(data)
            if self._left < 0:
                self._stream.flush()
                raise BrokenPipeError("cut")
            return self._stream.write(data)

        def __getattr__(self, name):
            return getattr(self._stream, name)

    monkeypatch.setattr("jupyter_awsgpu.remote.files.conversation.Conversation", Breaking)
    went = push(workbench, ["large"], "worker")
    assert len(opened) == 2
    assert went.size < 35_000_000
    assert there(workbench, worker, "wc -c < large; ls -A | grep -c awsgpu- || true").split() == ["30000000", "0"]
    assert pull(workbench, ["large"], "worker", to="again").files == 1
    assert (here / "again" / "large").read_bytes() == (here / "large").read_bytes()


def test_a_large_changed_file_sends_its_difference(workbench, worker, here):
    """Both ends have rsync: of a file that changed a little, little travels."""
    data = bytearray(os.urandom(20_000_000))
    (here / "weights").write_bytes(data)
    push(workbench, ["weights"], "worker")
    data[9_000_000:9_000_010] = b"0123456789"
    (here / "weights").write_bytes(data)
    assert push(workbench, ["weights"], "worker").files == 1
    summed = there(workbench, worker, "md5sum < weights").split()[0]
    import hashlib

    assert summed == hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_what_is_not_there_is_said(workbench, worker, here):
    """Where it was looked for, too."""
    with pytest.raises(NothingThere, match="no absent on this machine"):
        push(workbench, ["absent"], "worker")
    with pytest.raises(NothingThere, match="no absent on worker"):
        pull(workbench, ["absent"], "worker")


def test_a_pull_is_remembered(workbench, worker, here):
    """When it began, by the instance's clock: what is newer there was never fetched."""
    there(workbench, worker, "echo 1 > result")
    pull(workbench, ["result"], "worker")
    last = workbench.records.pulls.last_pull(worker.instance_id)
    assert abs((datetime.now(UTC) - last).total_seconds()) < 300
    assert "result" in workbench.records.pulls.paths(worker.instance_id)
