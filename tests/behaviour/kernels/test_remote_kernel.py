"""A notebook's kernel on an instance, driven as Jupyter drives it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from jupyter_client.ioloop import AsyncIOLoopKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from jupyter_awsgpu.remote.kernel_specs import Environment
from jupyter_awsgpu.verbs import kernel as verb
from jupyter_awsgpu.verbs import picker
from jupyter_awsgpu.verbs.arrival import Way, tunnel_extra
from jupyter_awsgpu.verbs.selection import choose
from tests.behaviour.road.terminal import run

REPLY_S = 60.0

# jupyter_client's blocking manager leaves its own event loops for the garbage collector
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Notebook:
    """One kernel and the client that a notebook is to it."""

    def __init__(self, spec):
        self.manager = KernelManager(kernel_name=spec)
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=REPLY_S)

    def run(self, code, answer=None):
        """Run a cell; return its output text and the reply's status."""
        said = []

        def hear(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                said.append(content["text"])
            elif message["msg_type"] == "execute_result":
                said.append(content["data"]["text/plain"])

        reply = self.client.execute_interactive(
            code,
            timeout=REPLY_S,
            output_hook=hear,
            allow_stdin=answer is not None,
            stdin_hook=None if answer is None else lambda _: self.client.input(answer),
        )
        return "".join(said), reply["content"]["status"]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager.cleanup_resources()


@contextmanager
def opened(spec):
    notebook = Notebook(spec)
    try:
        yield notebook
    finally:
        notebook.close()


@pytest.fixture(scope="module")
def notebook(bench, box):
    from jupyter_awsgpu.verbs.kernel import kernel

    with opened(kernel(bench, "gpu").spec) as one:
        yield one


def kernels_on_the_instance():
    """Return the kernels whose connection file lies in an instance's home (they are processes of this machine)."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if "ipykernel_launcher" in line and ".awsgpu/kernels" in " ".join(line) and _ours(process):
            found.append(process)
    return found


def _ours(process):
    """Whether it runs below this run's own simulated AWS: others test beside us."""
    from jupyter_awsgpu.demo import client

    own = client.status(Path(os.environ["AWSGPU_DATA_DIR"]) / "demo" / "aws").pid
    try:
        return own in {parent.pid for parent in process.parents()}
    except psutil.Error:
        return False


def test_the_picker_shows_the_instance(spec):
    """Jupyter's own list of kernels has the instance, by name and type."""
    shown = KernelSpecManager().get_kernel_spec(spec)
    assert shown.display_name == "Python 3 · gpu (p2.xlarge, SIMULATED)"


def test_a_cell_runs_on_the_instance(notebook):
    """Home, directory and environment are the instance's; none of this machine's travel."""
    text, status = notebook.run("import os; print(1 + 1, os.path.expanduser('~') == os.getcwd(), os.environ['HOME'])")
    assert (status, text.split()[:2]) == ("ok", ["2", "True"])
    assert text.split()[2] != os.environ["HOME"]
    text, _ = notebook.run("import os; print(sorted(n for n in os.environ if n.startswith(('AWSGPU_DATA', 'JPY_'))))")
    assert text.strip() == "[]"


def test_an_interrupt_ends_the_cell_and_keeps_the_state(notebook):
    """A sleeping cell is interrupted at once, and the kernel knows what it knew."""
    notebook.run("kept = 7")
    timer = threading.Timer(0.5, notebook.manager.interrupt_kernel)
    timer.start()
    began = time.monotonic()
    _, status = notebook.run("import time; time.sleep(60)")
    timer.join()
    assert status == "error"
    assert time.monotonic() - began < 10
    assert notebook.run("kept") == ("7", "ok")


def test_input_asks_here_and_answers_there(notebook):
    """`input()` on the instance is answered by the notebook."""
    assert notebook.run("print(input('name? ')[::-1])", answer="abc") == ("cba\n", "ok")


def test_twenty_megabytes_come_whole(notebook):
    """A big output arrives complete."""
    text, status = notebook.run("print('x' * 20_000_000)")
    assert (status, len(text)) == ("ok", 20_000_001)


def test_completion_answers(notebook):
    """The kernel completes names that only it knows."""
    notebook.run("a_name_of_the_instance = 1")
    reply = notebook.client.complete("a_name_of", reply=True, timeout=REPLY_S)
    assert "a_name_of_the_instance" in reply["content"]["matches"]


def test_a_restart_forgets_and_goes_on(notebook):
    """After a restart the same client talks to a new process."""
    running = {one.pid for one in kernels_on_the_instance()}
    before, _ = notebook.run("import os; gone = 1; print(os.getpid())")
    notebook.manager.restart_kernel()
    notebook.client.wait_for_ready(timeout=REPLY_S)
    after, _ = notebook.run("import os; print(os.getpid(), 'gone' in globals())")
    assert after.split()[1] == "False"
    assert after.split()[0] != before.strip()
    now = {one.pid for one in kernels_on_the_instance()}
    assert (len(now - running), len(running - now)) == (1, 1)


def test_a_broken_connection_costs_no_state(notebook):
    """The connection is killed; the next cell returns, and its variables are there."""
    notebook.run("kept = 'through the cut'")
    kernel = notebook.manager.provisioner._kernel
    broken = kernel.host
    broken.close()
    deadline = time.monotonic() + REPLY_S
    while kernel.host is broken:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert notebook.run("kept") == ("'through the cut'", "ok")
    assert notebook.manager.is_alive()


def test_a_kernel_that_dies_is_seen_dead(notebook):
    """Jupyter hears of a kernel that ended by itself, which is what its autorestart goes by."""
    notebook.client.execute("import os; os._exit(3)")
    deadline = time.monotonic() + REPLY_S
    while notebook.manager.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    notebook.manager.restart_kernel(now=True)
    notebook.client.wait_for_ready(timeout=REPLY_S)
    assert notebook.run("1 + 1") == ("2", "ok")


def test_jupyter_starts_a_kernel_again_that_died(spec):
    """Autorestart: the server notices the end and has a new kernel for the same clients."""

    async def story():
        manager = AsyncIOLoopKernelManager(kernel_name=spec)
        manager.time_to_dead = 0.5
        await manager.start_kernel()
        again = asyncio.Event()
        manager.add_restart_callback(again.set, "restart")
        client = manager.client()
        client.start_channels(hb=False)
        await client.wait_for_ready(timeout=REPLY_S)
        client.execute("gone = 1; import os; os._exit(3)")
        await asyncio.wait_for(again.wait(), REPLY_S)
        await client.wait_for_ready(timeout=REPLY_S)
        reply = await client.execute_interactive("assert 'gone' not in globals()", timeout=REPLY_S)
        client.stop_channels()
        manager.stop_restarter()
        await manager.ready  # the restart's own last steps
        await manager.shutdown_kernel()
        return reply["content"]["status"]

    assert asyncio.run(story()) == "ok"


def test_each_environment_has_a_kernel_of_its_own_in_the_picker(bench, box):
    """Environments come and go with what the instance has; the instance's own Python stays."""
    instance = choose(bench, "gpu", "kernel")
    extra = tunnel_extra(bench, Way(8889))
    picker.offer(bench, instance, extra, [Environment("awsgpu-env", "Python (environment)")])
    name = "awsgpu-simulated-gpu--awsgpu-env"
    shown = KernelSpecManager().get_kernel_spec(name)
    assert shown.display_name == "Python (environment) · gpu (p2.xlarge, SIMULATED)"
    picker.offer(bench, instance, extra, [])
    offered = KernelSpecManager().find_kernel_specs()
    assert name not in offered
    assert "awsgpu-simulated-gpu" in offered


def test_an_instance_that_ended_by_itself_leaves_the_picker(bench, box):
    """Whoever asks its region and does not find it takes it out; other regions prove nothing."""
    spec = verb.kernel(bench, "gpu").spec
    picker.prune(bench, {"eu-west-1"}, set())
    run("status")
    assert spec in KernelSpecManager().find_kernel_specs()
    picker.prune(bench, {box["region"]}, set())
    assert spec not in KernelSpecManager().find_kernel_specs()


def test_a_shutdown_leaves_nothing(spec):
    """After a shutdown no kernel of that notebook runs on the instance, and no local socket is left."""
    before = {one.pid for one in kernels_on_the_instance()}
    with opened(spec) as one:
        sockets = Path(one.manager.ip).parent
        started = {one.pid for one in kernels_on_the_instance()} - before
        assert len(started) == 1
    psutil.wait_procs([psutil.Process(pid) for pid in started if psutil.pid_exists(pid)], timeout=10)
    assert not started & {one.pid for one in kernels_on_the_instance()}
    assert not sockets.exists()


def test_the_command_offers_and_takes_back(box):
    """`kernel` says Jupyter's name for it, and that picker and command agree; `--remove` takes it out."""
    said = run("kernel", "gpu").document
    assert said == {"spec": "awsgpu-simulated-gpu", "title": said["title"], "instance": "gpu", "offered": True}
    assert said["spec"] in KernelSpecManager().find_kernel_specs()
    assert run("kernel", "--remove", "gpu").document["offered"] is False
    assert said["spec"] not in KernelSpecManager().find_kernel_specs()
    assert run("connect", "gpu").status == 0
    assert said["spec"] in KernelSpecManager().find_kernel_specs()


def test_a_stopped_instance_says_how_to_go_on(bench, box, spec):
    """Choosing the kernel of a stopped instance names the verb that starts it."""
    assert run("stop", "gpu").status == 0
    with pytest.raises(RuntimeError, match=r"stopped.*`awsgpu --demo start gpu`"):
        KernelManager(kernel_name=spec).start_kernel()


def test_a_terminated_instance_leaves_the_picker(box):
    """With the instance its kernel goes."""
    spec = "awsgpu-simulated-gpu"
    assert spec in KernelSpecManager().find_kernel_specs()
    assert run("terminate", "gpu", "--yes").status == 0
    assert spec not in KernelSpecManager().find_kernel_specs()
