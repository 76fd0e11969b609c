"""What kernels, services and login shells share: PATH, LD_LIBRARY_PATH, and word of a kernel that waits."""

from __future__ import annotations

import os

from . import paths

STARTUP = '''"""Say, in a file, while this kernel waits for its user: waiting is not working."""


def _awsgpu_tell_when_waiting():
    import os

    folder = %r
    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not os.path.isdir(folder):
        return
    mark = os.path.join(folder, str(os.getpid()))

    def telling(ask):
        def wrapped(*words, **named):
            try:
                with open(mark, "w"):
                    pass
            except OSError:
                pass
            try:
                return ask(*words, **named)
            finally:
                try:
                    os.unlink(mark)
                except OSError:
                    pass

        return wrapped

    kernel._input_request = telling(kernel._input_request)


try:
    _awsgpu_tell_when_waiting()
finally:
    del _awsgpu_tell_when_waiting
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


def waiting_folder() -> str:
    """Return where kernels leave a file named by their pid while they wait for input."""
    return paths.run("waiting")


def tell_when_waiting() -> None:
    """Let IPython kernels say when they wait in `input()` or a debugger (a startup file of the system's)."""
    os.makedirs(waiting_folder(), exist_ok=True)
    os.chmod(waiting_folder(), 0o1777)  # noqa: S103 - like /tmp: every user's kernels write there
    paths.write_text(paths.at("/etc/ipython/startup/50-awsgpu.py"), STARTUP % waiting_folder())
