"""The relay beside a kernel and this machine's end of it, over a line that can be cut: no instance, no SSH."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty

import pytest
from jupyter_client import BlockingKernelClient

from jupyter_awsgpu.errors import KernelFailed, SshUnreachable
from jupyter_awsgpu.remote.kernel import KILL, RemoteKernel
from jupyter_awsgpu.remote.kernel_doors import Doors

WITHIN_S = 60.0

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # jupyter_client's blocking client and its event loops
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def until(condition, what):
    """Wait for what another process does."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WITHIN_S:g} s: {what}"
        time.sleep(0.02)


class Line:
    """What stands for the network: connections to "an instance" that is a home folder on this machine."""

    def __init__(self, home):
        self.home = home
        self.open = True
        self.hosts = []

    def reach(self):
        if not self.open:
            raise SshUnreachable(name="gpu", address="127.0.0.1", port=22, why="it is cut")
        self.hosts.append(LocalHost(self.home))
        return self.hosts[-1]

    def cut(self):
        self.open = False
        for host in self.hosts:
            host.close()


class LocalHost:
    """A connection to it, as `host.Host` is one."""

    def __init__(self, home):
        self._home = home
        self._process = None

    def talk(self, command):
        environment = {**os.environ, "HOME": str(self._home), "AWSGPU_ROOT": str(self._home)}
        self._process = subprocess.Popen(
            [sys.executable, *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )
        return self

    def send(self, data):
        left = memoryview(data)
        try:
            while left:
                left = left[self._process.stdin.write(left) :]
        except ValueError as exc:  # closed meanwhile
            raise BrokenPipeError from exc

    def receive(self):
        try:
            return self._process.stdout.read(65536)
        except ValueError:
            return b""

    def last_words(self):
        return ""

    def close(self):
        if self._process is None:
            return  # cut before anything was said
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()

    def tidy(self):
        if self._process is None:
            return
        self._process.stdin.close()
        self._process.stdout.close()


class Page:
    """A client of the doors, as a notebook's page is one."""

    def __init__(self, doors, key, session=None):
        self.client = BlockingKernelClient()
        self.client.load_connection_info({**doors.connection, "key": key, "signature_scheme": "hmac-sha256"})
        if session is not None:
            self.client.session.session = session
        self.client.start_channels(hb=False)
        self.client.wait_for_ready(timeout=WITHIN_S)

    def send(self, code, cell="c1", **how):
        """Run a cell; return its message's id at once."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "stop_on_error": True}
        message = self.client.session.msg("execute_request", {**content, "allow_stdin": False, **how})
        message["metadata"] = {"cellId": cell}
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def hear(self, cause):
        """Return the text of a cell until it has ended, and its reply's status."""
        said = []
        while True:
            message = self.client.get_iopub_msg(timeout=WITHIN_S)
            if message["parent_header"].get("msg_id") != cause:
                continue
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        while True:
            reply = self.client.get_shell_msg(timeout=WITHIN_S)
            if reply["parent_header"].get("msg_id") == cause:
                return "".join(said), reply["content"]["status"]

    def run(self, code):
        return self.hear(self.send(code))

    def ask(self, name, **content):
        """Ask the near end, not the kernel."""
        asked = self.client.session.msg(f"{name}_request", content)
        self.client.control_channel.send(asked)
        return asked

    def answer(self, asked):
        """Return what the near end answers."""
        while True:
            reply = self.client.get_control_msg(timeout=WITHIN_S)
            if reply["parent_header"].get("msg_id") == asked["header"]["msg_id"]:
                assert reply["msg_type"] == asked["msg_type"].replace("request", "reply")
                return reply["content"]

    def recall(self):
        """Return what other pages' cells said, as JupyterLab's page asks for it."""
        return self.answer(self.ask("awsgpu_recall"))["messages"]

    def saved(self, ended):
        """Tell that the notebook's file has the output of these runs."""
        self.answer(self.ask("awsgpu_saved", ended=ended))

    def close(self):
        self.client.stop_channels()


def waits_for(gate):
    """Return code that goes on once there is such a file."""
    return f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.02)"


