"""What the supervisor does not wait for: dialling, asking AWS, noticing that a connection ended."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, Bug

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Endpoint


@dataclass(frozen=True)
class Connected:
    """A connection stands."""

    host: Host


@dataclass(frozen=True)
class DialFailed:
    """No connection was had at `endpoint`."""

    endpoint: Endpoint
    error: AwsGpuError


@dataclass(frozen=True)
class Located:
    """AWS says where the instance answers."""

    endpoint: Endpoint


@dataclass(frozen=True)
class LocateFailed:
    """AWS could not be asked, or the instance has ended."""

    error: AwsGpuError


@dataclass(frozen=True)
class Ended:
    """A connection ended."""

    host: Host


Message = Connected | DialFailed | Located | LocateFailed | Ended


class Workers:
    """Starts a thread for each of these; what comes of it is put on `inbox`."""

    def __init__(
        self,
        inbox: SimpleQueue[Message],
        connect: Callable[[Endpoint], Host],
        locate: Callable[[], Endpoint],
        observe: Callable[[Host], None] | None,
    ) -> None:
        self._inbox = inbox
        self._connect = connect
        self._locate = locate
        self._observe = observe
        self.dialling = 0
        self.locating = False

    def dial(self, endpoint: Endpoint) -> None:
        """Open a connection to `endpoint`."""
        self.dialling += 1
        _start("dial", self._dial, endpoint)

    def locate(self) -> None:
        """Ask AWS, unless that is under way."""
        if not self.locating:
            self.locating = True
            _start("locate", self._ask)

    def attend(self, host: Host) -> None:
        """Watch a connection until it ends, and let the observer follow what it likes."""
        host.watch()
        _start("attend", self._await_end, host)
        if self._observe is not None:
            _start("observe", self._follow, host)

    def heard(self, message: Message) -> None:
        """Note that a worker's message arrived."""
        if isinstance(message, (Connected, DialFailed)):
            self.dialling -= 1
        if isinstance(message, (Located, LocateFailed)):
            self.locating = False

    def _dial(self, endpoint: Endpoint) -> None:
        try:
            self._inbox.put(Connected(self._connect(endpoint)))
        except Exception as exc:  # a thread must report instead of die
            self._inbox.put(DialFailed(endpoint, _known(exc)))

    def _ask(self) -> None:
        try:
            self._inbox.put(Located(self._locate()))
        except Exception as exc:  # a thread must report instead of die
            self._inbox.put(LocateFailed(_known(exc)))

    def _await_end(self, host: Host) -> None:
        host.transport.join()
        self._inbox.put(Ended(host))

    def _follow(self, host: Host) -> None:
        if self._observe is None:
            return
        with suppress(Exception):  # the observer's own trouble: the tunnel does not depend on it
            self._observe(host)


def _known(exc: Exception) -> AwsGpuError:
    return (
        exc if isinstance(exc, AwsGpuError) else Bug(what=f"{type(exc).__name__}: {exc}", log_file="the tunnel's log")
    )


def _start(name: str, work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, name=name, daemon=True).start()
