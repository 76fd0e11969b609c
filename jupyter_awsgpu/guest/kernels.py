"""What kernels, services and login shells share: PATH, LD_LIBRARY_PATH, and word of a kernel that works or waits."""

from __future__ import annotations

import os

from . import paths

STARTUP = '''"""Say, in files, when this kernel executes and when it waits; show its user the machine's notices."""


def _awsgpu_tell():
    import os
    import sys
    import threading
    import time

    folder = %r
    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not os.path.isdir(folder):
        return
    with open("/proc/self/stat") as stream:
        born = stream.read().rpartition(")")[2].split()[19]

    def mark(state, on):
        path = os.path.join(folder, state, "%%d.%%s" %% (os.getpid(), born))
        try:
            if on:
                open(path, "w").close()
            else:
                os.unlink(path)
        except OSError:
            pass

    def asking(ask):
        def wrapped(*words, **named):
            mark("waiting", True)
            try:
                return ask(*words, **named)
            finally:
                mark("waiting", False)

        return wrapped

    def watching(tell):
        def wrapped(event, *words, **named):
            if event.get("event") in ("stopped", "continued", "terminated"):
                mark("waiting", event["event"] == "stopped")
            return tell(event, *words, **named)

        return wrapped

    def hear():
        last = None
        while True:
            time.sleep(2)
            try:
                with open(os.path.join(folder, "notice")) as stream:
                    text = stream.read()
            except OSError:
                text = None
            if text and text != last:
                print(text, file=sys.stderr, flush=True)
            last = text

    shell.events.register("pre_execute", lambda: mark("busy", True))
    shell.events.register("post_execute", lambda: mark("busy", False))
    kernel._input_request = asking(kernel._input_request)
    debugger = getattr(kernel, "debugger", None)
    if getattr(debugger, "event_callback", None):
        debugger.event_callback = watching(debugger.event_callback)
    threading.Thread(target=hear, daemon=True).start()


try:
    _awsgpu_tell()
except (AttributeError, OSError, IndexError):
    pass
finally:
    del _awsgpu_tell
'''


def search_path(python: str) -> str:
    """Return PATH with the interpreter and the CUDA toolkit first."""
    parts = [os.path.dirname(python), paths.at("/usr/local/cuda/bin")]
    parts += (os.environ.get("PATH") or "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(":")
    seen: dict = {}
    for part in parts:
        if part in seen or (part == parts[1] and not os.path.isdir(part)):
            continue
        seen[part] = True
    return ":".join(seen)


def libraries() -> dict:
    """Return LD_LIBRARY_PATH for the toolkit, where there is one (pip and conda wheels carry their own)."""
    folder = paths.at("/usr/local/cuda/lib64")
    return {"LD_LIBRARY_PATH": folder} if os.path.isdir(folder) else {}


def marks() -> str:
    """Return where kernels say how they are: `busy/PID.START` and `waiting/PID.START`; and hear a `notice`."""
    return paths.run("kernels")


def tell_when_waiting() -> None:
    """Let IPython kernels say when they execute, or wait in `input()` or a debugger: a startup file of the system."""
    for state in ("busy", "waiting"):
        os.makedirs(os.path.join(marks(), state), exist_ok=True)
        os.chmod(os.path.join(marks(), state), 0o1777)  # noqa: S103 # nosec B103 - like /tmp: all users write
    paths.write_text(paths.at("/etc/ipython/startup/50-awsgpu.py"), STARTUP % marks())
    paths.write_json(
        os.path.join(marks(), "lease.json"), {"idle_stop_minutes": paths.config().get("idle_stop_minutes")}
    )