class Case:
    """A kernel, its doors, a page."""

    def __init__(self, home):
        self.line = Line(home)
        self.key = secrets.token_hex(16)
        self.doors = []
        self.kernels = []
        self.pages = []

    def start(self, *, unix=True, **how):
        self.doors.append(Doors(unix=unix))
        self.kernels.append(RemoteKernel("gpu", self.line.reach, self.doors[-1]))
        self.kernels[-1].start(self.key, **how)
        return self.page()

    def resume(self):
        """Be a later process of this machine."""
        found = self.kernels[-1].found
        self.doors.append(Doors())
        self.kernels.append(RemoteKernel("gpu", self.line.reach, self.doors[-1]))
        self.kernels[-1].resume(self.key, found)

    def page(self, session=None):
        self.pages.append(Page(self.doors[-1], self.key, session))
        return self.pages[-1]

    def cell_outlives_its_page(self, gate, code=""):
        """Run a cell that ends once `gate` exists, close its page and be a later process; return the cell."""
        page = self.start()
        cell = page.send(f"{waits_for(gate)}\n{code}")
        until(lambda: self.status()["execution_state"] == "busy", "it runs")
        page.close()
        self.kernel.rest()
        self.resume()
        return cell

    @property
    def kernel(self):
        return self.kernels[-1]

    @property
    def folder(self):
        return Path(self.kernel.found["folder"])

    def status(self):
        return json.loads((self.folder / "status.json").read_text())

    def close(self):
        for page in self.pages:
            page.close()
        self.line.open = True
        if self.kernels and self.kernel.status is None:
            self.kernel.signal(KILL)
            assert self.kernel.wait(WITHIN_S) is not None
        for kernel in self.kernels:
            kernel.leave()
        for doors in self.doors:
            doors.close()
        until(lambda: not list(self.line.home.glob(".awsgpu/kernels/*")), "the relay has ended")
        for host in self.line.hosts:
            host.close()
            host.tidy()


@pytest.fixture
def case(tmp_path):
    one = Case(tmp_path)
    yield one
    one.close()


def test_what_was_said_meanwhile_comes_once_and_in_order(case):
    """A cell that prints while the line is cut, and ends then, shows every line, and is ended."""
    page = case.start()
    cell = page.send("import time\nfor i in range(40):\n    print(i, flush=True)\n    time.sleep(0.02)")
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    case.line.cut()
    until(lambda: case.status()["execution_state"] == "idle", "it has ended")
    assert not case.status()["attached"]
    case.line.open = True
    assert page.hear(cell) == ("".join(f"{i}\n" for i in range(40)), "ok")
    assert case.kernel.status is None


def test_cells_sent_while_the_line_is_cut_run_once_it_is_back(case):
    """What a person runs during the outage runs afterwards, each cell once; a heartbeat is answered meanwhile."""
    page = case.start()
    page.run("n = 0")
    case.line.cut()
    cells = [page.send("n += 1; print(n)") for _ in range(3)]
    page.client.hb_channel.start()
    until(page.client.hb_channel.is_beating, "the heart beats")
    case.line.open = True
    assert [page.hear(cell)[0] for cell in cells] == ["1\n", "2\n", "3\n"]


def test_what_is_too_much_is_cut_with_a_mark(case):
    """Beyond the bound output is dropped, the cell says how much where it is missing, and ends all the same."""
    page = case.start(keep_bytes=200_000)
    cell = page.send(
        "import time\ntime.sleep(0.5)\nfor _ in range(50):\n    print('x' * 9_999, flush=True)\nprint('end')"
    )
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    case.line.cut()
    until(lambda: case.status()["execution_state"] == "idle", "it has ended")
    case.line.open = True
    text, status = page.hear(cell)
    assert status == "ok"
    assert "messages" in text
    assert "are missing here: beyond 0 MB nothing is kept" in text
    assert 50_000 < text.count("x") < 200_000
    assert page.run("print('and on')") == ("and on\n", "ok")


