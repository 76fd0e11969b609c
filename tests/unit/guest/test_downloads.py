"""A download over a bad network: what arrives in the end is whole, or the reason is said in a sentence."""

from __future__ import annotations

import hashlib
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.guest import downloads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 400
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(BODY)
REST = b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"


class Mirror(socketserver.ThreadingTCPServer):
    """Answers each request with the next of its answers."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.asked = list(answers), []
        super().__init__(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file"


class _Answer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        head = b""
        while line := self.rfile.readline().strip():
            head += line + b"\n"
        self.server.asked.append(head.decode())  # type: ignore[attr-defined]
        self.wfile.write(self.server.answers.pop(0))  # type: ignore[attr-defined]


@pytest.fixture
def mirror(request: pytest.FixtureRequest) -> Iterator[Mirror]:
    with Mirror(*request.param) as server:
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    "mirror",
    [
        pytest.param((b"this is no HTTP\r\n\r\n", HEAD + BODY), id="an answer that is none"),
        pytest.param((b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", HEAD + BODY), id="a busy mirror"),
        pytest.param((b"", HEAD + BODY), id="no answer"),
        pytest.param((HEAD + b"x" * len(BODY), HEAD + BODY), id="another file than published"),
        pytest.param((HEAD + BODY[:5000], REST % (len(BODY) - 5000) + BODY[5000:]), id="cut short, and continued"),
    ],
    indirect=True,
)
def test_what_goes_wrong_once_is_tried_again(mirror: Mirror, tmp_path: Path) -> None:
    """Said, and fetched whole at the second try; nothing half is left beside it."""
    said: list[str] = []
    path = tmp_path / "downloads" / "file"
    downloads.fetch(mirror.url, str(path), hashlib.sha256(BODY).hexdigest(), said.append)
    assert path.read_bytes() == BODY
    assert len(said) == 1
    assert said[0].startswith("Downloading file again (2 of 5): ")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mirror", [(b"HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n",)], indirect=True)
def test_not_every_vendor_publishes_a_checksum(mirror: Mirror) -> None:
    """Where the vendor says that there is none, there is none; asked once."""
    assert downloads.published_sha256(downloads.text(mirror.url)) is None
    assert len(mirror.asked) == 1


@pytest.mark.parametrize(
    "mirror", [(b"this is no HTTP\r\n\r\n", b"", HEAD[:15] + b"\r\n\r\n" + b"a" * 64)], indirect=True
)
def test_a_bad_network_makes_no_checksum_unpublished(mirror: Mirror) -> None:
    """Asked again, so that an installer is not run unchecked because a line was bad for a moment."""
    assert downloads.published_sha256(downloads.text(mirror.url)) == "a" * 64
