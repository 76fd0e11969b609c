"""The instance metadata service (IMDSv2) of one host, on 169.254.169.254 of its own loopback.

Paths and answers follow the EC2 user guide, "Instance metadata categories". Version 1 is refused,
as our launches ask AWS to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.hosts.spec import HostSpec

_LONGEST_TOKEN_S = 21600
_VERSIONS = ("latest", "2021-03-23", "2022-09-24")


class Metadata:
    """What the service knows of its instance; `tags` and `interruption` may change while it runs."""

    def __init__(self, spec: HostSpec, hostname: str) -> None:
        self._spec = spec
        self._hostname = hostname
        self.tags = dict(spec.tags)
        self.interruption: dict[str, str] | None = None
        self._tokens: dict[str, float] = {}

    async def serve(self, address: str, port: int) -> int:
        """Listen; return the port (given as 0: a free one)."""
        server = await asyncio.start_server(self._talk, address, port)
        return int(server.sockets[0].getsockname()[1])

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
            status, body = self.answer(method, target.partition("?")[0], headers)
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
        writer.close()

    def answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[str, bytes]:
        """Return the HTTP status line and body for a request."""
        parts = path.strip("/").split("/")
        if parts[0] not in _VERSIONS:
            return "404 Not Found", b""
        if parts[1:] == ["api", "token"]:
            return self._token(method, headers)
        if self._tokens.get(headers.get("x-aws-ec2-metadata-token", ""), 0) < time.monotonic():
            return "401 Unauthorized", b""
        if parts[1:2] == ["meta-data"]:
            return self._category("/".join(parts[2:]))
        whole = {
            "user-data": self._spec.user_data,
            "dynamic/instance-identity/document": json.dumps(self._document(), indent=2).encode(),
        }.get("/".join(parts[1:]))
        return ("200 OK", whole) if whole else ("404 Not Found", b"")

    def _token(self, method: str, headers: dict[str, str]) -> tuple[str, bytes]:
        seconds = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if method != "PUT" or not seconds.isdigit() or not 1 <= int(seconds) <= _LONGEST_TOKEN_S:
            return "400 Bad Request", b""
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(seconds)
        return "200 OK", token.encode()

    def _category(self, path: str) -> tuple[str, bytes]:
        known = self._categories()
        if path in known:
            return "200 OK", known[path].encode()
        below = {
            name[len(path) :].lstrip("/").partition("/") for name in known if not path or name.startswith(path + "/")
        }
        if not below:
            return "404 Not Found", b""
        return "200 OK", "\n".join(sorted({first + slash for first, slash, _ in below})).encode()

    def _categories(self) -> dict[str, str]:
        spec = self._spec
        fixed = {
            "ami-id": spec.image_id,
            "ami-launch-index": str(spec.launch_index),
            "hostname": f"{self._hostname}.ec2.internal",
            "instance-id": spec.instance_id,
            "instance-life-cycle": spec.lifecycle,
            "instance-type": spec.instance_type,
            "local-hostname": f"{self._hostname}.ec2.internal",
            "local-ipv4": spec.private_address,
            "placement/availability-zone": spec.zone,
            "placement/region": spec.region,
            "public-hostname": spec.address,
            "public-ipv4": spec.address,
            "reservation-id": "r-" + spec.instance_id[2:],
            "services/domain": "amazonaws.com",
            "services/partition": "aws",
        }
        fixed |= {f"public-keys/{n}/openssh-key": line for n, line in enumerate(spec.authorized_keys)}
        fixed |= {f"tags/instance/{key}": value for key, value in self.tags.items()}
        if self.interruption:
            fixed["spot/instance-action"] = json.dumps(self.interruption)
        return fixed

    def _document(self) -> dict[str, str | None]:
        spec = self._spec
        return {
            "accountId": spec.account,
            "architecture": "x86_64",
            "availabilityZone": spec.zone,
            "imageId": spec.image_id,
            "instanceId": spec.instance_id,
            "instanceType": spec.instance_type,
            "privateIp": spec.private_address,
            "region": spec.region,
            "version": "2017-09-30",
        }