def test_a_kernel_whose_notebook_stays_away_ends_after_its_work(case, tmp_path):
    """The lease counts from the end of the work; then kernel, relay and their folder are gone."""
    page = case.start(lease_s=0.3)
    folder, done = case.folder, tmp_path / "done"
    page.send(f"import time; time.sleep(1.5); open({str(done)!r}, 'w').close()")
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    pid = case.status()["pid"]
    case.line.cut()
    until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes(), "ended")
    assert done.exists()
    case.line.open = True
    assert case.kernel.wait(WITHIN_S) is not None
    until(lambda: not folder.exists(), "the relay has gone")


def test_a_later_process_has_the_kernel_again(case):
    """What was said to a page before and after the restart reaches that page when it speaks again, not earlier."""
    page = case.start()
    cell = page.send("import time\nfor i in range(30):\n    print(i, flush=True)\n    time.sleep(0.05)")
    heard = []
    while len(heard) < 3:
        message = page.client.get_iopub_msg(timeout=WITHIN_S)
        if message["msg_type"] == "stream":
            heard.append(message["content"]["text"])
    case.kernel.rest()
    while True:  # what was handed on before
        try:
            message = page.client.get_iopub_msg(timeout=0.2)
        except Exception:
            break
        if message["msg_type"] == "stream":
            heard.append(message["content"]["text"])
    page.close()
    case.resume()
    until(lambda: case.status()["execution_state"] == "idle", "it has ended")
    again = case.page(session=page.client.session.session)
    rest, status = again.hear(cell)
    assert "".join(heard) + rest == "".join(f"{i}\n" for i in range(30))
    assert status == "ok"
    assert case.page().run("print(i)") == ("29\n", "ok")


def text_of(messages, cell):
    """What a cell printed, of what a page was told anew."""
    said = [one["content"]["text"] for one in messages if one["cell"] == cell and one["header"]["msg_type"] == "stream"]
    return "".join(said)


def test_a_page_opened_anew_is_told_what_it_missed(case):
    """A page that never comes back leaves its cell's output to the next one, whole, with the cell's name."""
    page = case.start()
    page.send("print('one', flush=True)\nimport time; time.sleep(0.5)\nprint('two')", cell="the-cell")
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    case.kernel.rest()
    page.close()
    case.resume()
    until(lambda: case.status()["execution_state"] == "idle", "it has ended")
    new = case.page()
    messages = new.recall()
    assert {one["cell"] for one in messages} == {"the-cell"}
    assert text_of(messages, "the-cell") == "one\ntwo\n"
    assert new.run("1") == ("", "ok")


def test_what_was_taken_and_never_saved_is_told_again(case):
    """A page hears its cell to the end and closes without saving: the next page is told it all, and the one after."""
    page = case.start()
    assert page.recall() == []
    assert page.run("print('seen and lost')") == ("seen and lost\n", "ok")
    page.close()
    for _ in range(2):
        assert text_of(case.page().recall(), "c1") == "seen and lost\n"
    case.kernel.rest()
    case.resume()
    assert text_of(case.page().recall(), "c1") == "seen and lost\n"


def test_what_is_saved_or_run_again_is_let_go(case):
    """Once a page says that its notebook has the output, or the cell is run again, nothing is kept of it."""
    page = case.start()
    page.recall()
    cells = [page.send("print('first')", cell="a"), page.send("print('second')", cell="b")]
    for cell in cells:
        page.hear(cell)
    page.saved(cells[:1])
    assert text_of(case.page().recall(), "b") == "second\n"
    page.hear(page.send("print('third')", cell="b"))
    told = case.page().recall()
    assert (text_of(told, "a"), text_of(told, "b")) == ("", "third\n")
    page.saved([told[-1]["parent"]["msg_id"]])
    assert case.page().recall() == []
    until(lambda: not (case.folder / "kept").stat().st_size, "nothing is kept")


def test_what_is_no_cells_leaves_nothing_behind(case):
    """A console or a script has no cell to fill again: what has arrived is let go of."""
    page = case.start()
    page.hear(page.send("print('as ever')", cell=""))
    until(lambda: not (case.folder / "kept").stat().st_size, "nothing is kept")


