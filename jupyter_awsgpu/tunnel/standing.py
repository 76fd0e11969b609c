"""How the tunnel stands, told to its record and its log."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.tunnel import processes
from jupyter_awsgpu.tunnel.guard import VARIABLE
from jupyter_awsgpu.tunnel.record import now

if TYPE_CHECKING:
    import logging

    from jupyter_awsgpu.model import TunnelPhase
    from jupyter_awsgpu.tunnel.record import RecordFile


class Standing:
    """The record as this process keeps it. `document` is what was last written, or is to be as soon as it can."""

    def __init__(self, file: RecordFile, document: dict[str, Any], logger: logging.Logger) -> None:
        self.file = file
        self.document = document
        self.logger = logger
        self._behind = False
        guard = int(os.environ.get(VARIABLE, "0"))
        mine = {"pid": os.getpid(), "pid_started": processes.started(os.getpid())}
        self.document |= mine | {"guard": guard, "guard_started": processes.started(guard) if guard else 0.0}

    def enter(self, phase: TunnelPhase, reason: str | None = None, **more: object) -> None:
        """Enter a phase; write it down and say why."""
        if phase != self.document["phase"]:
            self.document["since"] = now()
        self.document |= {"phase": phase, "reason": reason, **more}
        self.logger.info("%s%s", phase, f": {reason}" if reason else "")
        self.save()

    def because(self, reason: str) -> None:
        """Stay in the phase for another reason than before."""
        if self.document["reason"] != reason:
            self.enter(self.document["phase"], reason)

    def seen(self) -> None:
        """Note that the peer answers."""
        self.document["last_seen"] = now()
        self.save()

    def save(self) -> None:
        """Write the record; a full disk does not stop a tunnel, and `catch_up` tries again."""
        self._behind = True
        with suppress(OSError):
            self.file.write(self.document)
            self._behind = False

    def catch_up(self) -> None:
        """Write the record if it could not be written when it changed."""
        if self._behind:
            self.save()
