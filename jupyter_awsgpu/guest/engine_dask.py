"""Dask, as `engines` describes a recipe: packages, settings and services, and what the scheduler says of itself.

A scheduler on the head, and on every node one worker a GPU, or one for all cores where there is none. All of them are
the image's user's, in ~/work, and speak TLS with the cluster's own certificates; the dashboard is on the head's
loopback, behind Jupyter and the tunnel.
"""

from __future__ import annotations

import glob
import ipaddress
import json
import os
import time
import urllib.request

from . import accounts, environment, idle, jupyter, kernels, paths
from .services import Service, seam

TITLE = "Dask"
SCHEDULER = "dask-scheduler"
SCHEDULER_PORT = 8786
DASHBOARD_PORT = 8787
PORTS = {"scheduler_port": SCHEDULER_PORT, "dashboard_port": DASHBOARD_PORT}
WORKER_PORTS = "9000:9099"
NANNY_PORTS = "9100:9199"
ANSWER_WITHIN_S = 10.0
LOOK_FOR_S = 1.0

EVERYWHERE = ("dask>=2024.8", "distributed>=2024.8", "numpy", "pandas", "pyarrow")
"""2024.8 is the newest that Python 3.9 has."""

DASHBOARD = "bokeh>=3.1"
LAB = ("jupyter-server-proxy>=4.1.1", "dask-labextension>=7")
"""The way to the dashboard through Jupyter (4.1.1 closed CVE-2024-28179), and its panels in JupyterLab 4."""

WHOLE = "dask[array,dataframe,distributed]"
AGREE = ("dask", "distributed", "cloudpickle", "msgpack", "toolz", "tornado", "lz4", "numpy", "pandas", "pyarrow")
"""What travels between nodes and clients, or reads what travels: of one version everywhere."""


def requirements(part: dict) -> tuple:
    """Return (words for pip, what must be there): a range, on a worker the head's own versions."""
    pins = part.get("versions") or {}
    wanted = ["%s==%s" % (name, pins[name]) for name in AGREE if name in pins] or list(EVERYWHERE)
    words = [one.replace("dask", WHOLE, 1) if one.startswith(("dask=", "dask>")) else one for one in wanted]
    more = [DASHBOARD] if part.get("node") == 0 else []
    return words + more, wanted + more


def lab(part: dict) -> list:
    """Return what the head's Jupyter loads."""
    return list(LAB) if part.get("node") == 0 else []


def files(part: dict) -> dict:
    """Return the settings, in the user's home, for any Python of the user's: `Client()` simply works."""
    home = accounts.home(accounts.name())
    pair = {"cert": _pem("cert"), "key": _pem("key")}
    tls = {"ca-file": _pem("ca"), "scheduler": pair, "worker": pair, "client": pair}
    distributed: dict = {"comm": {"require-encryption": True, "tls": tls}}
    found = {}
    if part["node"] == 0:
        distributed["dashboard"] = {"link": "/proxy/{port}/status"}
        panels = {"dask-labextension:plugin": {"defaultURL": "proxy/%d" % DASHBOARD_PORT}}
        where = ".jupyter/labconfig/default_setting_overrides.d/awsgpu-dask.json"
        found[os.path.join(home, where)] = _text(panels)
    settings = {
        "scheduler-address": scheduler(part),
        "temporary-directory": _scratch(),
        "distributed": distributed,
    }
    found[os.path.join(home, ".config/dask/awsgpu.yaml")] = _text(settings)  # JSON is YAML
    return found


def _text(value: dict) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def places(part: dict) -> list:
    """Return where workers put what does not fit into memory: on the disk, which /tmp need not be."""
    del part
    return [_scratch()]


def _scratch() -> str:
    return paths.at("/var/tmp/awsgpu-dask")  # noqa: S108 # nosec B108 - a folder of the user's own on the disk


def _pem(which: str) -> str:
    return paths.state("cluster", which + ".pem")


def scheduler(part: dict) -> str:
    """Return the scheduler's address."""
    return "tls://%s:%d" % (part["head"], SCHEDULER_PORT)


def services(part: dict, gpus: int) -> list:
    """Return the services of a node with so many GPUs."""
    workers = [_worker(part, gpu, gpus) for gpu in range(gpus)] or [_worker(part, None, 0)]
    return [_scheduler(part), *workers] if part["node"] == 0 else workers