def test_a_server_that_ends_while_the_line_is_cut_leaves_the_kernel_at_work(case):
    """Its last words, a request to shut down among them, do not reach the kernel; the next page has all of the cell."""
    page = case.start()
    page.send("import time\nfor i in range(30):\n    print(i, flush=True)\n    time.sleep(0.05)")
    page.client.get_iopub_msg(timeout=WITHIN_S)
    page.close()
    case.line.cut()
    case.kernel.rest()
    case.line.open = True
    case.kernel.hand_over("control", [b"shutdown"])
    case.resume()
    until(lambda: case.status()["execution_state"] == "idle", "it has ended")
    new = case.page()
    for _ in range(2):
        assert text_of(new.recall(), "c1") == "".join(f"{i}\n" for i in range(30))


def test_a_question_outlives_the_line_that_it_was_asked_on(case):
    """A page asks what it missed while the line is cut, and is told all of it when the line is back."""
    page = case.start()
    page.recall()
    page.run("print('before')")
    page.close()
    new = case.page()
    case.line.cut()
    asked = new.ask("awsgpu_recall")
    with pytest.raises(Empty):
        new.client.get_control_msg(timeout=1)
    case.line.open = True
    assert text_of(new.answer(asked)["messages"], "c1") == "before\n"


def test_a_page_that_recalls_goes_on_hearing_the_cell(case):
    """What a cell says after the answer comes over the ordinary way, each message once."""
    page = case.start()
    page.recall()
    cell = page.send("import time\nfor i in range(60):\n    print(i, flush=True)\n    time.sleep(0.05)")
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    page.close()
    case.kernel.rest()
    case.resume()
    new = case.page()
    told = new.recall()
    known = {one["header"]["msg_id"] for one in told}
    assert not any(one["header"]["msg_type"] == "status" and "idle" in one["content"].values() for one in told)
    rest = []
    while True:
        message = new.client.get_iopub_msg(timeout=WITHIN_S)
        if message["parent_header"].get("msg_id") != cell or message["header"]["msg_id"] in known:
            continue
        if message["msg_type"] == "stream":
            rest.append(message["content"]["text"])
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
    assert text_of(told, "c1") + "".join(rest) == "".join(f"{i}\n" for i in range(60))


def test_a_page_is_told_of_cells_that_wait_for_their_turn(case, tmp_path):
    """Of a notebook run as a whole, it can follow the cells after the one that runs."""
    page = case.start()
    page.send(waits_for(tmp_path / "gate"), cell="first")
    page.send("print('in its turn')", cell="second")
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    page.close()
    new = case.page()
    (waits,) = [one for one in new.recall() if one["cell"] == "second"]
    assert (waits["header"]["msg_type"], waits["content"]) == ("status", {"execution_state": "busy"})
    (tmp_path / "gate").touch()
    heard = []
    while not heard or heard[-1]["content"].get("execution_state") != "idle":
        message = new.client.get_iopub_msg(timeout=WITHIN_S)
        heard += [message] if message["parent_header"].get("msg_id") == waits["parent"]["msg_id"] else []
    assert "in its turn\n" in [one["content"].get("text") for one in heard]


def states(page, until_of):
    """Return the states that a page hears of, with their causes, up to the end of one cause."""
    heard = []
    while (until_of, "idle") not in heard:
        message = page.client.get_iopub_msg(timeout=WITHIN_S)
        if message["msg_type"] == "status":
            heard.append((message["parent_header"].get("msg_id"), message["content"]["execution_state"]))
    return heard


def test_the_question_what_kernel_it_is_has_an_end_while_a_cell_runs(case, tmp_path):
    """JupyterLab asks nothing else before; whose cell it is that runs makes no difference, and busy is said of that."""
    cell = case.cell_outlives_its_page(tmp_path / "gate")
    new = case.page()
    asked = new.client.kernel_info()
    assert (asked, "busy") in states(new, asked)
    while True:
        message = new.client.get_iopub_msg(timeout=WITHIN_S)
        if message["msg_type"] == "status" and message["parent_header"].get("msg_id") == cell:
            assert message["content"]["execution_state"] == "busy"
            break


