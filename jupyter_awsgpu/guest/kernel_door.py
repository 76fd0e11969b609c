"""The relay's door: where connections from the laptop come in, one at a time, each showing the secret."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import socket
import time
import uuid

import zmq

from .kernel_kept import frame, unframed

CHUNK = 256 * 1024
SILENCE_S = 60.0  # a laptop that says nothing for so long is away, whatever TCP believes


class Link:
    """One connection."""

    def __init__(self, reached: socket.socket) -> None:
        reached.setblocking(False)
        self.socket = reached
        self.number = reached.fileno()
        self.known = False
        self.greeted = False
        self.came = bytearray()
        self.going = bytearray()
        self.next = 1
        self.backlog = 0  # messages up to this number were kept while nobody was there
        self.heard = time.monotonic()

    def say(self, about: dict, parts: list = ()) -> None:  # type: ignore[assignment]
        """Send a frame when there is room."""
        self.going += frame(about, parts)


class Door:
    """Listens on a private unix socket, or on a loopback port where its path would be too long."""

    def __init__(self, folder: str, unix: bool, poller: zmq.Poller) -> None:
        self._poller = poller
        self.link = None  # type: ignore[var-annotated]
        self._guests: dict = {}
        secret, path = uuid.uuid4().hex, os.path.join(folder, "door")
        if unix:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            where = {"path": path}
        else:
            self._listener = socket.socket()
            self._listener.bind(("127.0.0.1", 0))
            where = {"port": self._listener.getsockname()[1]}
        self._listener.listen(8)
        self._listener.setblocking(False)
        self._secret = secret.encode()
        poller.register(self._listener.fileno(), zmq.POLLIN)
        write(os.path.join(folder, "door.json"), dict(where, secret=secret))

    def turn(self, ready: dict):  # noqa: ANN201 - an iterator
        """Let in who comes; yield (link, document, parts) of what was said by whom is in."""
        if self._listener.fileno() in ready:
            with contextlib.suppress(OSError):
                guest = Link(self._listener.accept()[0])
                self._guests[guest.number] = guest
                self._poller.register(guest.number, zmq.POLLIN)
        for number, guest in list(self._guests.items()):
            if ready.get(number, 0) & ~zmq.POLLOUT and self._read(guest):
                for about, parts in unframed(guest.came):
                    yield guest, about, parts
        if self.link is not None and time.monotonic() > self.link.heard + SILENCE_S:
            self.leave(self.link)

    def _read(self, guest: Link) -> bool:
        try:
            piece = guest.socket.recv(CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            piece = b""
        if not piece:
            self.leave(guest)
            return False
        guest.heard = time.monotonic()
        guest.came += piece
        return guest.known or self._let_in(guest)

    def _let_in(self, guest: Link) -> bool:
        secret, line, rest = bytes(guest.came).partition(b"\n")
        if not line:
            return False
        if not hmac.compare_digest(secret, self._secret):
            self.leave(guest)
            return False
        guest.known, guest.came = True, bytearray(rest)
        if self.link is not None:
            self.leave(self.link)
        self.link = guest
        return True

    def leave(self, guest: Link) -> None:
        """Close a connection."""
        if self._guests.pop(guest.number, None) is not None:
            self._poller.unregister(guest.number)
        guest.socket.close()
        if guest is self.link:
            self.link = None

    def flush(self) -> None:
        """Send what the line takes now."""
        link = self.link
        if link is None:
            return
        if link.going:
            try:
                del link.going[: link.socket.send(bytes(link.going[:CHUNK]))]
            except BlockingIOError:
                pass
            except OSError:
                self.leave(link)
                return
        self._poller.modify(link.number, zmq.POLLIN | (zmq.POLLOUT if link.going else 0))


def write(path: str, document: dict) -> None:
    """Write a private file, whole or not at all."""
    with open(os.open(path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(document, stream)
    os.replace(path + ".new", path)
