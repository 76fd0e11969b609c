"""A machine as one node of several: what it takes for its part, what it installs and runs, and when all stop."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.guest import (
    cluster,
    cluster_steps,
    commands,
    engine_dask,
    engines,
    facts,
    idle,
    nodes,
    paths,
    processes,
    recipe,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.guest.services import Service

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
WHOLE = {
    "engine": "dask",
    "node": 0,
    "nodes": 4,
    "cluster": "l-0123456789abcdef",
    "head": "10.0.0.5",
    "address": "10.0.0.5",
    "ca": PEM,
    "cert": PEM,
    "key": PEM.replace("CERTIFICATE", "PRIVATE KEY"),
    "versions": None,
}
HEAD = {key: value for key, value in WHOLE.items() if key not in cluster.SECRETS} | {"versions": {}}
WORKER = {**HEAD, "node": 2, "address": "10.0.0.7", "versions": {"dask": "2026.8.0", "numpy": "2.4.6", "torch": "9"}}


@pytest.fixture(autouse=True)
def nobodys_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty machine in a folder."""
    monkeypatch.setenv("AWSGPU_ROOT", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")  # nobody answers
    (tmp_path / "run/awsgpu").mkdir(parents=True)
    (tmp_path / "run/awsgpu/spot.json").write_text('{"spot": false}')
    paths.write_json(paths.state("python.json"), {"path": "/opt/pytorch/bin/python3"})
    return tmp_path


# ── what it is told ──


def test_a_part_is_kept_private_and_its_keys_apart(nobodys_machine: Path) -> None:
    """The document without secrets, the PEM files beside it, all of them for the user alone."""
    cluster.join(json.dumps(WHOLE))
    assert cluster.document() == HEAD
    kept = [nobodys_machine / "etc/awsgpu/cluster.json"]
    kept += [nobodys_machine / f"var/lib/awsgpu/cluster/{key}.pem" for key in cluster.SECRETS]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert kept[1].parent.stat().st_mode & 0o777 == 0o700
    assert "BEGIN" not in kept[0].read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "ray"},
        {"engine": ["dask"]},
        {"node": 4},
        {"node": True},
        {"nodes": 5000},
        {"head": "evil.example"},
        {"address": "10.0.0.5; reboot"},
        {"ca": "none"},
        {"versions": {"dask": "1 --index-url=https://evil.example"}},
        {"versions": {"--pre": "1"}},
    ],
)
def test_what_is_no_part_is_refused_in_a_sentence_and_changes_nothing(change: dict[str, Any]) -> None:
    """Engines nobody knows, counts that do not fit, addresses that are none, versions that would be options of pip."""
    with pytest.raises(commands.Failed):
        cluster.join(json.dumps({**WHOLE, **change}))
    with pytest.raises(commands.Failed):
        cluster.join("{}")
    assert cluster.document() == {}


def test_forgetting_leaves_nothing(nobodys_machine: Path) -> None:
    """Part, keys, settings, scratch: gone; a machine that never had any stays as it is."""
    cluster.forget()
    cluster.join(json.dumps(WHOLE))
    for path, text in engine_dask.files(cluster.document()).items():
        paths.write_text(path, text)
    scratch = nobodys_machine / "var/tmp/awsgpu-dask/worker-1"
    scratch.mkdir(parents=True)
    cluster.forget()
    left = [path for path in nobodys_machine.rglob("*") if path.is_file() and path.parent.name != "awsgpu"]
    assert left == []
    assert not scratch.parent.exists()
    assert cluster.document() == {}


# ── the recipe ──


def test_the_engines_packages_come_first_and_its_services_once_it_has_joined() -> None:
    """Before the laptop tells a node its part, the packages are on their way already; a single machine has no step."""
    assert [step.key for step in cluster_steps.steps({})] == []
    assert [step.key for step in cluster_steps.steps({"engine": "dask"})] == ["engine"]
    cluster.join(json.dumps(WHOLE))
    assert [step.key for step in recipe.of({"engine": "dask"}, facts.gather())][-3:] == ["jupyter", "engine", "cluster"]


