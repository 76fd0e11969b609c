"""Scenes on a real Jupyter server with real kernels and processes: which is work, and which is not.

Each scene of work plays before a backdrop of things that are none, drawn with their parameters from a
seed: with the work the machine is busy, and when the work ends, and only the backdrop is left, idle.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from jupyter_awsgpu.host import generate_host_key
from jupyter_awsgpu.remote import guest, jupyter
from jupyter_awsgpu.remote.user_data import GuestConfig, user_data
from tests.behaviour.guest.conftest import instance_in
from tests.behaviour.guest.idle_stage import WITHIN_S, Server, Stage, slow_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEEDS = range(5 if os.environ.get("AWSGPU_TESTS_FULL") else 1)

SPIN = """
import os, sys, time
share = float(sys.argv[1])
while True:
    until = time.process_time() + share * 0.2
    while time.process_time() < until:
        pass
    time.sleep((1 - share) * 0.2)
"""
"""A process that works a share of the time."""

SAVE = """
import sys, time
with open(sys.argv[1], "wb", buffering=0) as file:
    while True:
        file.seek(0)
        file.write(bytes(int(sys.argv[2])))
        time.sleep(0.05)
"""
"""A process that saves what it has, again and again: work that a crowded machine does not slow down."""

POLL = """
import sys, time, urllib.request
while True:
    urllib.request.urlopen(sys.argv[1]).read()
    time.sleep(float(sys.argv[2]))
"""

FETCH = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as source, open(sys.argv[2], "wb", buffering=0) as target:
    while data := source.read1(65536):
        target.write(data)
"""

LOADER = """
import os, sys
for number in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.setsid()  # the system shares its processors out by session
        exec(sys.argv[3])
os.wait()
"""