def test_a_cell_that_ended_while_no_page_was_there_leaves_the_kernel_at_rest(case, tmp_path):
    """Its end reaches a later process of this machine, and no page: the next one is told, and sees an idle kernel."""
    cell = case.cell_outlives_its_page(tmp_path / "gate", "print('unheard')")
    until(lambda: case.doors[-1].running, "the later process knows that it runs")
    (tmp_path / "gate").touch()
    until(lambda: case.status()["execution_state"] == "idle", "it has ended")
    new = case.page()
    assert text_of(new.recall(), "c1") == "unheard\n"
    assert states(new, cell)[-1] == (cell, "idle")
    assert case.doors[-1].running is None


def test_what_there_was_no_room_for_is_marked(case):
    """Output that was taken makes room for newer; a page opened anew is told how much is missing, and where."""
    page = case.start(keep_bytes=400_000)
    page.recall()
    for name in ("a", "b"):
        page.hear(page.send("for i in range(15):\n    print('x' * 9_999, flush=True)\nprint('the end')", cell=name))
    page.close()
    told = case.page().recall()
    assert text_of(told, "b").startswith("xxx")
    assert "are missing here: beyond 0 MB nothing is kept" in text_of(told, "a")
    assert [one["header"]["msg_type"] for one in told if one["cell"] == "a"][-2:] == ["stream", "status"]


def test_the_output_of_a_kernel_that_died_is_there_for_the_next_page(case):
    """Nobody is there when a kernel dies in a cell: what it said until then is told, and filled in, afterwards."""
    page = case.start()
    page.recall()
    page.send("import os, time\nprint('epoch 37', flush=True)\ntime.sleep(0.5)\nos._exit(9)")
    page.close()
    assert case.kernel.wait(WITHIN_S) == 9
    case.kernels.append(RemoteKernel("gpu", case.line.reach, case.doors[-1]))
    case.kernel.start(case.key)  # as Jupyter starts a dead one again
    assert text_of(case.page().recall(), "c1") == "epoch 37\n"
    new = case.page()
    new.run("'the cell is run again'")
    assert text_of(case.page().recall(), "c1") == ""


def test_a_question_asked_meanwhile_is_answered_afterwards(case):
    """`input()` during the outage asks when the line is back; until then the kernel does not count as working."""
    page = case.start()
    cell = page.send("import time; time.sleep(0.3); print(input('name? ')[::-1])", allow_stdin=True)
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    case.line.cut()
    until(lambda: case.status()["waiting"], "it asks")
    assert case.status()["execution_state"] == "idle"
    case.line.open = True
    assert page.client.get_stdin_msg(timeout=WITHIN_S)["content"]["prompt"] == "name? "
    page.client.input("abc")
    assert page.hear(cell) == ("cba\n", "ok")


def test_comms_reach_both_ways_with_their_buffers(case):
    """A comm that the page opens answers with binary data, also across a cut."""
    page = case.start()
    page.run(
        "def opened(comm, message):\n"
        "    @comm.on_msg\n"
        "    def heard(message):\n"
        "        comm.send({'sum': sum(message['buffers'][0])}, buffers=[bytes(message['buffers'][0])[::-1]])\n"
        "get_ipython().kernel.comm_manager.register_target('test', opened)"
    )
    session = page.client.session
    page.client.shell_channel.send(session.msg("comm_open", {"comm_id": "1", "target_name": "test", "data": {}}))
    case.line.cut()
    case.line.open = True
    message = session.msg("comm_msg", {"comm_id": "1", "data": {}})
    session.send(page.client.shell_channel.socket, message, buffers=[b"\x01\x02\x03"])
    while (answer := page.client.get_iopub_msg(timeout=WITHIN_S))["msg_type"] != "comm_msg":
        pass
    assert answer["content"]["data"] == {"sum": 6}
    assert bytes(answer["buffers"][0]) == b"\x03\x02\x01"