def test_an_engine_that_nobody_knows_is_a_step_that_fails() -> None:
    """Said where provisioning is followed, not in a traceback."""
    (step,) = cluster_steps.steps({"engine": "ray"})
    assert not step.right()
    with pytest.raises(commands.Failed, match="no engine ray"):
        step.act(print)


def test_every_engine_has_what_a_recipe_needs() -> None:
    """The list in the module that describes recipes is kept by each."""
    wanted = set(re.findall(r"^    (\w+)(?:\(.*?\))? {3,}", str(engines.__doc__), re.MULTILINE))
    assert len(wanted) == 8
    for recipe_of_one in engines.KNOWN.values():
        assert {*wanted, "TITLE"} <= set(vars(recipe_of_one))


@pytest.mark.parametrize(
    ("part", "words", "checked"),
    [
        ({}, ["dask[array,dataframe,distributed]>=2024.8", "distributed>=2024.8"], ["dask>=2024.8", "pandas"]),
        ({"node": 0}, ["bokeh>=3.1", "distributed>=2024.8"], ["bokeh>=3.1"]),
        (HEAD, ["bokeh>=3.1", "distributed>=2024.8"], ["dask>=2024.8", "bokeh>=3.1"]),
        (WORKER, ["dask[array,dataframe,distributed]==2026.8.0", "numpy==2.4.6"], ["dask==2026.8.0", "numpy==2.4.6"]),
    ],
)
def test_a_range_on_the_head_and_its_exact_versions_on_workers(part: dict, words: list, checked: list) -> None:
    """What must agree is pinned; what the head's Jupyter loads is the head's; nothing else is asked for."""
    asked, there = engine_dask.requirements(part)
    assert set(words) <= set(asked)
    assert set(checked) <= set(there)
    assert len(asked) == len(there)
    assert bool(engine_dask.lab(part)) is (part.get("node") == 0)
    if part is WORKER:
        assert not [one for one in asked if "==" not in one or "torch" in one]


def test_workers_run_where_the_persons_code_does() -> None:
    """With an environment of the person's own, Dask is in it: what a task imports is there."""
    paths.write_json(paths.at("/etc/awsgpu/config.json"), {"environment": "requirements.txt"})
    assert {one.argv[0] for one in engine_dask.services(HEAD, 1)} == {paths.at("/opt/awsgpu-env/bin/python")}
    paths.write_json(paths.at("/etc/awsgpu/config.json"), {})
    assert {one.argv[0] for one in engine_dask.services(HEAD, 1)} == {"/opt/pytorch/bin/python3"}


@pytest.mark.parametrize(
    ("part", "gpus", "names"),
    [
        (HEAD, 0, ["dask-scheduler", "dask-worker"]),
        (HEAD, 2, ["dask-scheduler", "dask-worker-0", "dask-worker-1"]),
        (WORKER, 0, ["dask-worker"]),
        (WORKER, 4, ["dask-worker-0", "dask-worker-1", "dask-worker-2", "dask-worker-3"]),
    ],
)
def test_one_worker_a_gpu_or_one_for_all_cores(part: dict, gpus: int, names: list[str]) -> None:
    """The head has the scheduler, and works too; each GPU is one worker's own."""
    found = engine_dask.services(part, gpus)
    assert [one.name for one in found] == names
    assert {one.user for one in found} == {"ubuntu"}
    workers = [one for one in found if "worker" in one.name]
    assert [one.env.get("CUDA_VISIBLE_DEVICES") for one in workers] == [str(gpu) for gpu in range(gpus)] or [None]
    assert all("tls://10.0.0.5:8786" in one.argv for one in workers)
    assert all(_after(one, "--host") == part["address"] for one in workers)


def _after(service: Service, option: str) -> str:
    return str(service.argv[service.argv.index(option) + 1])


