"""Scripts and notebooks that run on the instance by themselves: started, watched, cancelled, their logs kept.

This text is sent over SSH and run by any Python from 3.8 on, so it imports nothing of ours. Each run has a
folder below ~/.awsgpu/runs; the process that minds it has a session of its own, so it needs no connection.
`scripts.py ACT` takes a JSON line on stdin (and for `start` the file's bytes) and answers with JSON lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

CHUNK = 1 << 16
POLL_S = 0.2
GRACE_S = 10.0
KEPT = 50
NOTEBOOK = '''"""Execute a notebook as its own kernel would, keeping what is done after each cell."""
import sys
import nbclient, nbformat

source, target = sys.argv[1:3]
notebook = nbformat.read(source, as_version=4)


def keep(**_):
    nbformat.write(notebook, target)


def begin(cell=None, cell_index=0, **_):
    if cell.cell_type == "code":
        print("[%d/%d] %s" % (cell_index + 1, len(notebook.cells), (cell.source.splitlines() or [""])[0]), flush=True)


def tell(cell=None, **_):
    for output in cell.get("outputs", ()):
        text = output.get("text") or output.get("data", {}).get("text/plain") or ""
        if text:
            print(text.rstrip(), flush=True)
    keep()


keep()
hooks = {"on_cell_start": begin, "on_cell_executed": tell}
client = nbclient.NotebookClient(notebook, timeout=None, kernel_name="python3", **hooks)
try:
    client.execute()
except nbclient.exceptions.CellExecutionError as exc:
    print(exc, flush=True)
    sys.exit(1)
finally:
    keep()
'''


class Refused(Exception):
    """What was asked cannot be done; the text says why."""


def root(path: str) -> str:
    """Return a path of this system, or of the simulated one."""
    return os.path.join(os.environ.get("AWSGPU_ROOT") or "/", path.lstrip("/"))


def read_json(path: str) -> dict:
    """Return the document in a file, or nothing."""
    try:
        with open(path) as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: str, document: dict) -> None:
    """Write a document whole or not at all."""
    with open(path + ".new", "w") as stream:
        json.dump(document, stream)
    os.replace(path + ".new", path)


def runs() -> str:
    """Return the folder of all runs."""
    return os.path.join(os.path.expanduser("~"), ".awsgpu", "runs")


def folder_of(name: str) -> str:
    """Return the folder of a run. Raises `Refused`."""
    folder = os.path.join(runs(), os.path.basename(name))
    if not os.path.isfile(os.path.join(folder, "run.json")):
        raise Refused("there is no run %s" % name)
    return folder


def workplace() -> str:
    """Return the folder where the instance's Jupyter begins, or the home where there is none."""
    home = os.path.expanduser("~")
    place = os.path.join(home, "work")
    return place if os.path.isdir(place) else home