ECHO = """
import socket, sys, time
one, other = socket.socketpair()
while True:
    one.send(b"k" * int(sys.argv[1])); other.recv(9999); other.send(b"ok"); one.recv(9999)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One instance for all scenes, its watchdog's own ticks an hour apart."""
    host = instance_in(tmp_path_factory.mktemp("scenes") / "host")
    config = GuestConfig("gpu", "l-0123456789abcdef", "ubuntu", max_hours=None, version="1.2.3")
    host.boot(user_data(config, generate_host_key(), "ubuntu"))
    path = host.path("/etc/awsgpu/config.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "tick_seconds": 3600}))
    # IPython reads the machine's own /etc/ipython: here the user's start-up folder leads to the host's.
    profile = host.path("/home/ubuntu/.ipython/profile_default")
    profile.mkdir(parents=True)
    (profile / "startup").symlink_to(host.path("/etc/ipython/startup"))
    guest.follow_progress(host, lambda step: None)  # type: ignore[arg-type]
    found = jupyter.find_server(host)  # type: ignore[arg-type]
    yield Stage(host, Server(found.port, found.token))
    host.end()


@pytest.fixture
def stage(place: Stage) -> Iterator[Stage]:
    """The stage, empty again after the scene."""
    yield place
    place.clear()


# ── what is no work ──


def an_open_tab(stage: Stage, rng: random.Random) -> None:
    """A front end's channel to an idle kernel, and its polling."""
    stage.kernel()
    url = f"http://127.0.0.1:{stage.server.port}/api/status?token={stage.server.token}"
    stage.python(POLL, url, f"{rng.uniform(1, 10):.1f}", AWSGPU_ROOT="")  # the browser is on the laptop


def somebody_looking_at_the_gpu(stage: Stage, rng: random.Random) -> None:
    """nvidia-smi again and again; without persistence mode a look itself reads as use."""
    stage.stand_in(
        "nvidia-smi", f'case "$*" in *utilization*) echo "{rng.choice([0, 4, 99])}, {rng.randint(0, 3)}";; esac'
    )
    stage.process("sh", "-c", f"while :; do nvidia-smi; sleep {rng.uniform(0.5, 3):.1f}; done")


def a_question_to_the_user(stage: Stage, rng: random.Random) -> None:
    """`input()` and pdb keep a kernel busy, and nobody works."""
    before = stage.waiting()
    asks = ["input('go on? ')", "import pdb; pdb.set_trace()", "__import__('getpass').getpass()"]
    stage.kernel().execute(rng.choice(asks))
    stage.until(lambda: stage.waiting() > before, "the waiting")


def a_breakpoint(stage: Stage, _rng: random.Random) -> None:
    """A cell that JupyterLab's debugger has stopped."""
    before = stage.waiting()
    kernel = stage.kernel()
    kernel.debug("initialize", clientID="test", adapterID="", pathFormat="path")
    kernel.debug("attach")
    kernel.debug("configurationDone")
    kernel.execute("import debugpy; debugpy.breakpoint()\nx = 1")
    stage.until(lambda: stage.waiting() > before, "the breakpoint")


def a_keep_alive(stage: Stage, rng: random.Random) -> None:
    """Some bytes there and back, every now and then."""
    stage.python(ECHO, str(rng.randint(1, 2000)), f"{rng.uniform(0.3, 5):.1f}")


NO_WORK = (an_open_tab, somebody_looking_at_the_gpu, a_question_to_the_user, a_breakpoint, a_keep_alive)


# ── what is work ──


def training_with_the_laptop_closed(stage: Stage, rng: random.Random) -> None:
    """A cell goes on with nobody connected."""
    kernel = stage.kernel()
    kernel.execute(f"import time\nfor epoch in range(10**6):\n    sum(range(10**5)); time.sleep({rng.uniform(0, 1)})")
    stage.until(lambda: kernel.state() == "busy", "the training")
    kernel.channel.close()


def sleeping_in_a_cell(stage: Stage, rng: random.Random) -> None:
    """`sleep(9999)`: only the cap ends it."""
    kernel = stage.kernel()
    kernel.execute(f"import time; time.sleep({rng.randint(999, 9999)})")
    stage.until(lambda: kernel.state() == "busy", "the cell")


def a_stuck_loop(stage: Stage, rng: random.Random) -> None:
    """A loop that never ends: only the cap ends it."""
    kernel = stage.kernel()
    kernel.execute(rng.choice(["while True: pass", "import itertools; sum(1 for _ in itertools.count())"]))
    stage.until(lambda: kernel.state() == "busy", "the loop")


def an_answered_question(stage: Stage, _rng: random.Random) -> None:
    """Once answered, the same cell counts as work again."""
    before = stage.waiting()
    kernel = stage.kernel()
    kernel.execute("input(); import time; time.sleep(9999)")
    stage.until(lambda: stage.waiting() > before, "the question")
    kernel.hear(lambda one: one["msg_type"] == "input_request")  # ipykernel throws away what came before it
    kernel.send("input_reply", {"value": "yes"}, "stdin")
    stage.until(lambda: stage.waiting() == before, "the answer")


def a_download_in_a_terminal(stage: Stage, rng: random.Random) -> None:
    """Bytes come in, at whatever pace the other side has."""
    url, end = slow_server(rng.choice([150_000, 400_000, 3_000_000]))
    stage.later(end)
    program = stage.host.path("/home/ubuntu/fetch.py")
    program.write_text(FETCH)
    stage.terminal(f"exec {sys.executable} {program} {url} {stage.host.path('/home/ubuntu/file')}")


def a_job_in_tmux(stage: Stage, rng: random.Random) -> None:
    """A job of a session nobody is attached to."""
    words = [str(stage.host.path("/home/ubuntu/saved")), str(rng.randint(50_000, 500_000))]
    if not (tmux := shutil.which("tmux")):
        stage.python(SAVE, *words)
        return
    folder = tempfile.mkdtemp()  # a short path: a socket's address has room for 107 bytes
    command = [tmux, "-f", "/dev/null", "-S", f"{folder}/s"]
    env = {key: value for key, value in stage.host.environment.items() if key != "TMUX"}
    new = [*command, "new-session", "-d", sys.executable, "-c", SAVE, *words]
    subprocess.run(new, check=True, env=env, capture_output=True)
    stage.later(lambda: shutil.rmtree(folder))
    stage.later(lambda: subprocess.run([*command, "kill-server"], check=True, env=env, capture_output=True))


def a_data_loader_on_the_cpu(stage: Stage, rng: random.Random) -> None:
    """Workers that prepare data; the GPU waits."""
    loader = stage.python(LOADER, str(rng.randint(4, 6)), f"{rng.uniform(0.4, 1):.2f}", _with_share(SPIN))
    stage.later(lambda: [one.kill() for one in psutil.Process(loader.pid).children()])


def _with_share(code: str) -> str:
    return code.replace("sys.argv[1]", "sys.argv[2]")


def the_other_user(stage: Stage, rng: random.Random) -> None:
    """A second person's own server: either of the two counts."""
    home = stage.host.path("/home/second")
    home.mkdir(exist_ok=True)
    stage.later(lambda: shutil.rmtree(home, ignore_errors=True))
    options = ["--no-browser", "--allow-root", "--ServerApp.port=0", f"--ServerApp.root_dir={home}"]
    child = stage.process(sys.executable, "-m", "jupyter_server", *options, HOME=str(home))
    file = home / f".local/share/jupyter/runtime/jpserver-{child.pid}.json"
    stage.until(file.exists, "the second server")
    record = json.loads(file.read_text())
    kernel = stage.kernel(Server(record["port"], record["token"]))
    kernel.execute(rng.choice(["import time; time.sleep(9999)", "while True: pass"]))
    stage.until(lambda: kernel.state() == "busy", "the second person's cell")


def a_kernel_that_no_jupyter_started(stage: Stage, _rng: random.Random) -> None:
    """The kernel of a notebook that stays on the laptop: no server here knows it."""
    from jupyter_client import BlockingKernelClient
    from jupyter_client.connect import write_connection_file

    file, connection = write_connection_file(str(stage.host.path("/home/ubuntu/own.json")), key=b"secret")
    stage.process(sys.executable, "-m", "ipykernel_launcher", "-f", file)
    client = BlockingKernelClient()
    client.load_connection_info(connection)
    client.start_channels()
    stage.later(client.stop_channels)
    stage.until(lambda: _answers(client), "the kernel's answer")
    client.execute("import time; time.sleep(9999)")


def _answers(client: Any) -> bool:
    """Whether a kernel answers by now; one that is slow to start counts as dead at first."""
    try:
        client.wait_for_ready(timeout=WITHIN_S)
    except RuntimeError:
        return False
    return True


def a_gpu_in_use(stage: Stage, rng: random.Random) -> None:
    """A GPU computes, for a process that hardly needs its CPU."""
    stage.stand_in("nvidia-smi", f'echo "0, 3"; echo "{rng.randint(20, 100)}, {rng.randint(300, 15000)}"')


WORK = (
    training_with_the_laptop_closed,
    sleeping_in_a_cell,
    a_stuck_loop,
    an_answered_question,
    a_download_in_a_terminal,
    a_job_in_tmux,
    a_data_loader_on_the_cpu,
    the_other_user,
    a_kernel_that_no_jupyter_started,
    a_gpu_in_use,
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_work_is_seen_before_any_backdrop(stage: Stage, work: Callable[..., Any], seed: int) -> None:
    """Busy with the work, whatever else there is; idle once only that is left."""
    rng = random.Random(f"{work.__name__} {seed}")
    for backdrop in rng.sample(NO_WORK, 2):
        backdrop(stage, rng)
    only_backdrop = len(stage.ends)
    work(stage, rng)
    stage.verdict(busy=True)
    stage.clear(only_backdrop)
    stage.verdict(busy=False)


def test_all_that_is_no_work_together_is_none(stage: Stage) -> None:
    """Tabs, looks at the GPU, questions, breakpoints and keep-alives at once: idle."""
    for backdrop in NO_WORK:
        backdrop(stage, random.Random(backdrop.__name__))
    stage.verdict(busy=False)


def test_a_kernel_shows_its_user_the_machines_notice(stage: Stage) -> None:
    """Among what the running cell prints stands, for whoever comes back, that the machine ends."""
    kernel = stage.kernel()
    kernel.execute("import time; time.sleep(9999)")
    notice = "AWS takes this spot instance back (terminate) at 2026-01-01T00:00:00Z."
    file = stage.host.path("/run/awsgpu/kernels/notice")
    file.write_text(notice)
    stage.later(lambda: file.write_text(""))
    kernel.hear(lambda one: one["msg_type"] == "stream" and notice in one["content"]["text"])


@pytest.mark.parametrize("how", ["down", "hung"])
def test_without_jupyter_what_works_is_seen_all_the_same(stage: Stage, how: str) -> None:
    """A server that is gone, or does not answer, hides neither a working process nor an executing kernel."""
    kernel = stage.kernel()
    kernel.execute("import time; time.sleep(9999)")
    stage.until(lambda: kernel.state() == "busy", "the cell")
    pid = jupyter.find_server(stage.host).pid  # type: ignore[arg-type]
    assert pid is not None
    if how == "hung":
        os.kill(pid, signal.SIGSTOP)
        try:
            assert "kernel" in (stage.verdict(busy=True) or "")
        finally:
            os.kill(pid, signal.SIGCONT)
        return
    stage.clear()
    stage.guest("services.seam().stop('jupyter')")
    try:
        process = stage.python(SAVE, str(stage.host.path("/home/ubuntu/saved")), "100000")
        stage.verdict(busy=True)
        process.kill()
        stage.verdict(busy=False)
    finally:
        stage.guest("services.seam().start('jupyter')")
        stage.until(lambda: _server(stage), "Jupyter's return")


def _server(stage: Stage) -> bool:
    done = stage.host.run(["awsgpu-guest", "jupyter", "--json"], check=False)
    if not done.status:
        stage.server.port = json.loads(done.stdout)["port"]
    return not done.status
