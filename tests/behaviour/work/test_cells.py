"""`%%awsgpu`: a cell runs on the instance as it would have run here."""

from __future__ import annotations

import _thread
import contextlib
import io
import os
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_awsgpu.errors import CannotComeBack, CannotTravel, CellLost, ModuleMissing, TooMuchToTravel
from jupyter_awsgpu.remote.cells.names import names_of
from jupyter_awsgpu.verbs.cell import Cell, Cells

EXAMPLES = 150 if os.environ.get("AWSGPU_TESTS_FULL") else 20

# jupyter_client and paramiko leave sockets to the garbage collector when a connection is cut
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Front:
    """Keeps what a cell puts out; `on_text` hears it first, `typed` answers its questions."""

    def __init__(self, on_text=None, typed=""):
        self.text = ""
        self.shown = []
        self._on_text = on_text
        self._typed = typed

    def hear(self, kind, content):
        if kind == "stream":
            self.text += content["text"]
            if self._on_text:
                self._on_text(content["text"])
        elif "data" in content:
            self.shown.append(content["data"])

    def answer(self, prompt, *, password):
        del prompt, password
        return self._typed


@dataclass
class Notebook:
    """A notebook's namespace here, and its cells there."""

    cells: Cells
    bench: object
    names: dict

    def define(self, source):
        """Run a cell here."""
        exec(source, self.names)  # noqa: S102 - this is what a notebook does

    def run(self, source, front=None, out=(), **options):
        """Run a cell there."""
        cell = Cell(code=source, plain=source, outputs=tuple(out), **options)
        return self.cells.run(cell, self.names, front or Front(), name="worker", demo=True, bench=lambda: self.bench)

    @property
    def seat(self):
        """The kernel there and what is known of it."""
        return self.cells._seats[True, "worker"]

    def forget(self):
        """Begin anew, with the same kernel."""
        self.names = {"__name__": "__main__", "__builtins__": __builtins__}
        if self.cells._seats:
            self.seat._has.clear()
            self.seat.kernel.run("%reset -f", None, silent=True)


@pytest.fixture(scope="module")
def kept(workbench, worker):
    cells = Cells()
    yield Notebook(cells, workbench, {})
    cells.close()


@pytest.fixture
def notebook(kept):
    kept.forget()
    return kept


def test_what_a_cell_reads_goes_and_what_is_named_comes_back(notebook):
    """Values, functions that call functions, and modules; nothing had to be listed."""
    notebook.define(
        "import numpy as np, math\nscale = 3\ndef f(n): return g(n) * scale\ndef g(n): return math.floor(n)"
    )
    done = notebook.run("total = f(2.5) + np.arange(3).sum()", out=("total",))
    assert done.error is None
    assert notebook.names["total"] == 9
    assert done.bill.sent > 0
    assert done.bill.cost is not None


def test_cells_share_one_kernel_and_a_function_sees_what_they_make(notebook):
    """What one cell makes the next one has, and a notebook's function reads the names as they are there."""
    notebook.define("scale = 2\ndef f(n): return n * scale")
    notebook.run("f(1)\nscale = 10")
    notebook.run("result = f(4)", out=("result",))
    assert notebook.names["result"] == 40
    notebook.define("scale = 7")  # bound anew here: it goes again
    notebook.run("result = f(4)", out=("result",))
    assert notebook.names["result"] == 28


def test_what_has_not_changed_does_not_travel_again(notebook):
    """A value goes once; after a change here it goes again."""
    notebook.define("data = list(range(20_000))")
    first = notebook.run("n = len(data); data.append(0)").bill.sent
    again = notebook.run("n = len(data)", out=("n",)).bill.sent
    assert again < first / 10
    assert notebook.names["n"] == 20_001  # what the first cell did to it there is still done
    notebook.define("data = [1]")
    notebook.run("n = len(data)", out=("n",))
    assert notebook.names["n"] == 1


def test_two_names_of_one_thing_stay_one_thing(notebook):
    """An optimizer's parameters are the model's, there as here."""
    notebook.define("model = {'w': [1, 2]}\noptimizer = {'params': model['w']}")
    notebook.run("optimizer['params'].append(3)\nseen = list(model['w'])", out=("seen",))
    assert notebook.names["seen"] == [1, 2, 3]


def test_a_part_that_is_there_already_is_named(notebook):
    """What goes later and shares parts with what is there becomes two things; that is said."""
    notebook.define("model = {'w': [1, 2]}")
    notebook.run("model")
    notebook.define("optimizer = {'params': model['w']}")
    done = notebook.run("len(optimizer) + len(model)")
    assert "optimizer has parts of model" in done.remarks[0]


