"""What a cell's results are on their way: data that cannot run code, and the same value at the other end."""

from __future__ import annotations

import base64
import datetime as dt
import json
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jupyter_awsgpu.guest import cells
from jupyter_awsgpu.remote.cells.names import names_of
from jupyter_awsgpu.remote.cells.parcel import There, pack
from jupyter_awsgpu.remote.cells.results import Pieces, Unreadable, decode

LEAVES = [
    *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary()),
    *(st.complex_numbers(allow_nan=False), st.datetimes(timezones=st.just(dt.UTC)), st.timedeltas()),
]
KEYS = st.text() | st.integers() | st.tuples(st.integers())
PLAIN = st.recursive(
    st.one_of(LEAVES),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


def through(value):
    """Send a value as the instance does, and read it as this machine does."""
    out = cells.Outgoing()
    with out.file:
        document = json.loads(json.dumps(cells.encode(value, out, arrow=False)))
        lengths = list(out.lengths)
        body = base64.b64decode(out.done()["text"])
    return decode(document, Pieces(memoryview(body), lengths))


@given(PLAIN)
def test_plain_values_come_as_they_are(value):
    """Of the same types, however nested."""
    found = through(value)
    assert found == value
    assert repr(found) == repr(value)


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0, max_dims=3)))
def test_arrays_come_as_they_are(array):
    """Of every dtype without objects in it, and every shape."""
    found = through(array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()


FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "part": [0.5, np.nan, 2.0],
        "text": ["a", None, "ä"],
        "day": pd.date_range("2024-01-01", periods=3),
        "zone": pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin"),
        "kind": pd.Categorical(["x", "y", "x"], ordered=True),
        "maybe": pd.array([1, None, 3], dtype="Int64"),
        "truth": pd.array([True, None, False], dtype="boolean"),
        "span": pd.to_timedelta([1, 2, 3], unit="s"),
        "mixed": pd.Series([1, "a", (2,)], dtype=object),
    }
)


FRAMES = {
    "kinds": FRAME,
    "levels": FRAME.set_index(["whole", "text"]),
    "times": FRAME.set_index("day"),
    "no rows": FRAME.iloc[:0],
    "nothing": pd.DataFrame(),
    "turned": FRAME[["part", "whole"]].T,
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames_come_as_they_are(frame):
    """Columns, index, dtypes; no pyarrow needed."""
    pd.testing.assert_frame_equal(through(frame), frame)


class Loud:
    """Calls when it is unpickled."""

    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    "value",
    [object(), Loud(), np.array([Loud()], dtype=object), [1, {"a": Loud()}], pd.DataFrame({"a": [Loud()]}), print],
)
def test_what_needs_a_pickle_is_refused_where_it_is(value):
    """Nothing of it leaves."""
    with pytest.raises(cells.Unsafe):
        through(value)


def test_a_pickle_that_nobody_asked_for_is_not_read(capsys):
    """Whatever the instance sends: no code of its own runs here."""
    bomb = pickle.dumps(Loud())
    with pytest.raises(Unreadable):
        decode({"!": "pickle", "at": 0}, Pieces(memoryview(bomb), [len(bomb)]))
    header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}".ljust(117) + b"\n"
    with pytest.raises(Unreadable):
        decode({"!": "array", "at": 0}, Pieces(memoryview(header + bomb), [len(header + bomb)]))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "document", [{"!": "array"}, {"!": "new"}, {"!": "int", "v": "q"}, {"x": 1}, {"!": "array", "at": 7}]
)
def test_what_does_not_fit_is_refused(document):
    """Damaged, or from a later version."""
    with pytest.raises(Unreadable):
        decode(document, Pieces(memoryview(b""), []))


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("n = 1\nn += step", {"step"}),
        ("for i in r: t = i\nprint(t)", {"r", "print", "t"}),
        ("with o() as f: d = f\nprint(d)", {"o", "print", "d"}),
        ("def f(a=k):\n    global g\n    g = a + z", {"k", "z"}),
        ("class A(B):\n    q = q0", {"B", "q0"}),
        ("x: T = 4\nx", {"T"}),
        ("[a for a in b if a in c]", {"b", "c"}),
        ("await job(x)", {"job", "x"}),
        ("del u", {"u"}),
        ("from m import *\nprint(z)", {"print", "z"}),
    ],
)
def test_the_names_a_cell_needs(source, reads):
    """What it may read before it has bound it."""
    assert set(names_of(source).reads) == reads


def test_a_functions_names_travel_beside_it_not_inside_it():
    """What a notebook's function reads is found, and what that reads in turn."""
    names = {"__name__": "__main__"}
    exec("def f(): return g() + k\ndef g(): return h\nh, k, other = 1, 2, 3", names)  # noqa: S102 - a notebook's cell
    parcel, refused = pack(["f"], names, There("3", __import__("sys").version_info[:2], 5), {}, limit=10**6)
    assert (set(parcel.head["names"]), refused) == ({"f", "g", "h", "k"}, {})
