"""What a node says of its cluster is read with care, and the certificates made for it let in whom they should."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu.errors import NoCluster
from jupyter_awsgpu.model import ClusterReport, ClusterSecrets, NodeSeen
from jupyter_awsgpu.remote import cluster
from tests.unit.remote.test_untrusted import JSON

if TYPE_CHECKING:
    from pathlib import Path

HEAD = {"engine": "dask", "node": 0, "nodes": 3, "joined": 3, "tasks": 7, "present": [2, 0, 1]}
FIELDS = ("engine", "node", "nodes", "joined", "tasks", "present", "nodes_seen", "versions", "dashboard_port", "ca")


def test_a_heads_word_is_read_whole() -> None:
    """Counts, who is there, and what each worker last said."""
    seen = {"2": {"busy_because": None, "age_s": 3.5}, "1": {"busy_because": "the GPU is 9 % in use", "age_s": 1}}
    found = cluster.report_of({**HEAD, "nodes_seen": seen})
    said = (NodeSeen(1, "the GPU is 9 % in use", 1.0), NodeSeen(2, None, 3.5))
    assert found == ClusterReport("dask", 0, 3, 3, 7, (0, 1, 2), said)


@pytest.mark.parametrize("wrong", [None, [], {}, {**HEAD, "node": 3}, {**HEAD, "nodes": True}, {**HEAD, "engine": 5}])
def test_what_makes_no_sense_is_no_cluster(wrong: Any) -> None:
    """A node beyond the number of nodes, other types, nothing at all: a machine by itself."""
    assert cluster.report_of(wrong) is None
    with pytest.raises(NoCluster, match="gpu does not say"):
        cluster.state_from(wrong if isinstance(wrong, dict) else {}, "gpu")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_answer_is_read_without_another_error(found: dict) -> None:
    """Over what makes sense, values of any type and size are left out, never raised."""
    read = cluster.state_from({**found, "engine": "dask", "node": 1, "nodes": 2}, "gpu")
    assert 0 < read.dashboard_port < 65536
    assert all(isinstance(value, str) for value in read.versions.values())
    assert read.secrets is None


def test_secrets_are_shown_to_nobody() -> None:
    """Neither a state nor the pair itself has a key in its repr."""
    made = cluster.make_secrets("l-1")
    state = cluster.state_from({**HEAD, "ca": made.ca, "cert": made.cert, "key": made.key}, "gpu")
    assert state.secrets == made
    assert "BEGIN" not in repr(state) + repr(made)


@pytest.mark.parametrize(("mine", "welcome"), [(True, True), (False, False)])
def test_the_clusters_own_certificate_opens_and_no_other_does(tmp_path: Path, mine: bool, welcome: bool) -> None:
    """Both ends prove themselves, by the strictest rules this Python has; another cluster's pair is refused."""
    ours, others = cluster.make_secrets("l-1"), cluster.make_secrets("l-2")
    server = _context(ssl.PROTOCOL_TLS_SERVER, ours, ours.ca, tmp_path / "server")
    client = _context(ssl.PROTOCOL_TLS_CLIENT, ours if mine else others, ours.ca, tmp_path / "client")
    assert _shake_hands(server, client) is welcome


def _context(kind: Any, pair: ClusterSecrets, ca: str, folder: Path) -> ssl.SSLContext:
    folder.mkdir()
    (folder / "pair.pem").write_text(pair.cert + pair.key)
    context = ssl.SSLContext(kind)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(folder / "pair.pem")
    context.load_verify_locations(cadata=ca)
    return context


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> bool:
    """Let two ends meet in memory; whether both are content."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [server.wrap_bio(up, down, server_side=True), client.wrap_bio(down, up)]
    done: set[int] = set()
    for _ in range(10):
        for number, end in enumerate(ends):
            try:
                end.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return done == {0, 1}