def started(pid: int) -> int:
    """Return when a process began, in the kernel's ticks; 0 where there is none (a number may be used again)."""
    try:
        with open("/proc/%d/stat" % pid) as stream:
            fields = stream.read().rpartition(")")[2].split()
    except (OSError, ValueError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def lives(run: dict) -> bool:
    """Whether the process that minds a run is there."""
    return bool(run.get("pid")) and started(run["pid"]) == run.get("born")


# ── one run ──────────────────────────────────────────────────────────────────


def start(request: dict) -> dict:
    """Keep the file, start the process that minds the run, and answer with it."""
    folder = os.path.join(runs(), os.path.basename(request["id"]))
    os.makedirs(folder, mode=0o700)
    forget_oldest()
    script = os.path.join(folder, os.path.basename(request["script"]))
    with open(script, "wb") as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
    program = os.path.join(folder, ".mind.py")
    with open(program, "w") as kept:
        kept.write(request["program"])
    write_json(os.path.join(folder, "run.json"), {**request, "program": "", "at": time.time(), "file": script})
    with open(os.path.join(folder, "log"), "ab") as log:
        process = subprocess.Popen(
            [sys.executable, program, "mind", folder],
            cwd=workplace(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + GRACE_S
    while not state_of(folder)["pid"] and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return state_of(folder)


def command(run: dict, folder: str) -> list:
    """Return what runs a script or a notebook."""
    python = read_json(root("/var/lib/awsgpu/python.json")).get("path") or sys.executable
    if run["script"].endswith(".ipynb"):
        return [python, "-c", NOTEBOOK, run["file"], os.path.join(folder, "executed.ipynb")]
    return [python, "-u", run["file"], *run["args"]]


def variables(python: str) -> dict:
    """Return what a run finds: this login's variables, the interpreter and CUDA first, modules beside it."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("JPY_", "SSH_"))}
    cuda = root("/usr/local/cuda")
    folders = [os.path.dirname(python), *([cuda + "/bin"] if os.path.isdir(cuda + "/bin") else [])]
    found["PATH"] = os.pathsep.join([*folders, found.get("PATH") or os.defpath])
    found["PYTHONPATH"] = os.pathsep.join([workplace(), *filter(None, [found.get("PYTHONPATH")])])
    if os.path.isdir(cuda + "/lib64"):
        found["LD_LIBRARY_PATH"] = cuda + "/lib64"
    return found


def mind(folder: str) -> int:
    """Run it, and keep how it ended (the process of its own)."""
    run = read_json(os.path.join(folder, "run.json"))
    argv = command(run, folder)
    try:
        child = subprocess.Popen(
            argv, cwd=workplace(), env=variables(argv[0]), stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as exc:
        print(exc, flush=True)  # noqa: T201 - into the log
        write_json(os.path.join(folder, "end.json"), {"status": 127, "at": time.time()})
        return 1
    own = {"pid": os.getpid(), "born": started(os.getpid()), "child": child.pid}
    mark = os.path.join(root("/run/awsgpu/kernels/busy"), "%d.%d" % (child.pid, started(child.pid)))
    with contextlib.suppress(OSError), open(mark, "w"):  # the idle stop sees that there is work
        pass
    write_json(os.path.join(folder, "mind.json"), own)
    status = child.wait()
    with contextlib.suppress(OSError):
        os.unlink(mark)
    cancelled = os.path.exists(os.path.join(folder, "cancelled"))
    write_json(os.path.join(folder, "end.json"), {"status": status, "at": time.time(), "cancelled": cancelled})
    return 0


def state_of(folder: str) -> dict:
    """Return how a run stands: running, done, failed, cancelled, or lost with the machine it ran on."""
    run, minder = read_json(os.path.join(folder, "run.json")), read_json(os.path.join(folder, "mind.json"))
    alive = lives(minder)
    end = read_json(os.path.join(folder, "end.json"))
    if end:
        state = "cancelled" if end.get("cancelled") else "failed" if end["status"] else "done"
    else:
        state = "running" if alive or time.time() - run.get("at", 0) < 1 else "lost"
    return {
        "id": run.get("id"),
        "script": run.get("script"),
        "args": run.get("args"),
        "state": state,
        "status": end.get("status"),
        "at": run.get("at"),
        "seconds": (end.get("at") or time.time()) - run.get("at", 0),
        "pid": minder.get("pid"),
        "executed": os.path.exists(os.path.join(folder, "executed.ipynb")),
    }


def cancel(request: dict) -> dict:
    """End a run, kindly at first."""
    folder = folder_of(request["id"])
    minder = read_json(os.path.join(folder, "mind.json"))
    if not read_json(os.path.join(folder, "end.json")) and lives(minder):
        with open(os.path.join(folder, "cancelled"), "w"):
            pass
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(OSError):
                os.killpg(minder["child"], number)
            deadline = time.monotonic() + GRACE_S / 2
            while lives(minder) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not lives(minder):
                break
    return state_of(folder)


def all_runs() -> list:
    """Return every run that is kept, the latest first."""
    names = os.listdir(runs()) if os.path.isdir(runs()) else []
    found = [
        state_of(os.path.join(runs(), name)) for name in names if os.path.isfile(os.path.join(runs(), name, "run.json"))
    ]
    return sorted(found, key=lambda run: -(run["at"] or 0))


def forget_oldest() -> None:
    """Keep the last runs that have ended."""
    for run in all_runs()[KEPT:]:
        if run["state"] != "running":
            shutil.rmtree(os.path.join(runs(), run["id"]), ignore_errors=True)


def follow(request: dict) -> None:
    """Say the log from a byte on, as it grows, and at last how the run ended."""
    folder = folder_of(request["id"])
    at = int(request.get("at", 0))
    with open(os.path.join(folder, "log"), "rb") as log:
        log.seek(at)
        while True:
            state = state_of(folder)  # first, so that nothing is written between the last look and it
            while True:
                piece = log.read(CHUNK)
                if not piece:
                    break
                at += len(piece)
                say({"log": piece.decode("utf-8", "surrogateescape"), "at": at})
            if state["state"] != "running" or not request.get("on"):
                say({"run": state})
                return
            time.sleep(POLL_S)


def say(document: dict) -> None:
    """Write a JSON line; leave when nobody listens."""
    try:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
    except OSError:
        os._exit(0)


def main() -> int:
    """Do what the first word says."""
    act = sys.argv[1]
    if act == "mind":
        return mind(sys.argv[2])
    request = json.loads(sys.stdin.buffer.readline())
    try:
        if act == "start":
            say({"run": start(request)})
        elif act == "list":
            say({"runs": all_runs()})
        elif act == "cancel":
            say({"run": cancel(request)})
        elif act == "follow":
            follow(request)
    except (Refused, OSError) as exc:
        say({"refused": str(exc)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
