"""The present connection to the instance, for which local connections wait while there is none."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.tunnel.relay import Relay


class Link:
    """Holds the connection that stands, if any, and the relays that run over it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._host: Host | None = None
        self._relays: set[Relay] = set()

    @property
    def host(self) -> Host | None:
        """The connection that stands."""
        return self._host

    def up(self, host: Host) -> None:
        """Let the waiting connections go on, over `host`."""
        with self._changed:
            self._host = host
            self._changed.notify_all()

    def down(self) -> None:
        """Make new connections wait, and cut those that ran over the lost connection."""
        with self._changed:
            self._host = None
            relays, self._relays = self._relays, set()
        for relay in relays:
            relay.abort()

    def wait(self, deadline: float) -> Host | None:
        """Return the standing connection, waiting for one until `deadline` (monotonic seconds)."""
        with self._changed:
            while self._host is None or not self._host.active:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, 0.1) if self._host is not None else left)
            return self._host

    def add(self, relay: Relay, host: Host) -> bool:
        """Keep a relay's handle while it runs; False if its connection has gone meanwhile."""
        with self._changed:
            if self._host is not host:
                return False
            self._relays.add(relay)
            return True

    def discard(self, relay: Relay) -> None:
        """Forget a relay that has ended."""
        with self._changed:
            self._relays.discard(relay)