def test_a_widget_moved_on_the_page_moves_in_the_kernel(case):
    """ipywidgets: the slider's state comes with its display, and its new value reaches Python's observers."""
    page = case.start()
    cell = page.send(
        "import ipywidgets\ns = ipywidgets.IntSlider()\n"
        "s.observe(lambda change: print('moved to', change['new']), 'value')\ndisplay(s)"
    )
    models = []
    while True:
        message = page.client.get_iopub_msg(timeout=WITHIN_S)
        if message["msg_type"] == "comm_open":
            models.append((message["content"]["comm_id"], message["content"]["data"]["state"]["_model_name"]))
        if message["msg_type"] == "display_data":
            shown = message["content"]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
        idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
        if idle and message["parent_header"]["msg_id"] == cell:
            break
    assert (shown, "IntSliderModel") in models
    data = {"method": "update", "state": {"value": 7}, "buffer_paths": []}
    moved = page.client.session.msg("comm_msg", {"comm_id": shown, "data": data})
    page.client.shell_channel.send(moved)
    while (heard := page.client.get_iopub_msg(timeout=WITHIN_S))["msg_type"] != "stream":
        pass
    assert heard["content"]["text"].strip() == "moved to 7"


def test_loopback_ports_do_where_unix_sockets_cannot_be(tmp_path):
    """A home with a long path there, and no unix sockets here: the same kernel over ports, its messages signed."""
    case = Case(tmp_path / ("long" * 30))
    case.line.home.mkdir()
    try:
        page = case.start(unix=False)
        assert case.doors[-1].connection["transport"] == "tcp"
        assert case.kernel.found["connection"]["transport"] == "tcp"
        assert page.run("print(6 * 7)") == ("42\n", "ok")
        case.line.cut()
        case.line.open = True
        assert page.run("print(6 * 8)") == ("48\n", "ok")
        stranger = BlockingKernelClient()
        stranger.load_connection_info({**case.doors[-1].connection, "key": "wrong", "signature_scheme": "hmac-sha256"})
        stranger.start_channels(hb=False)
        stranger.execute("intruded = 1")
        assert page.run("print('intruded' in globals())") == ("False\n", "ok")
        stranger.stop_channels()
    finally:
        case.close()


def test_the_end_is_told_with_the_status(case):
    """A kernel that ends by itself in an outage has said everything before its exit status is known."""
    page = case.start()
    cell = page.send("import os, sys\nprint('last words', flush=True)\nimport time; time.sleep(0.5)\nos._exit(3)")
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    case.line.cut()
    case.line.open = True
    assert case.kernel.wait(WITHIN_S) == 3
    said = []
    while not said:
        message = page.client.get_iopub_msg(timeout=WITHIN_S)
        if message["msg_type"] == "stream" and message["parent_header"]["msg_id"] == cell:
            said.append(message["content"]["text"])
    assert said == ["last words\n"]


def test_a_kernel_that_cannot_start_says_why(case, tmp_path):
    """The environment that is asked for is not there."""
    doors = Doors()
    kernel = RemoteKernel("gpu", case.line.reach, doors)
    with pytest.raises(KernelFailed, match="no environment 'nowhere'"):
        kernel.start(case.key, environment="nowhere")
    doors.close()


def test_an_environment_has_its_own_python(case, tmp_path):
    """A kernel spec of the machine is started as it says."""
    spec = tmp_path / "usr/local/share/jupyter/kernels/awsgpu-env/kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [sys.executable, "-X", "utf8", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "language": "python", "display_name": "Python (environment)"}))
    page = case.start(environment="awsgpu-env")
    assert page.run("import sys; print(sys._xoptions)") == ("{'utf8': True}\n", "ok")


def test_interrupting_ends_a_cell_at_once(case):
    """The signal overtakes nothing and loses nothing."""
    page = case.start()
    cell = page.send("import time; time.sleep(60)")
    until(lambda: case.status()["execution_state"] == "busy", "it runs")
    timer = threading.Timer(0.2, case.kernel.signal, [2])
    timer.start()
    assert page.hear(cell) == ("", "error")
    timer.join()
