"""All tunnels of one data folder: found by their records, opened and closed one at a time."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import PortTaken, TunnelLost
from jupyter_awsgpu.records.files import private_folder
from jupyter_awsgpu.records.locks import exclusive
from jupyter_awsgpu.tunnel import guard, listeners, ports, processes
from jupyter_awsgpu.tunnel.log import read_log
from jupyter_awsgpu.tunnel.record import RecordFile, alive, endpoint_document, endpoint_of, now, tunnel_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from jupyter_awsgpu.model import Endpoint, Instance, Tunnel

UP_WITHIN_S = 60.0
"""How long a new tunnel may take until it is up or has given up."""

END_WITHIN_S = 3.0
"""How long a tunnel that was asked to end may take before it is ended."""

PORT_REASON = "the local port was taken meanwhile"
"""What a tunnel's process says when another program was quicker."""


class Tunnels:
    """Finds, opens and closes tunnels.

    `command` makes the argument list of the process that calls `serve` on a record.
    """

    def __init__(self, folder: Path, logs: Path, command: Callable[[str], list[str]]) -> None:
        self._folder = private_folder(folder)
        self._logs = logs
        self._command = command
        self._ports = ports.PortMemory(folder / "ports" / "ports.json")

    def find(self, instance_id: str) -> Tunnel | None:
        """Return the tunnel to an instance, None if there is none."""
        document = self._record(instance_id).read()
        return tunnel_of(document) if document else None

    def via(self, instance_id: str) -> str | None:
        """Return the jump host by which the tunnel to an instance was opened, if it has one."""
        endpoint = endpoint_of(self._record(instance_id).read() or {"endpoint": None})
        return endpoint.via if endpoint else None

    def all(self) -> tuple[Tunnel, ...]:
        """Return every tunnel; the records of those that ended without a word are cleaned away."""
        found = []
        for path in sorted(self._folder.glob("i-*.json")):
            tunnel = self.find(path.stem)
            if tunnel is not None and tunnel.phase == "closed":
                self._record(path.stem).remove()
            elif tunnel is not None:
                found.append(tunnel)
        return tuple(found)

    def open(
        self,
        instance: Instance,
        *,
        remote_port: int,
        local_port: int,
        bind: str = "127.0.0.1",
        forwards: tuple[tuple[int, int], ...] = (),
        services: tuple[int, ...] = (),
        endpoint: Endpoint | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Tunnel:
        """Return a tunnel that is up, the one that is there if it serves.

        `forwards` are further (local, remote) ports over the same connection, `services` further remote ports
        that want their own number here. Where the local port or a service's number is taken, it comes out as the
        next free one, the same again next time. Raises `PortTaken`, `ForwardTaken` or `TunnelLost`.
        """
        with self._lock(instance):
            wish = _Wish(instance, remote_port, local_port, bind, forwards, services, endpoint, extra or {})
            present = self._present(instance.instance_id)
            serves = present is not None and wish.served_by(present) and not self._looks_elsewhere(present, wish)
            if serves and (joined := self._join(instance)) is not None:
                return joined
            own = present.forwards if present is not None else ()
            ports.require_free(bind, [one for one in forwards if one not in own], name=instance.name)
            self._end(instance.instance_id)  # also one that gave up this moment: its guard may still hold the port
            if present is not None:
                wish = wish.with_forwards_of(present)
                ports.require_free(bind, wish.forwards, name=instance.name)
            for _ in range(3):  # another program may take the port between our look and the bind
                try:
                    self._start(wish)
                    return self._wait_until_up(instance)
                except PortTaken:
                    continue
        raise PortTaken(port=local_port, name=instance.name)

    def close(self, instance_id: str) -> bool:
        """End the tunnel to an instance; say whether there was one."""
        present = self._present(instance_id)
        self._end(instance_id)
        return present is not None

    def log_lines(self, instance_id: str) -> Iterator[str]:
        """Yield what the instance's tunnel has logged."""
        return read_log(self._log(instance_id))

    def _present(self, instance_id: str) -> Tunnel | None:
        tunnel = self.find(instance_id)
        return None if tunnel is None or tunnel.phase in ("closed", "gave-up") else tunnel

    def _looks_elsewhere(self, tunnel: Tunnel, wish: _Wish) -> bool:
        """Return whether the tunnel is down because it dials an address that the instance no longer has."""
        document = self._record(tunnel.instance_id).read() or {}
        known = endpoint_document(wish.endpoint) if wish.endpoint else None
        return tunnel.phase != "up" and known is not None and document.get("endpoint") != known

    def _start(self, wish: _Wish) -> None:
        instance = wish.instance
        with self._choosing(instance):  # several that begin at once would choose the same port
            local = self._port(wish, wish.local_port)
            for service in wish.still_to_place:
                wish = wish.with_forward(self._port(wish, service, local), service)
            sockets = self._listen(wish, local)
            record = self._record(instance.instance_id)
            record.withdraw_end()
            record.write(wish.document(local, self._log(instance.instance_id)))
        guarded = [sys.executable, "-I", "-S", guard.__file__, *self._command(str(record.path))]
        try:
            processes.start_detached(guarded, self._errors(instance.instance_id), sockets)
        finally:
            listeners.close(sockets)

    def _port(self, wish: _Wish, wanted: int, *chosen: int) -> int:
        mine = wish.instance.instance_id
        before = self._ports.before(mine, wanted)
        others = {local for one in self.all() if one.instance_id != mine for local, _ in one.forwards}
        taken = others | {local for local, _ in wish.forwards} | set(chosen)
        got = ports.choose(wish.bind, wanted, before=before, avoid=taken, name=wish.instance.name)
        self._ports.keep(mine, wanted, got)
        return got

    def _choosing(self, instance: Instance) -> AbstractContextManager[None]:
        return exclusive(private_folder(self._folder / "locks") / "ports.lock", instance.name, timeout_s=UP_WITHIN_S)

    def _listen(self, wish: _Wish, local: int) -> list[socket.socket]:
        """Open the listening sockets, where the guard can hold them; raise `PortTaken`."""
        if not listeners.HELD:
            return []
        try:
            return listeners.listen(wish.bind, [local, *(port for port, _ in wish.forwards)])
        except OSError as exc:
            raise PortTaken(port=local, name=wish.instance.name) from exc

    def _join(self, instance: Instance) -> Tunnel | None:
        """Wait for the tunnel that is there; None where whoever began it died before any process of it was there."""
        try:
            return self._wait_until_up(instance)
        except TunnelLost:
            left = self.find(instance.instance_id)
            if left is None or left.pid or left.phase != "closed":
                raise
            return None

    def _wait_until_up(self, instance: Instance) -> Tunnel:
        deadline = time.monotonic() + UP_WITHIN_S
        while (tunnel := self.find(instance.instance_id)) is not None:
            if tunnel.phase == "up":
                return tunnel
            if tunnel.phase in ("gave-up", "closed"):
                raise self._failure(instance, tunnel)
            if time.monotonic() > deadline:
                self._end(instance.instance_id)
                raise TunnelLost(name=instance.name, why=tunnel.reason or f"no connection in {UP_WITHIN_S:.0f} s")
            time.sleep(0.03)
        raise TunnelLost(name=instance.name, why="it was closed while it was being opened")

    def _failure(self, instance: Instance, tunnel: Tunnel) -> PortTaken | TunnelLost:
        if tunnel.reason == PORT_REASON:
            return PortTaken(port=tunnel.local_port, name=instance.name)
        return TunnelLost(name=instance.name, why=tunnel.reason or self._last_error(instance.instance_id))

    def _last_error(self, instance_id: str) -> str:
        path = self._errors(instance_id)
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
        return lines[-1][:300] if lines else "its process ended without a word"

    def _end(self, instance_id: str) -> None:
        record = self._record(instance_id)
        document = record.read()
        if document is not None and alive(document):
            record.ask_to_end()
            ours = [(document[which], document[f"{which}_started"]) for which in ("guard", "pid") if document[which]]
            if not processes.wait_until_gone(ours, END_WITHIN_S):
                for one in ours:  # the guard first, or it would start the other again
                    processes.end(*one)
                processes.wait_until_gone(ours, END_WITHIN_S)  # until then the port is theirs
        record.remove()

    def _lock(self, instance: Instance) -> AbstractContextManager[None]:
        path = private_folder(self._folder / "locks") / f"{instance.instance_id}.lock"
        return exclusive(path, instance.name, timeout_s=UP_WITHIN_S + 5)

    def _record(self, instance_id: str) -> RecordFile:
        return RecordFile(self._folder / f"{instance_id}.json")

    def _log(self, instance_id: str) -> Path:
        return self._logs / f"tunnel-{instance_id}.log"

    def _errors(self, instance_id: str) -> Path:
        return self._logs / f"tunnel-{instance_id}.err"


@dataclass(frozen=True)
class _Wish:
    """What `open` was asked for."""

    instance: Instance
    remote_port: int
    local_port: int
    bind: str
    forwards: tuple[tuple[int, int], ...]
    services: tuple[int, ...]
    endpoint: Endpoint | None
    extra: Mapping[str, Any]

    @property
    def still_to_place(self) -> tuple[int, ...]:
        """The services for which no local port is chosen yet."""
        placed = {remote for _, remote in self.forwards}
        return tuple(one for one in self.services if one not in placed)

    def served_by(self, tunnel: Tunnel) -> bool:
        """Return whether a tunnel that is there leads where this wish wants to go."""
        here = tunnel.bind == self.bind and tunnel.remote_port == self.remote_port
        carried = {remote for _, remote in tunnel.forwards}
        return here and set(self.forwards) <= set(tunnel.forwards) and set(self.services) <= carried

    def with_forward(self, local: int, remote: int) -> _Wish:
        """Return the wish with one port more."""
        return replace(self, forwards=(*self.forwards, (local, remote)))

    def with_forwards_of(self, tunnel: Tunnel) -> _Wish:
        """Return the wish with the further ports that the tunnel it replaces has: none is lost by asking for one.

        A service whose port here was taken since the tunnel went is not among them: it gets another one.
        """
        wanted = {local for local, _ in self.forwards} | {self.local_port}
        kept = tuple(
            (local, remote)
            for local, remote in tunnel.forwards[1:]
            if local not in wanted and (remote not in self.services or ports.is_free(self.bind, local))
        )
        return replace(self, forwards=(*self.forwards, *kept))

    def document(self, local: int, log: Path) -> dict[str, Any]:
        """Return the first record of the tunnel."""
        instance = self.instance
        return {
            "instance_id": instance.instance_id,
            "name": instance.name,
            "region": instance.region,
            "launch_id": instance.pin_id,
            "demo": instance.demo,
            "forwards": [[local, self.remote_port], *(list(pair) for pair in self.forwards)],
            "bind": self.bind,
            "endpoint": endpoint_document(self.endpoint) if self.endpoint else None,
            "log": str(log),
            "pid": 0,
            "pid_started": 0.0,
            "guard": 0,
            "guard_started": 0.0,
            "phase": "connecting",
            "since": now(),
            "reason": None,
            "host_key": None,
            "last_seen": None,
            "extra": dict(self.extra),
        }
