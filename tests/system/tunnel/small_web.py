"""A small HTTP/1.1 server that stands for Jupyter, and raw clients."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Web:
    """GET /size/N answers N bytes; GET /echo-until-end sends back all input after its end; else `hi`."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.listener = socket.create_server((address, 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError), sock:
            head = b""
            while True:
                while b"\r\n\r\n" not in head:
                    data = sock.recv(65536)
                    if not data:
                        return
                    head += data
                request, _, head = head.partition(b"\r\n\r\n")
                path = request.split()[1]
                if path.startswith(b"/size/"):
                    size = int(path[6:])
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                    _send(sock, size)
                elif path == b"/close":
                    sock.sendall(HELLO)
                    return
                elif path == b"/count-until-end":
                    count = len(head)
                    while data := sock.recv(1 << 20):
                        count += len(data)
                    sock.sendall(b"%d" % count)
                    return
                else:
                    sock.sendall(HELLO)

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # a blocked accept holds a socket open
        self.listener.close()


def _send(sock: socket.socket, size: int) -> None:
    block = bytes(1 << 20)
    while size > 0:
        sock.sendall(block[: min(size, len(block))])
        size -= len(block)


def get(port: int, path: str = "/", *, timeout_s: float = 30.0, address: str = "127.0.0.1") -> bytes:
    """Return the body of one GET over a connection of its own."""
    with socket.create_connection((address, port), timeout_s) as sock:
        sock.settimeout(timeout_s)
        return get_over(sock, path)


def get_over(sock: socket.socket, path: str = "/") -> bytes:
    """Return the body of one GET over a connection that is kept."""
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            raise ConnectionError("the answer ended early")
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split()[0])
    pieces = [body]
    left = length - len(body)
    while left > 0:
        chunk = sock.recv(min(left, 1 << 20))
        if not chunk:
            raise ConnectionError("the answer ended early")
        pieces.append(chunk)
        left -= len(chunk)
    return b"".join(pieces)


def get_until_it_answers(port: int, within_s: float = 80.0) -> float:
    """Ask again and again; return after how many seconds an answer came."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        with suppress(OSError):
            get(port, timeout_s=within_s)
            return time.monotonic() - began
        time.sleep(0.05)
    raise TimeoutError("no answer")
