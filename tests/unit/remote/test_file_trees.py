"""What differs between two trees, what ignore files leave out, and that nothing is written outside its root. Pure."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_awsgpu.errors import BadValue
from jupyter_awsgpu.guest import files
from jupyter_awsgpu.remote.files.compare import compare
from jupyter_awsgpu.remote.files.conversation import Broken, Conversation, Refusal, breaks
from jupyter_awsgpu.remote.files.ignores import Ignores
from jupyter_awsgpu.remote.files.trees import tree_here, tree_there
from jupyter_awsgpu.verbs.journey import legs_of

DAY_NS = 86_400 * 10**9
TREES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.tuples(st.integers(0, 3), st.integers(1, 4).map(lambda day: day * DAY_NS + 7)),
    max_size=6,
)


@given(here=TREES, there=TREES)
def test_what_travels_is_what_differs_and_then_nothing_does(here, there):
    """Every file that is missing or another goes; afterwards both ends agree; what is newer there is named."""
    found = compare(here, there, {})
    going = {one.file.key for one in found.going}
    assert going == {key for key in here if there.get(key) != here[key]}
    assert {one.key for one in found.newer} == {key for key in going if key in there and there[key][1] > here[key][1]}
    assert found.same == len(here) - len(going)
    assert compare(here, {**there, **{key: here[key] for key in going}}, {}).going == ()


def test_a_large_file_goes_on_where_it_was_and_only_that_very_version():
    """A piece of another version does not count, and is named as stale."""
    size = 10 * files.RESUMED_FROM
    now, before = [size, 5 * DAY_NS], [size, 4 * DAY_NS]
    piece, stale = files.part_of("d/big", *now), files.part_of("d/big", *before)
    found = compare({"d/big": now}, {}, {piece: 1000, stale: 2000})
    assert (found.going[0].offset, found.size, found.stale) == (1000, size - 1000, (stale,))


@pytest.mark.parametrize(
    ("text", "path", "out"),
    [
        ("*.log", "a/b.log", True),
        ("/top", "a/top", False),
        ("build/", "build/x", True),
        ("*.pt\n!keep.pt", "keep.pt", False),
        ("a/**/z", "a/q/r/z", True),
    ],
)
def test_ignore_files_mean_what_they_mean_to_git(text, path, out):
    """Patterns, anchors, negations; a folder that is left out takes all below it along."""
    assert Ignores({".gitignore": text}, [""]).leaves_out(path) is out


def test_the_nearer_and_the_later_ignore_file_count_more():
    """A folder's own file overrules the ones above it, and .awsgpuignore its neighbour."""
    rules = Ignores({".gitignore": "*.bin", ".awsgpuignore": "!a.bin", "d/.gitignore": "!*.bin"}, [""])
    assert [rules.leaves_out(one) for one in ("a.bin", "b.bin", "d/b.bin")] == [False, True, False]