def test_the_dashboard_is_on_the_loopback_and_everything_else_is_encrypted() -> None:
    """What listens on the network wants a certificate of the cluster's."""
    scheduler = engine_dask.services(HEAD, 0)[0]
    assert _after(scheduler, "--dashboard-address") == "127.0.0.1:8787"
    assert _after(scheduler, "--protocol") == "tls"
    assert _after(scheduler, "--host") == "0.0.0.0"  # noqa: S104 - the tunnel comes by the loopback
    sharing = engine_dask.services({**HEAD, "address": "127.64.0.9"}, 0)[0]
    assert _after(sharing, "--host") == "127.64.0.9"
    settings = json.loads(next(text for path, text in engine_dask.files(WORKER).items() if path.endswith(".yaml")))
    assert settings["scheduler-address"] == "tls://10.0.0.5:8786"
    assert settings["distributed"]["comm"]["require-encryption"] is True
    assert set(settings["distributed"]["comm"]["tls"]) == {"ca-file", "scheduler", "worker", "client"}


def test_only_the_heads_jupyter_is_told_of_the_dashboard() -> None:
    """Its link goes through the proxy, relative to wherever Jupyter is seen; a worker has no dashboard of its own."""
    assert len(engine_dask.files(WORKER)) == 1
    texts = [json.loads(text) for text in engine_dask.files(HEAD).values()]
    assert {"dask-labextension:plugin": {"defaultURL": "proxy/8787"}} in texts
    assert any(one.get("distributed", {}).get("dashboard") == {"link": "/proxy/{port}/status"} for one in texts)


# ── when all stop ──


NODES = [idle.Node(1, None, 10, 60), idle.Node(3, "the GPU is 40 % in use", 170, 60), idle.Node(2, None, 10, 60)]


@pytest.mark.parametrize(
    ("tasks", "workers", "reason"),
    [
        (0, [], None),
        (1, [], "a task is computing on the cluster"),
        (7, NODES, "7 tasks are computing on the cluster"),
        (0, NODES, "node 3: the GPU is 40 % in use"),
        (0, [NODES[1]._replace(age_s=181)], None),
        (0, [NODES[0]], None),
    ],
)
def test_a_head_is_busy_with_its_cluster(tasks: int, workers: list[idle.Node], reason: str | None) -> None:
    """The engine's tasks, and any worker that has spoken within three ticks and is busy."""
    assert idle.others(tasks, workers) == reason


QUIET = idle.Sample(9000.0, [], 0, 0.02, "python3", 900, 400)
HOUR = idle.Limits(3600.0, 12 * 3600.0)


def test_a_head_whose_cluster_works_does_not_stop() -> None:
    """Its own idleness is not enough, and its own work is named first."""
    busy = QUIET._replace(others="node 3: files are moving (90 kB/s)")
    verdict = idle.judge(busy, idle.Memory(0.0, 0.0), HOUR, 9000, 0)
    assert (verdict.stop, verdict.busy_because) == (None, busy.others)
    assert idle.busy(busy._replace(kernels=["a"])) == "a kernel is executing"


@pytest.mark.parametrize(
    ("own", "word", "stop", "reason"),
    [
        ({}, idle.Word("node 3: x", None, False), None, "node 3: x"),
        ({}, idle.Word(None, 1200.0, False), None, None),
        ({}, idle.Word(None, 0.0, True), "idle", None),
        ({"kernels": ["a"]}, idle.Word(None, 60.0, False), None, "a kernel is executing"),
    ],
)
def test_a_worker_follows_its_head(own: dict, word: idle.Word, stop: str | None, reason: str | None) -> None:
    """Idle for hours itself, it stays while the cluster works, and stops when its head says so."""
    sample = QUIET._replace(**own)
    verdict = idle.follow(idle.judge(sample, idle.Memory(0.0, 0.0), HOUR, 9000, 0), word, sample.at, HOUR)
    assert (verdict.stop, verdict.busy_because, verdict.idle_stop_in_s) == (stop, reason, word.idle_stop_in_s)
    assert verdict.memory.idle_since == sample.at


