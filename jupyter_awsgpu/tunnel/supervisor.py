"""The tunnel's process: keeps the link up, says how it stands, and gives up only where nothing can be mended.

One thread decides; what takes time (dialling, asking AWS) happens in `workers` and arrives as messages.
"""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import (
    AwsGpuError,
    HostKeyUnknown,
    HostKeyWrong,
    InstanceGone,
    KeyFolderTooOpen,
    KeyMissing,
    KeyTooOpen,
    SshRefused,
)
from jupyter_awsgpu.tunnel.clock import Clock, SleepWatch, SystemClock
from jupyter_awsgpu.tunnel.link import Link
from jupyter_awsgpu.tunnel.log import close_log, open_log
from jupyter_awsgpu.tunnel.outage import Outage
from jupyter_awsgpu.tunnel.record import RecordFile, endpoint_document, endpoint_of, now
from jupyter_awsgpu.tunnel.route import RouteWatch
from jupyter_awsgpu.tunnel.standing import Standing
from jupyter_awsgpu.tunnel.workers import Connected, DialFailed, Ended, Located, LocateFailed, Message, Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Endpoint

TICK_S = 0.5
"""How often the supervisor looks at record, clock and route when no message comes."""

DOUBT_S = 3.0
"""How long the peer has to answer after this machine woke up or changed its network."""

SEEN_EVERY_S = 60.0
"""How often the record says that the peer was heard."""

UNMENDABLE = (HostKeyUnknown, KeyMissing, KeyTooOpen, KeyFolderTooOpen)


class GaveUp(Exception):
    """Nothing that a retry could mend; the text is the reason."""


def run(
    record: Path,
    *,
    locate: Callable[[], Endpoint],
    connect: Callable[[Endpoint], Host],
    observe: Callable[[Host], None] | None = None,
    clock: Clock | None = None,
) -> int:
    """Be the tunnel of `record`; see `tunnel.serve`."""
    file = RecordFile(record)
    document = file.read()
    if document is None:
        return 0
    logger = open_log(record.with_suffix(".log") if "log" not in document else _path(document["log"]), record.stem)
    inbox: SimpleQueue[Message] = SimpleQueue()
    workers = Workers(inbox, connect, locate, observe)
    try:
        Supervisor(Standing(file, document, logger), workers, inbox, clock or SystemClock()).run()
    finally:
        close_log(logger)
    return 0


