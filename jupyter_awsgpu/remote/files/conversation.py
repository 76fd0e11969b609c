"""A conversation with `guest/files.py` on an instance, over whichever verified connection is at hand.

OpenSSH's own client where this machine has one (it is two to four times as fast), ours otherwise; the
key, the pinned host keys and the program at the other end are the same.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from importlib.resources import files
from typing import IO, TYPE_CHECKING, Any

from jupyter_awsgpu.guest.files import heard, line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from jupyter_awsgpu.host import Host

OPTIONS = (
    "-o",
    "BatchMode=yes",
    "-o",
    "Ciphers=^aes128-gcm@openssh.com",
    "-o",
    "Compression=no",
    "-o",
    "LogLevel=ERROR",
)
BUFFER = 1 << 20
ANSWER_MOST = 1 << 28
"""Bytes of an answer: the list of two million files."""
NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What reading raises where the other end does not keep to the conversation: anybody may be there."""
PYTHON = ("python3", "-E", "-s", "-S")
"""The instance's Python with its standard library alone: it starts twice as fast."""


class Broken(Exception):
    """The connection ended in the middle; what arrived is kept."""


class Refusal(Exception):
    """The other end refuses; the text says why."""


def program() -> str:
    """Return the text that the instance's Python runs."""
    return files("jupyter_awsgpu.guest").joinpath("files.py").read_text(encoding="utf-8")


class Conversation:
    """Questions and answers, and files in between. Close it, or use it as a context manager."""

    def __init__(
        self, to: IO[bytes], back: IO[bytes], process: subprocess.Popen[bytes] | None, host: Host | None
    ) -> None:
        self.to = to
        self.back = back
        self._process = process
        self._host = host
        try:
            self.hello = self.answer()
        except BaseException:
            self.close()
            raise

    @classmethod
    def by_openssh(cls, command: Sequence[str]) -> Self:
        """Talk through `ssh …`. Raises `Broken` where it does not get there, `OSError` where there is none."""
        argv = [command[0], *OPTIONS, *command[1:], _command_line()]
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=BUFFER,
            pipesize=BUFFER,
        )
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        return cls(process.stdin, process.stdout, process, None)

    @classmethod
    def by_host(cls, host: Host) -> Self:
        """Talk through a connection of ours, which is closed with the conversation."""
        channel = host.open_command([*PYTHON, "-c", program()])
        to: Any = channel.makefile_stdin("wb", BUFFER)
        back: Any = channel.makefile("rb", BUFFER)
        return cls(to, back, None, host)

    def ask(self, what: str, root: str, **more: Any) -> None:
        """Send a question."""
        with _breaks():
            line(self.to, {"do": what, "root": root, **more})  # type: ignore[arg-type]
            self.to.flush()

    def answer(self) -> dict[str, Any]:
        """Return the next answer. Raises `Broken` and `Refusal`."""
        with _breaks():
            found = heard(self.back, ANSWER_MOST)  # type: ignore[arg-type]
        if not found:
            raise Broken("the connection ended")
        if "refused" in found:
            raise Refusal(str(found["refused"]))
        return found

    def hang_up(self) -> None:
        """Say no more, so that the other end says its last and leaves."""
        with suppress(OSError, ValueError, EOFError):
            self.to.close()

    def close(self) -> None:
        """Leave."""
        self.hang_up()
        with suppress(OSError, ValueError, EOFError):
            self.back.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process.kill()
            self._process.wait()
        if self._host is not None:
            self._host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _command_line() -> str:
    import shlex

    return shlex.join([*PYTHON, "-c", program()])


class _breaks:  # noqa: N801 - reads as a clause
    """Tells a connection that broke, and an answer that is none of our program's, by one name."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        if isinstance(exc, OSError | EOFError):
            raise Broken(str(exc) or "the connection ended") from exc
        if isinstance(exc, NOT_OURS):
            raise Broken("what answers is not our program") from exc


breaks = _breaks