def test_the_cap_stays_each_machines_own() -> None:
    """No head's word holds it off."""
    spent = idle.judge(QUIET, idle.Memory(9000.0, 0.0), HOUR, 12 * 3600, 0)
    assert idle.follow(spent, idle.Word("busy", None, False), 9000.0, HOUR).stop == "cap"


def test_a_worker_alone_falls_back_to_its_own_idle_time() -> None:
    """Counted from the last time that its head answered, not from when it last worked itself."""
    last = idle.follow(
        idle.judge(QUIET, idle.Memory(0.0, 0.0), HOUR, 9000, 0), idle.Word("x", None, False), QUIET.at, HOUR
    )
    alone = [idle.judge(QUIET._replace(at=QUIET.at + passed), last.memory, HOUR, 9000, 0) for passed in (3500, 3601)]
    assert [one.stop for one in alone] == [None, "idle"]


def test_a_hold_on_a_worker_holds_the_cluster() -> None:
    """Somebody who wants a node to stay wants its cluster to."""
    assert idle.said(QUIET, 0) is None
    assert idle.said(QUIET, 60) == "somebody keeps it running"
    assert idle.said(QUIET._replace(kernels=["a"]), 60) == "a kernel is executing"


def board(*, busy: bool = False, heard: bool = False, ago: float = 1, boot: str | None = None, **engine: float) -> None:
    """Write what the head's service would have noted of one worker, and of the engine."""
    now = time.monotonic()
    row = {"busy_because": "x" if busy else None, "every": 5, "at": now - ago, "heard": heard}
    said = {key: now - value if key.endswith("at") else value for key, value in engine.items()}
    paths.write_json(nodes.folder("board.json"), {"boot": boot or paths.boot_id(), "seen": {"1": row}, "engine": said})


@pytest.mark.parametrize(
    ("seen", "goes"),
    [({"heard": True}, True), ({"ago": 16}, True), ({"boot": "another"}, True), ({"busy": True}, False)],
)
def test_a_head_goes_when_all_that_still_speak_have_heard(seen: dict[str, Any], goes: bool) -> None:
    """Those that are silent are not waited for; one that is at work again keeps all."""
    board(**seen)
    assert nodes.dismiss(lambda: False) is goes


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize(("engine", "wanted"), [({"at": 1, "worked_at": 1, "worked_on": 2}, False), ({}, True)])
def test_a_head_stays_when_work_begins_while_it_says_goodbye(*, engine: dict, wanted: bool, heard: bool) -> None:
    """A task of the engine's, a hold, a kernel of its own: nothing is cut off, though a worker may have left."""
    board(heard=heard, **engine)
    assert nodes.dismiss(lambda: wanted) is False


def test_a_hold_or_a_kernel_that_begins_then_is_seen(nobodys_machine: Path) -> None:
    """What the watchdog asks while the workers hear it: `keep`, and whoever executes."""
    assert watch.wanted() is False
    now = time.monotonic()
    paths.write_json(paths.state("keep.json"), {"until": now + 60, "boot": paths.boot_id()})
    assert watch.wanted() is True
    paths.write_json(paths.state("keep.json"), {"until": now - 1, "boot": paths.boot_id()})
    busy = nobodys_machine / "run/awsgpu/kernels/busy"
    busy.mkdir(parents=True)
    (busy / f"{os.getpid()}.{processes.started(os.getpid())}").touch()
    assert watch.wanted() is True


def head_service(engine: dict) -> nodes._Board:
    """Return the head's service as it is once the watchdog has found everything idle, and the engine been asked."""
    Path(nodes.folder()).mkdir(parents=True)
    kept = nodes._Board(3)
    report = {
        "boot": paths.boot_id(),
        "at": time.monotonic(),
        "stop": "idle",
        "idle_stop_in_s": 0,
        "busy_because": None,
    }
    paths.write_json(paths.state("report.json"), report)
    kept.look(engine, 5.0)
    return kept