class Supervisor:
    """The state of one tunnel and what changes it."""

    def __init__(self, standing: Standing, workers: Workers, inbox: SimpleQueue[Message], clock: Clock) -> None:
        self._standing = standing
        self._workers = workers
        self._inbox = inbox
        self._clock = clock
        self._sleep = SleepWatch(clock)
        self._link = Link()
        self._endpoint = endpoint_of(standing.document)
        self._route = RouteWatch()
        self._outage = Outage(clock.monotonic, address_known=self._endpoint is not None)
        self._suspect: HostKeyWrong | None = None
        self._seen_at = 0.0
        self._forwarder: Any = None

    def run(self) -> None:
        """Go on until asked to end, or until there is no use in it."""
        try:
            self._listen()
            while not self._standing.file.asked_to_end():
                self._look_around()
                self._act()
                self._hear(self._next_message())
            self._close()
        except GaveUp as exc:
            self._give_up(str(exc))

    # ── beginning and end ────────────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        from sshtunnel import BaseSSHTunnelForwarderError

        from jupyter_awsgpu.tunnel.forwarder import Forwarder
        from jupyter_awsgpu.tunnel.tunnels import PORT_REASON

        document = self._standing.document
        forwards = tuple((local, remote) for local, remote in document["forwards"])
        self._forwarder = Forwarder(self._link, forwards, document["bind"], self._standing.logger)
        self._standing.enter("connecting")
        try:
            self._forwarder.start()
        except BaseSSHTunnelForwarderError as exc:
            raise GaveUp(PORT_REASON) from exc
        for local, remote in forwards:
            self._standing.logger.info("listening on %s:%s for port %s there", document["bind"], local, remote)

    def _close(self) -> None:
        self._stop()
        if self._standing.file.path.exists():
            self._standing.enter("closed")
        self._standing.file.withdraw_end()

    def _give_up(self, reason: str) -> None:
        self._stop()
        self._standing.enter("gave-up", reason)

    def _stop(self) -> None:
        host = self._link.host
        self._link.down()
        if host is not None:
            host.close()
        if self._forwarder is not None:
            self._forwarder.stop(force=True)

    # ── what the clock and the network say ───────────────────────────────────────────────────

    def _look_around(self) -> None:
        woke = self._sleep.woke(TICK_S)
        moved = self._route.moved(self._endpoint.address if self._endpoint else "")
        if woke:
            self._reconsider("this machine woke up")
        elif moved:
            self._reconsider(f"this machine's address is {self._route.own_address} now")
        self._note_seen()
        self._standing.catch_up()

    def _reconsider(self, why: str) -> None:
        self._standing.logger.info("%s", why)
        self._outage.dial_now()
        if host := self._link.host:
            host.liveness.doubt(DOUBT_S)
        else:
            self._outage.locate_now()

    def _note_seen(self) -> None:
        at = self._clock.monotonic()
        if self._link.host is not None and at - self._seen_at > SEEN_EVERY_S:
            self._seen_at = at
            self._standing.seen()

    # ── what to do next ──────────────────────────────────────────────────────────────────────

    def _act(self) -> None:
        if self._link.host is not None:
            return
        if not self._workers.locating and self._outage.take_locate():
            self._workers.locate()
        may_dial = self._suspect is None and not self._workers.dialling and self._outage.dial_in_s() == 0
        if self._endpoint is not None and may_dial:
            self._workers.dial(self._endpoint)

    def _next_message(self) -> Message | None:
        wait = TICK_S
        if self._link.host is None and not self._workers.dialling:
            wait = min(wait, self._outage.dial_in_s())
        with suppress(Empty):
            return self._inbox.get(timeout=max(wait, 0.01))
        return None

    # ── what happened ────────────────────────────────────────────────────────────────────────

    def _hear(self, message: Message | None) -> None:
        if message is None:
            return
        self._workers.heard(message)
        if isinstance(message, Connected):
            self._connected(message.host)
        elif isinstance(message, Ended):
            self._ended(message.host)
        elif isinstance(message, DialFailed):
            self._dial_failed(message)
        elif isinstance(message, Located):
            self._located_at(message.endpoint)
        else:
            self._locate_failed(message)

    def _connected(self, host: Host) -> None:
        if self._link.host is not None:
            host.close()
            return
        self._forwarder.adopt(host)
        self._workers.attend(host)
        self._seen_at = self._clock.monotonic()
        kept = endpoint_document(self._endpoint) if self._endpoint else None
        self._standing.enter("up", host_key=host.host_key, last_seen=now(), endpoint=kept)

    def _ended(self, host: Host) -> None:
        if host is not self._link.host:
            return
        self._link.down()
        host.close()
        self._outage.begin()
        self._standing.enter("lost", "the connection broke; reconnecting")

    def _dial_failed(self, failure: DialFailed) -> None:
        error = failure.error
        self._outage.dial_failed()
        if isinstance(error, UNMENDABLE):
            raise GaveUp(str(error))
        if isinstance(error, HostKeyWrong):
            self._distrust(error, failure.endpoint)
        elif isinstance(error, SshRefused):
            self._refusal(error)
        else:
            self._standing.because(str(error))

    def _distrust(self, error: HostKeyWrong, endpoint: Endpoint) -> None:
        """Somebody else answers: at an address that is still the instance's, nothing can be mended.

        After a stop and start the old address may be another customer's instance; so AWS is asked.
        """
        if endpoint == self._endpoint:
            self._suspect = error
            self._outage.locate_now()
            self._standing.because(str(error))

    def _refusal(self, error: SshRefused) -> None:
        self._standing.because(str(error))
        if self._outage.refused_for_good():
            raise GaveUp(str(error))

    def _located_at(self, endpoint: Endpoint) -> None:
        if self._suspect is not None and endpoint == self._endpoint:
            raise GaveUp(str(self._suspect))
        if not endpoint.address:
            self._endpoint = None
            return
        if endpoint != self._endpoint:
            self._standing.logger.info("the instance is at %s port %s", endpoint.address, endpoint.port)
        self._endpoint, self._suspect = endpoint, None
        self._outage.dial_now()

    def _locate_failed(self, failure: LocateFailed) -> None:
        error: AwsGpuError = failure.error
        if isinstance(error, InstanceGone):
            raise GaveUp(str(error))
        self._standing.logger.info("AWS could not be asked: %s", error)
        if self._suspect is not None:
            raise GaveUp(str(self._suspect))


def _path(text: str) -> Path:
    from pathlib import Path

    return Path(text)
