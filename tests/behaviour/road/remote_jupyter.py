"""A Jupyter behind a tunnel, asked as a browser asks: `box` is what `launch --json` said."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import httpx
import websocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SILENT_S = 180.0
"""Longest that code may run without a word."""


def status_of(box: dict[str, Any], token: str | None) -> int:
    """Ask Jupyter's API through the tunnel, with a token or without; return the HTTP status."""
    headers = {"Authorization": f"token {token}"} if token else {}
    return httpx.get(f"{box['local_url']}api/status", headers=headers, trust_env=False, timeout=30).status_code


class Page:
    """A page that a browser shows, and what its scripts may do to Jupyter: as a person who is logged in, or nobody."""

    def __init__(self, box: dict[str, Any], *, logged_in: bool, token: str | None = None) -> None:
        self._place = httpx.URL(box["local_url"]).netloc.decode()
        self._token = {"Authorization": f"token {token}"} if token else {}
        self._browser = httpx.Client(base_url=box["local_url"], trust_env=False, timeout=60, follow_redirects=True)
        self.own = f"http://{self._place}"
        if logged_in:
            self._browser.get("/lab", params={"token": box["token"]}).raise_for_status()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._browser.close()

    def start_kernel(self, origin: str, **headers: str) -> httpx.Response:
        """Ask for a kernel, as a script of a page at that origin does; the browser's cookies go along."""
        known = self._browser.cookies.get("_xsrf", "")
        sent = {"Origin": origin, "X-XSRFToken": known, **self._token, **headers}
        return self._browser.post("/api/kernels", json={"name": "python3"}, headers=sent)

    def reach_kernel(self, kernel: str, origin: str, **headers: str) -> int:
        """Open the websocket of a kernel's channels; return the HTTP status, 101 where it opens."""
        cookies = "; ".join(f"{name}={value}" for name, value in self._browser.cookies.items())
        address = f"ws://{self._place}/api/kernels/{kernel}/channels"
        sent = [f"{name}: {value}" for name, value in {**self._token, **headers}.items()]
        try:
            channels = websocket.create_connection(address, origin=origin, cookie=cookies, header=sent, timeout=60)
        except websocket.WebSocketBadStatusException as refused:
            return int(refused.status_code)
        channels.close()
        return 101


def computed(box: dict[str, Any], *codes: str, kernel_name: str = "python3") -> list[str]:
    """Run each piece of code in one fresh kernel; return what each printed."""
    with fresh_kernel(box, kernel_name) as run:
        return [run(code) for code in codes]


@contextmanager
def fresh_kernel(box: dict[str, Any], name: str = "python3") -> Iterator[Callable[[str], str]]:
    """Start a kernel; give a function that runs code in it and returns what was printed."""
    headers = {"Authorization": f"token {box['token']}"}
    with httpx.Client(base_url=box["local_url"], headers=headers, trust_env=False, timeout=60) as client:
        kernel = client.post("/api/kernels", json={"name": name}).raise_for_status().json()["id"]
        try:
            yield partial(_execute, box, kernel)
        finally:
            client.delete(f"/api/kernels/{kernel}")


def _execute(box: dict[str, Any], kernel: str, code: str) -> str:
    address = f"ws://127.0.0.1:{box['local_port']}/api/kernels/{kernel}/channels"
    message = {
        "header": {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s",
                   "version": "5.3", "date": ""},
        "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [],
        "content": {"code": code, "silent": False, "store_history": False, "user_expressions": {},
                    "allow_stdin": False, "stop_on_error": True},
    }  # fmt: skip
    printed = ""
    channels = websocket.create_connection(address, header=[f"Authorization: token {box['token']}"], timeout=SILENT_S)
    try:
        channels.send(json.dumps(message))
        while True:
            answer = json.loads(channels.recv())
            if answer["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if answer["msg_type"] == "stream":
                printed += answer["content"]["text"]
            if answer["msg_type"] == "error":
                printed += "\n".join(answer["content"]["traceback"])
            if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return printed
    finally:
        channels.close()
