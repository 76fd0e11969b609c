"""A Jupyter behind a tunnel, asked as a browser asks: `box` is what `launch --json` said."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

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