def test_arrays_and_frames_come_back_as_they_were(notebook):
    """Arrays and tables, without a pickle."""
    notebook.define(
        "import numpy as np, pandas as pd\n"
        "frame = pd.DataFrame({'a': [1, None], 't': pd.to_datetime(['2024-01-01', None]), 's': ['x', None]})\n"
        "array = np.arange(12.).reshape(3, 4)"
    )
    notebook.run("back, turned = frame.copy(), array.T", out=("back", "turned"))
    pd.testing.assert_frame_equal(notebook.names["back"], notebook.names["frame"])
    assert np.array_equal(notebook.names["turned"], notebook.names["array"].T)


@pytest.mark.timeout(1200)  # a gigabyte each way, on a machine that has much else to do
def test_a_large_array_goes_and_comes_whole(notebook):
    """Beyond what fits a message: by a file, both ways."""
    size = 125_000_000 if os.environ.get("AWSGPU_TESTS_FULL") else 1_000_000
    notebook.names["big"] = np.random.default_rng(1).random(size)
    done = notebook.run("back = big[::-1].copy()", out=("back",), limit=2_000_000_000)
    assert np.array_equal(notebook.names["back"], notebook.names["big"][::-1])
    assert done.bill.sent >= 8 * size
    assert done.bill.received >= 8 * size


def test_closures_and_dataclasses_go_and_come_back_if_pickles_are_asked_for(notebook):
    """By value; an object that comes back is of the very class it was here."""
    notebook.define(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Point:\n    x: int\n    def moved(self, by): return Point(self.x + by)\n"
        "def adder(n):\n    def add(m): return n + m\n    return add\n"
        "add = adder(5)\npoint = Point(1)"
    )
    refused = notebook.run("there, total = point.moved(2), add(1)", out=("there", "total"))
    assert notebook.names["total"] == 6
    assert isinstance(refused.refusal, CannotComeBack)
    assert "there (__main__.Point)" in str(refused.refusal)
    assert "--unpickle" in str(refused.refusal)
    notebook.run("there, more = point.moved(2), add", out=("there", "more"), unpickle=True)
    assert notebook.names["there"] == notebook.names["Point"](3)
    assert notebook.names["more"](10) == 15


def test_a_traceback_points_into_the_cell_and_names_stay(notebook):
    """The line is the cell's; what the cell made before it failed is there."""
    done = notebook.run("made = 1\n\nraise ValueError('no')")
    assert (done.error["ename"], done.error["evalue"]) == ("ValueError", "no")
    assert "line" in "".join(done.error["traceback"])
    notebook.run("print(made)", front := Front())
    assert front.text == "1\n"


def test_output_streams_displays_show_and_questions_are_answered(notebook):
    """Prints come as they are made; rich output whole; input() is asked here."""
    front = Front(typed="abc")
    notebook.run(
        "from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))\nprint(input('? ')[::-1])\n7", front
    )
    assert front.text == "cba\n"
    assert [one.get("text/html") for one in front.shown] == ["<b>x</b>", None]
    assert front.shown[-1]["text/plain"] == "7"


def test_the_stop_button_stops_the_cell_there(notebook):
    """Pressed once: the cell ends there, the kernel knows what it knew."""
    pressed = Front(on_text=lambda text: _thread.interrupt_main())
    done = notebook.run("kept = 7\nprint('go', flush=True)\nimport time\ntime.sleep(600)", pressed)
    assert done.error["ename"] == "KeyboardInterrupt"
    notebook.run("still = kept", out=("still",))
    assert notebook.names["still"] == 7


def test_a_cut_connection_loses_no_line(notebook):
    """The connection breaks in mid-cell; every line and the result arrive."""

    def cut(text):
        if "3\n" in text and notebook.seat.kernel.host is not None:
            notebook.seat.kernel.host.close()

    front = Front(on_text=cut)
    notebook.run("import time\nfor i in range(8):\n    print(i, flush=True); time.sleep(0.1)\nr = i", front, out=("r",))
    assert front.text.split() == [str(i) for i in range(8)]
    assert notebook.names["r"] == 7


def test_what_cannot_travel_is_named_with_the_reason(notebook):
    """Nothing runs; the name, and why."""
    notebook.define("import threading\nlock = threading.Lock()")
    with pytest.raises(CannotTravel, match=r"lock \(cannot pickle '_thread.lock' object\)"):
        notebook.run("with lock:\n    print('never')")


def test_too_much_is_refused_with_the_option_that_allows_it(notebook):
    """A limit stands until somebody lifts it; the heaviest names are said."""
    notebook.names["big"] = np.zeros(200_000)
    with pytest.raises(TooMuchToTravel, match=r"1\.6 MB.*big 1\.6 MB") as refused:
        notebook.run("big.sum()", limit=1_000_000)
    assert refused.value.remedy == "awsgpu cell --limit 2MB"
    notebook.run("total = big.sum()", out=("total",), limit=2_000_000)
    assert notebook.names["total"] == 0