@pytest.mark.parametrize(("working", "stop"), [(0, "idle"), (3, None)])
def test_no_worker_leaves_while_the_engine_works(working: int, stop: str | None) -> None:
    """The watchdog's verdict is a tick old: what the scheduler said since then counts more."""
    kept = head_service({"joined": 2, "tasks": working, "working": working})
    word = kept.hear({"node": 1, "busy_because": None, "every": 60})
    assert word is not None
    assert word["stop"] == stop
    assert [one.heard for one in nodes.workers()] == [stop is not None]


# ── a scheduler that is too busy to answer ──


@pytest.mark.parametrize(("took", "rest"), [(0.01, 5.0), (0.5, 10.0), (20.0, 30.0)])
def test_a_slow_scheduler_is_asked_less_and_never_forgotten(took: float, rest: float) -> None:
    """A twentieth of its time, and twice a minute at least."""
    assert nodes.pause(took) == rest


def test_work_that_was_seen_counts_until_the_next_look() -> None:
    """While a slow scheduler is spared and asked again, what it said last holds."""
    board(at=20, worked_at=45, worked_on=7, next_in=50)
    assert nodes.tasks_since(0) == 7
    board(at=52, worked_at=52, worked_on=7, next_in=50)
    assert nodes.tasks_since(0) == 0


@pytest.fixture
def silent_scheduler() -> Iterator[Callable[[str], None]]:
    """Return what starts a scheduler's process with some code, beside a dashboard that takes calls and says nothing."""
    children: list[subprocess.Popen[bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as dashboard:

        def begin(code: str) -> None:
            line = ["-c", f"print(flush=True)\n{code}"]
            children.append(subprocess.Popen([sys.executable, *line], stdout=subprocess.PIPE))
            assert children[0].stdout is not None
            children[0].stdout.readline()
            mark = processes.mark(children[0].pid)
            paths.write_json(paths.run("services", "dask-scheduler.json"), mark)
            about = {"services": {"dashboard": dashboard.getsockname()[1]}}
            paths.write_json(paths.state("cluster", "scheduler.json"), about)

        yield begin
    for child in children:
        child.kill()
        child.communicate()


@pytest.mark.parametrize(("code", "said"), [("while True: pass", {"working": 1}), ("import time; time.sleep(600)", {})])
def test_a_scheduler_that_computes_and_does_not_answer_is_at_work(
    silent_scheduler: Callable[[str], None], code: str, said: dict[str, int]
) -> None:
    """It takes in a large graph, and is not idle; one that hangs does nothing, and keeps nobody."""
    silent_scheduler(code)
    assert engine_dask.look(0.3) == said


def test_no_scheduler_is_no_work() -> None:
    """Where nothing listens and nothing runs, nothing is said."""
    paths.write_json(paths.state("cluster", "scheduler.json"), {"services": {"dashboard": 9}})
    assert engine_dask.look(0.3) == {}


@pytest.mark.parametrize(
    ("engine", "tasks"),
    [
        ({"at": 1, "worked_at": 1, "worked_on": 7}, 7),
        ({"at": 1, "worked_at": 64, "worked_on": 7}, 7),
        ({"at": 1, "worked_at": 66, "worked_on": 7}, 0),
        ({"at": 130, "worked_at": 1, "worked_on": 7}, 0),
        ({"at": 1}, 0),
        ({}, 0),
    ],
)
def test_tasks_count_that_came_and_went_between_two_looks(engine: dict[str, float], tasks: int) -> None:
    """The service looks every few seconds; the watchdog asks for what there was since its own last look."""
    board(**engine)
    assert nodes.tasks_since(60) == tasks


@pytest.mark.parametrize("text", ["", "[]", '{"seen": 5, "engine": {}}', '{"seen": {"1": 5}, "engine": {}}', "{"])
def test_a_board_that_makes_no_sense_is_none(text: str) -> None:
    """The user's own processes may write there."""
    paths.write_text(nodes.folder("board.json"), text)
    assert (nodes.workers(), nodes.tasks_since(60)) == ([], 0)