def _scheduler(part: dict) -> Service:
    local = "127.0.0.1:%d" % DASHBOARD_PORT
    # By every address: the machines come by the private one, a client through the tunnel by 127.0.0.1. Whoever comes
    # needs the cluster's certificate, and the security group lets in nobody but the machines. Simulated machines
    # that share one loopback have an address of it each, and nothing more.
    alone = ipaddress.ip_address(part["address"]).is_loopback
    host = part["address"] if alone else "0.0.0.0"  # noqa: S104 # nosec B104
    words = ["--protocol", "tls", "--host", host, "--port", str(SCHEDULER_PORT)]
    words += ["--dashboard-address", local, "--scheduler-file", _scheduler_file()]
    words += ["--preload", paths.program("guest/dask_preload.py")]
    return _service(SCHEDULER, ["scheduler", *words])


def _worker(part: dict, gpu: "int | None", gpus: int) -> Service:
    """Return a worker: with a GPU it computes one thing at a time, and has its share of the memory."""
    name = str(part["node"]) if gpu is None else "%d-%d" % (part["node"], gpu)
    words = ["--host", part["address"], "--worker-port", WORKER_PORTS, "--nanny-port", NANNY_PORTS]
    words += ["--no-dashboard", "--name", name]
    if gpu is None:
        return _service("dask-worker", ["worker", scheduler(part), *words])
    words += ["--nthreads", "1", "--memory-limit", "%.3f" % (1.0 / gpus), "--resources", "GPU=1"]
    own = {"CUDA_VISIBLE_DEVICES": str(gpu)}
    return _service("dask-worker-%d" % gpu, ["worker", scheduler(part), *words], own)


def _service(name: str, words: list, more: "dict | None" = None) -> Service:
    user, python = accounts.name(), environment.code_python(paths.config())
    where = {"HOME": accounts.home(user), "PATH": kernels.search_path(python), **kernels.libraries()}
    argv = [python, "-m", "dask", *words]
    return Service(name, argv, user, jupyter.workplace(user), {**where, **(more or {})})


def versions(about: dict) -> dict:
    """Return what must agree, from what an interpreter says of itself (`interpreter.probe`)."""
    have = about.get("packages", {})
    found = {name: have[name] for name in AGREE if name in have}
    return {**found, "python": about["version"]} if "version" in about else found


# ── the scheduler ──


def _scheduler_file() -> str:
    return paths.state("cluster", "scheduler.json")


def look(answer_within: float = ANSWER_WITHIN_S) -> dict:
    """Return what the scheduler says now, or nothing where none answers.

    `tasks` are all that are to be done; `working` those that a worker has: what no worker can do is no work. Of a
    scheduler that is too busy to answer, `working` alone is known.
    """
    about = paths.read_json(_scheduler_file(), {})
    port = (about.get("services") or {}).get("dashboard") or DASHBOARD_PORT
    counts = _ask(port, "json/counts.json", answer_within)
    workers = _ask(port, "awsgpu/workers.json", answer_within).get("names") if counts else None
    if workers is None:
        working = counts.get("processing") or int(_at_work())
        return {"working": working} if working else {}
    nodes = {one.partition("-")[0] for one in workers}
    return {
        "joined": len(workers),
        "tasks": counts.get("processing", 0) + counts.get("waiting", 0),
        "working": counts.get("processing", 0),
        "present": sorted(int(one) for one in nodes if one.isdigit()),
        "dashboard_port": port,
    }


def _at_work() -> bool:
    """Whether the scheduler's process computes, or would if the processor were free: one that hangs does neither."""
    pid = seam().pid(SCHEDULER)
    before = _wanted_s(pid)
    time.sleep(LOOK_FOR_S)
    return _wanted_s(pid) - before >= idle.CPU_CORES * LOOK_FOR_S


def _wanted_s(pid: int) -> float:
    """Return the seconds that a process has had of processors, and has waited for one; 0 where it does not run."""
    texts = [paths.read_text(path) for path in glob.glob("/proc/%d/task/*/schedstat" % pid)] if pid else []
    return sum(int(part) for text in texts for part in text.split()[:2]) / 1e9


def _ask(port: int, page: str, answer_within: float) -> dict:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open("http://127.0.0.1:%d/%s" % (port, page), timeout=answer_within) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