def test_a_module_that_is_missing_there_is_named_with_the_command(notebook):
    """Modules are imported there, not sent."""
    notebook.define("import types\nabsent = types.ModuleType('no_such_module')")
    with pytest.raises(ModuleMissing, match="no module no_such_module") as refused:
        notebook.run("absent")
    assert "-m pip install no_such_module" in refused.value.remedy


def test_another_python_there_is_said(notebook, monkeypatch):
    """Bytecode of another Python is not sent; plain values are."""
    notebook.run("pass")
    hello = {**notebook.seat.kernel._hello, "python": "3.8.10", "version": [3, 8]}
    monkeypatch.setattr(notebook.seat.kernel, "_hello", hello)
    notebook.define("def f(): return 1\nvalue = [1, {'a': 2}]")
    with pytest.raises(CannotTravel, match=r"the instance has 3\.8\.10"):
        notebook.run("f()")
    notebook.run("back = value", out=("back",))
    assert notebook.names["back"] == [1, {"a": 2}]


def test_a_kernel_that_dies_is_said_and_the_next_cell_has_a_new_one(notebook):
    """What it knew is gone; nothing hangs."""
    with pytest.raises(CellLost):
        notebook.run("import os\nos._exit(3)")
    notebook.define("x = 5")
    notebook.run("y = x + 1", out=("y",))
    assert notebook.names["y"] == 6


# ── the same there as here, whatever the cell ────────────────────────────────

NAMES = ("x", "y", "z")
SETUP = """
from contextlib import suppress
def f(n): return n * 2 + x
def g(n): return f(n) - 1
seen = [1, 2]
"""


@st.composite
def expressions(draw, depth=2):
    simple = st.one_of(st.integers(-3, 3).map(str), st.sampled_from(NAMES))
    if depth == 0:
        return draw(simple)
    inner = expressions(depth - 1)
    forms = [
        "{a}",
        "({a} + {b})",
        "f({a})",
        "g({a})",
        "sum(i * {a} for i in range(3))",
        "(w := {a})",
        "len(seen)",
        "(lambda n: n + {a})({b})",
        "[q for q in [{a}] if q or {b}][0]",
        "({a} if {b} else z)",
        "(10 // {a})",
    ]
    return draw(st.sampled_from(forms)).format(a=draw(inner), b=draw(inner))


@st.composite
def blocks(draw, depth=2):
    return [line for one in draw(st.lists(statements(depth), min_size=1, max_size=3)) for line in one]


@st.composite
def statements(draw, depth=2):
    name, value = draw(st.sampled_from(NAMES)), draw(expressions())
    simple = [
        [f"{name} = {value}"],
        [f"{name} += {value}"],
        [f"print({value})"],
        [f"seen.append({value})"],
        [f"del {name}"],
        [f"def f(n): return n + {draw(expressions(0))}"],
        [f"class C: {name} = {value}", f"{name} = C.{name}"],
        ["def h():", f"    global {name}", f"    {name} = {value}", "h()"],
        [f"{name}, *rest = {value}, 1, 2"],
    ]
    if depth == 0:
        return draw(st.sampled_from(simple))
    body, other = ([f"    {line}" for line in draw(blocks(depth - 1))] for _ in range(2))
    compound = [
        [f"if {value}:", *body, "else:", *other],
        [f"for {name} in range(2):", *body],
        ["try:", *body, "except Exception as e:", *other],
        ["with suppress(Exception):", *body],
        ["try:", *body, "finally:", *other],
        ["while len(seen) < 4:", "    seen.append(0)", *body],
    ]
    return draw(st.sampled_from(simple + compound))


def _here(source, names):
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(source, names)  # noqa: S102 - as a notebook does
    except Exception as exc:
        return said.getvalue(), type(exc).__name__
    return said.getvalue(), None


STARTS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, st.integers(-2, 2)))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=blocks(2).map("\n".join), start=STARTS)
def test_any_cell_comes_to_the_same_there_as_here(kept, source, start):
    """Output, error and every name it binds: the notebook cannot tell where a cell ran."""
    kept.forget()
    here = {**start, "__name__": "__main__"}
    for names in (here, kept.names):
        names.update(start)
        exec(SETUP, names)  # noqa: S102 - as a notebook does
    printed, error = _here(source, here)
    bound = names_of(source).binds if error is None else ()
    wanted = tuple(name for name in bound if isinstance(here.get(name), int | list))
    done = kept.run(source, front := Front(), out=wanted)
    there = {name: kept.names.get(name) for name in wanted}
    assert (front.text, (done.error or {}).get("ename"), there) == (printed, error, {one: here[one] for one in wanted})
