"""Private files are whole or absent, and only their owner reads them."""

import json
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.records.files import read_document, write_document, write_private


def test_a_document_comes_back_as_it_went(tmp_path):
    """What is written is what is read, with its schema version."""
    write_document(tmp_path / "one.json", {"name": "gpü", "ids": ["i-1"]})
    assert read_document(tmp_path / "one.json") == {"schema": 1, "name": "gpü", "ids": ["i-1"]}


def test_nothing_is_read_where_nothing_was_written(tmp_path):
    """A missing document is None, not an error."""
    assert read_document(tmp_path / "absent.json") is None


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_only_the_owner_can_read(tmp_path):
    """A private file has mode 0600 even under a generous umask."""
    before = os.umask(0)
    try:
        write_private(tmp_path / "secret", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    """If the new content cannot be written, the old one stands and no temporary file is left."""
    path = tmp_path / "file"
    write_private(path, b"old")
    with pytest.raises(TypeError):
        write_private(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@given(st.binary(max_size=200))
def test_damage_is_an_error_of_its_own(tmp_path_factory, content):
    """Whatever stands in a state file, reading it ends in a document or in StateUnreadable."""
    path = tmp_path_factory.mktemp("damage") / "state.json"
    path.write_bytes(content)
    try:
        document = read_document(path)
    except StateUnreadable:
        return
    assert isinstance(document, dict)


def test_a_later_version_is_refused(tmp_path):
    """A document from a later version is named as such, not misread."""
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"schema": 99}))
    with pytest.raises(StateUnreadable, match="later version"):
        read_document(path)


def test_what_a_dead_writer_left_half_written_goes_at_the_next_write(tmp_path):
    """A living writer's file stays."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".pins.json.{dead.pid}.abcdefgh.part"
    another = tmp_path / f".pins.json.{os.getppid()}.abcdefgh.part"
    left.touch()
    another.touch()
    write_private(tmp_path / "other.json", b"{}")
    assert not left.exists()
    assert another.exists()


def test_what_a_dead_writer_left_half_written_goes_with_the_next_command(tmp_path):
    """Whatever that command does: the dead one may have been the last to write in its folder."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "journal").mkdir()
    left = [tmp_path / "journal", tmp_path]
    left = [folder / f".l-0.json.{dead.pid}.abcdefgh.part" for folder in left]
    for file in left:
        file.write_text("{")
    Records(tmp_path)
    assert not any(file.exists() for file in left)