def test_what_is_asked_for_by_name_travels_although_it_is_ignored(tmp_path):
    """`push results` brings results, whatever .gitignore says of it; what it holds of its own rules counts."""
    for name in ("results/a.txt", "results/b.tmp", "other.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".gitignore").write_text("results/\n*.tmp\n")
    assert set(tree_here(tmp_path, ["results"], everything=False).files) == {"results/a.txt"}
    assert set(tree_here(tmp_path, [""], everything=False).files) == {".gitignore", "other.txt"}
    assert len(tree_here(tmp_path, [""], everything=True).files) == 4


def test_the_repository_above_is_heard_too(tmp_path):
    """A notebook in a subfolder of a git repository: the ignore file at its top counts."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.ckpt\n/notebooks/raw\n")
    for name in ("notebooks/raw/x", "notebooks/m.ckpt", "notebooks/n.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert set(tree_here(tmp_path / "notebooks", [""], everything=False).files) == {"n.py"}


def arriving(*names: str, data: bytes = b"x") -> io.BytesIO:
    """Return what a sender would write for these files."""
    out = io.BytesIO()
    for name in names:
        files.line(out, {"p": name, "s": len(data), "m": 10**18, "x": False, "o": 0})
        out.write(data)
        files.line(out, {"ok": True})
    files.line(out, {"end": True})
    out.seek(0)
    return out


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a/../../out", "", "a//b", ".", "a/\0"])
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    """Whatever the other end calls a file, it lands below the target or nowhere."""
    target = tmp_path / "target"
    with pytest.raises((files.Refused, ValueError)):
        files.Taker(str(target)).take(arriving(name))
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    """A folder of the target that is a link elsewhere takes no file there."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(files.Refused, match="leads out"):
        files.Taker(str(tmp_path / "target")).take(arriving("a/b"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_cut_leaves_the_old_file_whole_and_a_piece_to_go_on_from(tmp_path):
    """The connection ends in mid-file: what was there stays, and the next try sends the rest alone."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "big").write_bytes(os.urandom(files.RESUMED_FROM + 1000))
    (target / "big").write_text("old")
    whole = io.BytesIO()
    files.send(whole, str(source), [["big", 0]])
    with pytest.raises(EOFError):
        files.Taker(str(target)).take(io.BytesIO(whole.getvalue()[: files.RESUMED_FROM]))
    assert (target / "big").read_text() == "old"
    found = files.listing(str(target), [""])
    here = files.listing(str(source), [""])["files"]
    again = compare(here, found["files"], found["parts"])
    rest = io.BytesIO()
    files.send(rest, str(source), [[one.file.key, one.offset] for one in again.going])
    assert len(rest.getvalue()) < 4000 + files.RESUMED_FROM // 2
    rest.seek(0)
    files.Taker(str(target)).take(rest)
    assert (target / "big").read_bytes() == (source / "big").read_bytes()
    assert files.listing(str(target), [""])["parts"] == {}


def test_a_file_that_changes_while_it_is_read_is_not_carried(tmp_path):
    """Half of one version and half of another is nobody's file."""
    out = io.BytesIO()
    (tmp_path / "log").write_bytes(b"x" * 3_000_000)

    def told(size: int, finished: int) -> None:
        del finished
        if size:
            with (tmp_path / "log").open("ab") as file:
                file.write(b"more")

    files.send(out, str(tmp_path), [["log", 0]], told)
    out.seek(0)
    taker = files.Taker(str(tmp_path / "target"))
    taker.take(out)
    assert (taker.restless, list((tmp_path / "target").iterdir())) == (["log"], [])


def test_the_conversation_lists_takes_and_sends(tmp_path, monkeypatch):
    """The program that answers on the instance, as it is spoken to."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    asked = io.BytesIO()
    files.line(asked, {"do": "take", "root": "."})
    asked.write(arriving("d/a", "b", data=b"data").getvalue())
    files.line(asked, {"do": "list", "root": ".", "keys": ["d", "none"]})
    files.line(asked, {"do": "send", "root": "~/work", "files": [["b", 0], ["none", 0]]})
    asked.seek(0)
    out = io.BytesIO()
    files.serve(asked, out)
    _hello, taken, listed, head, *rest = out.getvalue().split(b"\n", 4)
    assert json.loads(taken) == {"count": 2, "restless": []}
    assert list(json.loads(listed)["files"]) == ["d/a"]
    assert json.loads(listed)["root"] == str(tmp_path / "work")
    assert json.loads(listed)["absent"] == ["none"]
    assert json.loads(head)["p"] == "b"
    assert rest[0].startswith(b'data{"ok": true}\n{"p": "none", "gone"')


@pytest.mark.parametrize(
    ("path", "root", "key"),
    [(".", "/p", ""), ("data", "/p", "data"), ("./a/../b", "/p", "b"), ("/p/x", "/p", "x"), ("../q/y", "/q", "y")],
)
def test_a_path_here_has_its_place_there(path, root, key):
    """Below this folder: the same place; from elsewhere: by its own name."""
    (leg,) = legs_of((path,), "", push=True, cwd=Path("/p"))
    assert (str(leg.here), leg.there, leg.keys) == (root, ".", (key,))


@pytest.mark.parametrize(
    ("path", "root", "key"),
    [("out", ".", "out"), ("a/b/", ".", "a/b"), ("~/x/y", "~", "x/y"), ("/data/z", "/data", "z"), (".", ".", "")],
)
def test_a_path_there_has_its_place_here(path, root, key):
    """As the instance's Jupyter shows it, or from ~ or /."""
    (leg,) = legs_of((path,), "", push=False, cwd=Path("/p"))
    assert (str(leg.here), leg.there, leg.keys) == ("/p", root, (key,))


def test_a_path_there_that_leads_above_is_refused():
    """Nothing above the folder it begins in, unless it is named from the root."""
    with pytest.raises(BadValue):
        legs_of(("../x",), "", push=False, cwd=Path("/p"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("files", "parts", "beside", "absent", "links", "ignores", "now", "root", "refused"), JSON),
)
HEADS = st.fixed_dictionaries({}, optional=dict.fromkeys(("p", "s", "o", "m", "x", "end", "cut", "gone", "ok"), JSON))
HELLO = b'{"hello": 1}\n'


def said(document):
    """Return a document as the line that the other end writes."""
    return json.dumps(document).encode() + b"\n"


@given(st.binary(max_size=200) | ANSWERS.map(said))
@example(b"[" * 100_000 + b"\n")
@example(b'{"files": {"a": [-1, 1e400, 0]}, "parts": {}, "beside": {}, "absent": [], "links": [], "ignores": {}}\n')
def test_a_list_of_files_that_is_none_breaks_the_conversation(answer):
    """An instance may be anybody's by now: a list, a refusal, or a broken conversation."""
    with Conversation(io.BytesIO(), io.BytesIO(HELLO + answer), None, None) as talk:
        try:
            tree = tree_there(talk, ["a"], everything=False)
        except (Broken, Refusal):
            return
    assert all(size >= 0 for size, *_ in tree.files.values())


@given(st.binary(max_size=200) | st.lists(HEADS.map(said), max_size=3).map(b"".join))
@example(said({"p": "a", "s": -1, "o": 0, "m": 0}))
@example(said({"p": "a", "s": 0, "o": 0, "m": -(10**40)}) + said({"ok": True}))
@example(b"x" * (files.LINE_MOST + 1))
@settings(deadline=None)
def test_files_that_are_sent_as_nobody_sends_them_break_the_conversation(tmp_path_factory, stream):
    """Nothing of it is a mistake of ours, and nothing leaves the folder."""
    root = tmp_path_factory.mktemp("taken") / "root"
    try:
        with breaks():
            files.Taker(str(root), None).take(io.BytesIO(stream))
    except (Broken, files.Refused):
        pass
    assert [one.name for one in root.parent.iterdir()] == ["root"]
