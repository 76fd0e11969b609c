"""Run `awsgpu` and die at a boundary: before or after an AWS call, an SSH command, a process begun, a file changed.

    python -m tests.matrix.boundary LOG DATA_FOLDER KEY HOW -- ARGUMENTS OF awsgpu

Each boundary passed is a line of LOG; the one named KEY ("-": none) ends the process, by SIGKILL (`kill`) or as
Ctrl-C would (`interrupt`). Nothing of ours is replaced: files are seen by Python's audit events, AWS calls and
SSH commands at the one function of botocore and paramiko that sends them.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FILE_EVENTS = {"os.rename": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2}
"""Audit events that change files, with how many of their arguments are paths."""

REST_VERBS = {"GET": "Get", "POST": "Create", "PUT": "Update", "DELETE": "Delete"}

NAMES = re.compile(r"AKIA[A-Z0-9]+|(?<=\.)[a-z0-9_]{8}(?=\.part)|[0-9a-f]{6,}|\d{3,}")
"""What differs from run to run in a path or a command: ids, times, names of temporary files."""


class Boundaries:
    """The boundaries of this process, in the order they are passed."""

    def __init__(self, log: Path, folder: Path, fatal: str, how: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._folder = str(folder) + os.sep
        self._fatal = fatal
        self._how = how
        self._seen: Counter[str] = Counter()
        self._lock = threading.RLock()

    def passed(self, label: str) -> None:
        """Note one; die here if it is the one."""
        label = NAMES.sub("*", label)
        with self._lock:
            self._seen[label] += 1
            key = f"{label} #{self._seen[label]}"
            os.write(self._log, (key + "\n").encode())
        if key == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL if self._how == "kill" else signal.SIGINT)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See a change of a file below the data folder, or a process begun."""
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
            self._file("write", arguments[:1])
        elif event in FILE_EVENTS:
            self._file(event.removeprefix("os."), arguments[: FILE_EVENTS[event]])
        elif event == "subprocess.Popen":
            words = [Path(os.fsdecode(word)).name for word in arguments[1]][1:6]  # wherever the code lies
            self.passed("begin " + " ".join(words))

    def _file(self, verb: str, paths: tuple[Any, ...]) -> None:
        names = [os.fsdecode(path) for path in paths if isinstance(path, (str, bytes, os.PathLike))]
        if names and names[0].startswith(self._folder):
            self.passed(f"{verb} " + " ".join(name.removeprefix(self._folder) for name in names))


def watch_aws(boundaries: Boundaries) -> None:
    """See each AWS call go, and its answer come."""
    from botocore.httpsession import URLLib3Session

    send = URLLib3Session.send

    def watched(session: Any, request: Any) -> Any:
        name = _operation(request)
        boundaries.passed(f"before {name}")
        answer = send(session, request)
        boundaries.passed(f"after {name}")
        return answer

    URLLib3Session.send = watched


def watch_ssh(boundaries: Boundaries) -> None:
    """See each SSH command go, and its channel close."""
    from paramiko.channel import Channel

    execute, close = Channel.exec_command, Channel.close

    def watched(channel: Any, command: str | bytes) -> None:
        text = command.decode() if isinstance(command, bytes) else command
        channel.what_runs = text.split("\n")[0][:60]
        boundaries.passed(f"before ssh {channel.what_runs}")
        execute(channel, command)

    def closed(channel: Any) -> None:
        close(channel)
        if what_ran := channel.__dict__.pop("what_runs", ""):
            boundaries.passed(f"after ssh {what_ran}")

    Channel.exec_command, Channel.close = watched, closed


def _operation(request: Any) -> str:
    target = request.headers.get("X-Amz-Target")
    if target:
        return (target.decode() if isinstance(target, bytes) else str(target)).rpartition(".")[2]
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
    fields = parse_qs(body)
    if "Action" not in fields:
        return _rest_operation(request.method, urlsplit(request.url).path)
    return fields["Action"][0] + (" (dry run)" if fields.get("DryRun") == ["true"] else "")


def _rest_operation(method: str, path: str) -> str:
    """Return what EventBridge Scheduler, which speaks REST, calls a request."""
    things, _, one = path.strip("/").partition("/")
    name = things.title().replace("-", "")
    return f"List{name}" if method == "GET" and not one else REST_VERBS[method] + name.removesuffix("s")


def main() -> None:
    """Watch, then be `awsgpu`."""
    log, folder, fatal, how, dashes, *arguments = sys.argv[1:]
    assert dashes == "--"
    boundaries = Boundaries(Path(log), Path(folder), fatal, how)
    watch_aws(boundaries)
    watch_ssh(boundaries)
    sys.addaudithook(boundaries.audit)
    sys.argv = ["awsgpu", *arguments]
    from jupyter_awsgpu.__main__ import main as awsgpu

    awsgpu()


if __name__ == "__main__":
    main()
