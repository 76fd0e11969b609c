"""The one place where foreign errors of the way to an instance become ours."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import HostKeyWrong, SshRefused, SshUnreachable
from jupyter_awsgpu.host import identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    import paramiko

    from jupyter_awsgpu.model import Endpoint


_NOISE = re.compile(r"Error reading SSH protocol banner|\[Errno -?\d+\] ?")


class ProxyFailed(OSError):
    """A proxy command or jump host ended before the connection stood; the text is its own last word."""


def unreachable(endpoint: Endpoint, name: str, exc: BaseException) -> SshUnreachable:
    """Return `SshUnreachable`, saying what stood in the way."""
    words = _words(exc)
    why = f" ({words})" if words else ""
    return SshUnreachable(name=name, address=endpoint.address, port=endpoint.port, addresses=why)


def with_facts(exc: SshUnreachable, **facts: str) -> SshUnreachable:
    """Return the same refusal, saying more."""
    return SshUnreachable(None, **{**exc.facts, **facts})


@contextmanager
def negotiating(endpoint: Endpoint, name: str, pins: tuple[str, ...]) -> Iterator[None]:
    """Translate what the SSH handshake raises: an unknown host key algorithm is a wrong host key."""
    import paramiko
    from paramiko.ssh_exception import IncompatiblePeer

    try:
        yield
    except IncompatiblePeer as exc:
        if "host key" in str(exc):
            raise HostKeyWrong(
                name=name,
                address=endpoint.address,
                expected=identity.expected(pins),
                got="of another kind, or signed by no key we know",
            ) from exc
        raise unreachable(endpoint, name, exc) from exc
    except (paramiko.SSHException, EOFError, OSError) as exc:
        if "host key" in str(exc).lower() or "signature" in str(exc).lower():
            raise HostKeyWrong(
                name=name,
                address=endpoint.address,
                expected=identity.expected(pins),
                got="one whose signature does not verify",
            ) from exc
        raise unreachable(endpoint, name, exc) from exc


@contextmanager
def authenticating(endpoint: Endpoint, name: str, transport: paramiko.Transport) -> Iterator[None]:
    """Translate what authentication raises: a key that is refused, or a connection that broke meanwhile."""
    import paramiko

    try:
        yield
    except paramiko.AuthenticationException as exc:
        if not transport.is_active():  # paramiko calls a lost connection an authentication failure
            raise unreachable(endpoint, name, exc) from exc
        raise SshRefused(name=name, user=endpoint.user, key_file=endpoint.key_file) from exc
    except (paramiko.SSHException, EOFError, OSError) as exc:
        raise unreachable(endpoint, name, exc) from exc


@contextmanager
def talking(endpoint: Endpoint, name: str) -> Iterator[None]:
    """Translate what a connection that stood raises when it breaks."""
    try:
        yield
    except broken() as exc:
        raise unreachable(endpoint, name, exc) from exc


def broken() -> tuple[type[Exception], ...]:
    """Return the ways in which paramiko says that a connection broke."""
    import paramiko

    return paramiko.SSHException, EOFError, OSError


def _words(exc: BaseException) -> str:
    """Return the error in plain words: an errno's own text, or the message without paramiko's prefix."""
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return _NOISE.sub("", str(exc)).strip()
