"""Connections to instances: dialled, verified against the pins, opened with our key alone."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import SshRefused, SshUnreachable
from jupyter_awsgpu.host import identity, refusals
from jupyter_awsgpu.host.dial import dial
from jupyter_awsgpu.host.session import Host
from jupyter_awsgpu.host.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

    from jupyter_awsgpu.host.proxy import ProxyPipe
    from jupyter_awsgpu.model import Endpoint
    from jupyter_awsgpu.records import KeyStore, Pins

HANDSHAKE_S = 10.0
"""How long the greeting, the key exchange and the login may each take at most."""

AGAIN_S = 0.3
"""Pause before a further attempt on a host that answers the dial and not yet SSH."""

AUTHORISED_WITHIN_S = 20.0
"""How long after its first answer a booting instance may still refuse our key: it is being written there."""


@dataclass(frozen=True)
class Target:
    """One instance to connect to: where, which host keys it may have, what to call it."""

    endpoint: Endpoint
    pins: tuple[str, ...]
    name: str
    key: paramiko.PKey

    def open(self, timeout_s: float, *, wait: bool = False) -> Host:
        """Dial once, verify, log in."""
        wire, proxy = self._reach(timeout_s, wait=wait)
        try:
            transport = self._log_in(wire, min(timeout_s, HANDSHAKE_S))
        except SshUnreachable as exc:
            wire.close()
            raise self._explained(exc, proxy) from exc.__cause__
        except BaseException:
            wire.close()
            if proxy:
                proxy.close()
            raise
        return Host(transport, wire, self, proxy)

    def again(self, accepting: tuple[str, ...], timeout_s: float = 20.0) -> Host:
        """Open a further connection that accepts `accepting` and no other host key."""
        return replace(self, pins=accepting).open(timeout_s)

    def _reach(self, timeout_s: float, *, wait: bool) -> tuple[Wire, ProxyPipe | None]:
        try:
            if self.endpoint.via:
                from jupyter_awsgpu.host.proxy import open_proxy

                pipe = open_proxy(self.endpoint)
                return Wire(pipe.socket), pipe
            return Wire(dial(self.endpoint.address, self.endpoint.port, timeout_s=timeout_s, wait=wait)), None
        except OSError as exc:
            raise refusals.unreachable(self.endpoint, self.name, exc) from exc

    def _log_in(self, wire: Wire, timeout_s: float) -> paramiko.Transport:
        from jupyter_awsgpu.host.transport import new_transport

        transport = new_transport(wire, identity.host_key_algorithms(self.pins), timeout_s)
        try:
            with refusals.negotiating(self.endpoint, self.name, self.pins):
                transport.start_client(timeout=timeout_s)
                shown = transport.get_remote_server_key()
            identity.require_pinned(shown, self.pins, name=self.name, address=self.endpoint.address)
            with refusals.authenticating(self.endpoint, self.name, transport):
                transport.auth_publickey(self.endpoint.user, self.key)
        except BaseException:
            transport.close()
            raise
        wire.be_patient()
        return transport

    def _explained(self, exc: SshUnreachable, proxy: ProxyPipe | None) -> SshUnreachable:
        """Add what the proxy command said before it ended: that is the cause a person can mend."""
        if proxy is None:
            return exc
        words = proxy.last_words()
        proxy.close()
        return refusals.with_facts(exc, addresses=f" ({words})") if words else exc


class Hosts:
    """Opens the connections of one data folder's keys and pins."""

    def __init__(self, *, pins: Pins, keys: KeyStore) -> None:
        self._pins = pins
        self._keys = keys

    def connect(
        self,
        endpoint: Endpoint,
        *,
        launch_id: str,
        name: str,
        timeout_s: float = 30.0,
        wait: bool = False,
        on_wait: Callable[[str], None] | None = None,
    ) -> Host:
        """Return a verified connection to the instance.

        `wait` is for one that boots: nobody listening, no answer, a greeting that breaks off are tried
        again until `timeout_s` seconds are over, and `on_wait` hears in words what is waited for. A
        wrong host key is never tried again.

        Raises `HostKeyUnknown`, `HostKeyWrong`, `SshRefused`, `SshUnreachable`, `KeyMissing`, `KeyTooOpen`,
        `KeyFolderTooOpen`.
        """
        pins = identity.require_pins(self._pins.read(launch_id), name)
        key = _load_key(self._keys, endpoint)
        target = Target(endpoint, pins, name, key)
        if not wait:
            return target.open(timeout_s)
        return _Waiting(target, timeout_s, on_wait or _ignore).open()


class _Waiting:
    """Tries again what a booting instance may answer, until the time is over."""

    def __init__(self, target: Target, timeout_s: float, on_wait: Callable[[str], None]) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._on_wait = on_wait
        self._refused_since: float | None = None

    def open(self) -> Host:
        self._on_wait(f"Waiting for SSH at {self._target.endpoint.address}")
        while True:
            left = self._deadline - time.monotonic()
            try:
                return self._target.open(max(left, 0.1), wait=True)
            except SshUnreachable as exc:
                if left <= AGAIN_S:
                    raise self._too_late(exc) from exc.__cause__
            except SshRefused:
                if not self._may_yet_be_authorised():
                    raise
                self._on_wait("SSH answers; waiting until it knows our key")
            time.sleep(AGAIN_S)

    def _may_yet_be_authorised(self) -> bool:
        now = time.monotonic()
        self._refused_since = self._refused_since or now
        return now < min(self._refused_since + AUTHORISED_WITHIN_S, self._deadline)

    def _too_late(self, exc: SshUnreachable) -> SshUnreachable:
        return refusals.with_facts(exc, waited=f" within {self._timeout_s:.0f} s")


def _load_key(keys: KeyStore, endpoint: Endpoint) -> paramiko.PKey:
    """Read our private key, whatever its type; nothing else is ever offered."""
    import paramiko
    from cryptography.exceptions import UnsupportedAlgorithm
    from paramiko.pkey import UnknownKeyType

    from jupyter_awsgpu.errors import KeyMissing

    path = keys.require(endpoint.key_file)
    try:
        return paramiko.PKey.from_path(path)
    except (paramiko.SSHException, ValueError, TypeError, UnsupportedAlgorithm, UnknownKeyType) as exc:
        problem = f"{path} is not a private key without a passphrase"
        raise KeyMissing(name=endpoint.instance_id, key_file=problem) from exc


def _ignore(text: str) -> None:
    del text


with suppress(Exception):
    # paramiko prints a traceback on stderr for every broken connection unless somebody handles its log.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
