"""Whatever JSON a state file holds, its reader has a document, nothing, or `StateUnreadable`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records.cache import FactCache
from jupyter_awsgpu.records.files import read_document
from jupyter_awsgpu.records.journal import DEFAULTS, KINDS, Journal
from jupyter_awsgpu.records.operations import Operations
from jupyter_awsgpu.records.pins import Pins
from jupyter_awsgpu.tunnel.ports import PortMemory
from jupyter_awsgpu.tunnel.record import KINDS as TUNNEL
from jupyter_awsgpu.tunnel.record import RecordFile, alive, endpoint_of, tunnel_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = sorted({*KINDS, *TUNNEL, "accepted", "key", "asked", "ports", "operation", "verb", "step", "text", "at"})
DOCUMENTS = st.fixed_dictionaries({"schema": st.just(1)}, optional=dict.fromkeys(FIELDS, JSON))


def _read_pins(folder: Path) -> None:
    assert all(isinstance(one, str) for one in Pins(folder).read("one"))


def _read_journal(folder: Path) -> None:
    Journal(folder).regions()
    Journal(folder).read("one")


def _read_cache(folder: Path) -> None:
    cache = FactCache(folder)
    (folder / "one.json").rename(cache._path("one"))
    cache.get("one")


def _read_tunnel(folder: Path) -> None:
    document = RecordFile(folder / "one.json").read()
    if document is not None:
        alive(document)
        endpoint_of(document)
        tunnel_of(document)


def _read_ports(folder: Path) -> None:
    PortMemory(folder / "one.json").before("i-1", 8889)


def _read_operations(folder: Path) -> None:
    (folder / "one.json").rename(folder / "one.jsonl")
    for one in Operations(folder).recent():
        assert one.outcome in {"done", "failed", "running", "broken"}


READERS = (_read_pins, _read_journal, _read_cache, _read_tunnel, _read_ports, _read_operations)


@pytest.mark.parametrize("read", READERS)
@given(document=DOCUMENTS)
@example(document={"schema": 1})
@example(document={"schema": 1, **DEFAULTS, "instance_ids": [1]})
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_file_of_another_shape_is_never_a_bug(
    tmp_path_factory: pytest.TempPathFactory, read: Callable[[Path], None], document: dict
) -> None:
    """Fields that are missing, or of another kind than ours."""
    folder = tmp_path_factory.mktemp("shape")
    (folder / "one.json").write_text(json.dumps(document))
    try:
        read(folder)
    except StateUnreadable:
        assert read in {_read_pins, _read_journal}, "what costs nothing to lose counts as absent"


def test_brackets_without_an_end_are_damage(tmp_path: Path) -> None:
    """Python's reader of JSON gives up on them in a way of its own."""
    (tmp_path / "one.json").write_text("[" * 100_000)
    with pytest.raises(StateUnreadable):
        read_document(tmp_path / "one.json")
