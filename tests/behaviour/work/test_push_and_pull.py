"""`push` and `pull` between a person's folder and an instance."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import UTC, datetime

import pytest

from jupyter_awsgpu.errors import NeedsYes, NothingThere
from jupyter_awsgpu.remote.files.conversation import Conversation
from jupyter_awsgpu.verbs import journey
from jupyter_awsgpu.verbs.losses import what_is_lost
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


@pytest.fixture
def rsync(tmp_path_factory, monkeypatch):
    """Put a script before this machine's own rsync, and return the file where each script notes its statuses."""
    folder = tmp_path_factory.mktemp("rsync")
    own, statuses = shutil.which("rsync"), folder / "statuses"

    def becomes(line):
        script = f'#!/bin/sh\nown() {{ {own} "$@"; }}\n{line}\nstatus=$?\n'
        script += f'[ "$1" = --version ] || echo $status >> {statuses}\nexit $status\n'
        (folder / "bin").mkdir()
        (folder / "bin" / "rsync").write_text(script)
        (folder / "bin" / "rsync").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        return statuses

    return becomes


def large(path):
    """Make a file that is large enough for rsync, of other bytes than the last time; return them."""
    path.write_bytes(os.urandom(9_000_000))
    return path.read_bytes()


def summed(workbench, worker, path):
    """Return the MD5 of a file on the instance."""
    return there(workbench, worker, f"md5sum < {path}").split()[0]


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_a_large_changed_file_sends_its_difference(workbench, worker, here, rsync):
    """Both ends have rsync, and it gets through with a file that changed a little."""
    statuses = rsync('own "$@"')
    name = f"{here.name}.bin"  # one that the instance does not have: not even if this is tried again
    data = bytearray(large(here / name))
    push(workbench, [name], "worker")
    data[5_000_000:5_000_010] = b"0123456789"
    (here / name).write_bytes(data)
    assert push(workbench, [name], "worker").files == 1
    assert summed(workbench, worker, name) == md5(data)
    assert statuses.read_text().split() == ["0"]


OLD_MAC = "echo 'rsync  version 2.6.9  protocol version 29'; [ \"$1\" = --version ]"
REFUSES_THERE = 'if [ "$1" = --version ]; then own --version; else (exit 12); fi'
BREAKS_AT_THE_END = 'own "$@" && { [ "$1" = --version ] || (exit 23); }'


@pytest.mark.parametrize(
    ("line", "statuses"),
    [(OLD_MAC, []), (REFUSES_THERE, ["12", "12"]), (BREAKS_AT_THE_END, ["23", "23"])],
    ids=["old here", "old there", "at the end"],
)
def test_what_rsync_does_not_carry_travels_as_a_whole(workbench, worker, here, rsync, line, statuses):
    """Both ways, at the first try and counted once, whatever rsync's reason is."""
    noted = rsync(line)
    name = f"{here.name}.bin"
    large(here / name)
    push(workbench, [name], "worker")
    data = large(here / name)
    assert push(workbench, [name], "worker").files == 1
    assert summed(workbench, worker, name) == md5(data)
    large(here / name)
    assert pull(workbench, [name], "worker", yes=True).files == 1
    assert (here / name).read_bytes() == data
    assert (noted.read_text().split() if noted.exists() else []) == statuses


def test_a_large_changed_file_has_its_place_in_the_home_there(workbench, worker, here, rsync):
    """`~` is the home of the person there, by rsync as by any other way."""
    statuses = rsync('own "$@"')
    name = f"{here.name}.bin"
    large(here / name)
    push(workbench, [name], "worker", to="~")
    data = large(here / name)
    assert push(workbench, [name], "worker", to="~").files == 1
    assert summed(workbench, worker, f"~/{name}") == md5(data)
    large(here / name)
    assert pull(workbench, [f"~/{name}"], "worker", yes=True).files == 1
    assert (here / name).read_bytes() == data
    assert not there(workbench, worker, "ls -d '~' '../~' 2>/dev/null || true")
    assert statuses.read_text().split() == ["0", "0"]


def test_what_is_not_there_is_said(workbench, worker, here):
    """Where it was looked for, too."""
    with pytest.raises(NothingThere, match="no absent on this machine"):
        push(workbench, ["absent"], "worker")
    with pytest.raises(NothingThere, match="no absent on worker"):
        pull(workbench, ["absent"], "worker")


def test_a_pull_is_remembered(workbench, worker, here):
    """When it began, by the instance's clock, and which path it was of."""
    there(workbench, worker, "echo 1 > result")
    pull(workbench, ["result"], "worker")
    last = workbench.records.pulls.last_pull(worker.instance_id)
    assert abs((datetime.now(UTC) - last).total_seconds()) < 300
    assert {one.path.rpartition("/work/")[2] for one in workbench.records.pulls.pulled(worker.instance_id)} >= {
        "result"
    }


def test_what_was_not_pulled_is_named_before_it_is_lost(workbench, worker, here):
    """A pull of one file is no copy of those beside it, nor of what an archive brings later with old dates."""
    lose = ".gitignore model.pt old.tar 'odd [a]*.csv' 'odd a.csv' scratch"
    there(workbench, worker, "rm -rf ./* .gitignore; echo 1 > model.pt; echo 2 > 'odd [a]*.csv'; echo 3 > 'odd a.csv'")
    pull(workbench, ["odd [a]*.csv"], "worker")
    said = what_is_lost(workbench, [worker])
    assert "2 files" in said
    assert "work/model.pt" in said
    assert "work/odd a.csv" in said

    there(workbench, worker, "mkdir scratch; echo big > scratch/a.bin; echo '*.bin' > scratch/.gitignore")
    pull(workbench, ["model.pt", "odd a.csv", "scratch"], "worker")
    assert "left files out of your pulls (1)" in what_is_lost(workbench, [worker])
    there(workbench, worker, "touch -d 2020-01-01 old.tar; echo 4 >> model.pt")
    said = what_is_lost(workbench, [worker])
    assert "2 files" in said
    assert "old.tar" in said
    assert "model.pt" in said
    there(workbench, worker, f"rm -rf {lose}")
