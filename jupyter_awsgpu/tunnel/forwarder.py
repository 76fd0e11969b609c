"""sshtunnel's forwarder with a listener that outlives the connection, and a relay that survives browsers.

What is replaced, and why, is in the tunnel's decision record; line by line facts of sshtunnel 0.5.1:
it dials and binds together, relays by `select` in 16 KiB pieces, keeps the dead transport in its
handlers, and listens with a backlog of 5.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import paramiko
import sshtunnel

from jupyter_awsgpu.tunnel import listeners
from jupyter_awsgpu.tunnel.crew import Crew
from jupyter_awsgpu.tunnel.delivery import Delivery, delivery_of
from jupyter_awsgpu.tunnel.relay import Relay, reset, reset_when_closed

if TYPE_CHECKING:
    import logging

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.tunnel.link import Link

HOLD_S = 20.0
"""How long a local connection waits for the link to come back before it is reset."""

POLL_S = 0.5
"""How often a listener looks whether it is to end."""

_EXCLUSIVE = getattr(socket, "SO_EXCLUSIVEADDRUSE", 0)  # Windows only

INSTANCE_SIDE = "127.0.0.1"
"""Where Jupyter listens on the instance."""


class _Server(sshtunnel._ThreadingForwardServer):  # type: ignore[misc] # noqa: SLF001 - its seam for subclasses
    """Accepts local connections, each in a thread of its own."""

    request_queue_size = listeners.BACKLOG
    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # on Windows it would let two programs share the port

    held: ClassVar[dict[int, socket.socket]] = {}

    def __init__(self, *arguments: object, **options: object) -> None:
        self.crew = Crew()
        super().__init__(*arguments, **options)

    def process_request(self, request: socket.socket, client_address: object) -> None:
        self.crew.start(partial(self.process_request_thread, request, client_address))

    def server_bind(self) -> None:
        if inherited := self.held.get(self.server_address[1]):
            self.socket.close()
            self.socket: socket.socket = inherited
            return
        if os.name == "nt":
            self.socket.setsockopt(socket.SOL_SOCKET, _EXCLUSIVE, 1)
        super().server_bind()

    def shutdown(self) -> None:
        """End serving; refusing wakes the server, which would look only every `POLL_S`."""
        listeners.stop_listening(self.socket)
        super().shutdown()

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept; from here on, a connection closed by anything but its relay's good end is a reset."""
        request, address = super().get_request()
        reset_when_closed(request)
        return request, address

    def shutdown_request(self, request: socket.socket) -> None:
        """Close without the orderly end that socketserver sends first: that is the relay's to say."""
        self.close_request(request)

    def handle_error(self, request: socket.socket, client_address: object) -> None:
        del request
        self.logger.error("a local connection from %s failed: %r", client_address, sys.exc_info()[1])


class Forwarder(sshtunnel.SSHTunnelForwarder):  # type: ignore[misc] # sshtunnel has no types
    """Local ports that lead to ports of the instance over whatever connection `link` holds."""

    daemon_forward_servers = True

    def __init__(self, link: Link, forwards: tuple[tuple[int, int], ...], bind: str, logger: logging.Logger) -> None:
        self._link = link
        self._held = listeners.inherited()
        quiet = logger.getChild("sshtunnel")
        quiet.setLevel("ERROR")  # it reports every step of its own, and warns where we differ on purpose
        self._log = logger
        super().__init__(
            ssh_address_or_host=("instance", 22),  # never dialled: connections come verified from `host`
            ssh_config_file=None,
            ssh_username="instance",
            local_bind_addresses=[(bind, local) for local, _ in forwards],
            remote_bind_addresses=[(INSTANCE_SIDE, remote) for _, remote in forwards],
            logger=quiet,
        )

    def start(self) -> None:
        """Listen on every local port; raise sshtunnel's error if one is taken."""
        for remote, local in zip(self._remote_binds, self._local_binds, strict=True):
            self._make_ssh_forward_server(remote, local)
        for server in self._server_list:
            self._start_serving(server)
        self.is_alive = True

    def adopt(self, host: Host) -> None:
        """Carry local connections over `host` from now on, those that wait first."""
        host.transport.new_pipe = Delivery  # type: ignore[attr-defined] # our own transport's hook
        self._transport = host.transport
        self._link.up(host)

    def _start_serving(self, server: _Server) -> None:
        import threading

        name = f"listen-{server.local_port}"
        threading.Thread(target=self._serve_forever_wrapper, args=(server, POLL_S), name=name, daemon=True).start()

    # ── sshtunnel's own seams ────────────────────────────────────────────────────────────────

    @staticmethod
    def _consolidate_auth(**_: object) -> tuple[None, list[paramiko.PKey]]:
        return None, []  # neither agent nor ~/.ssh is looked into: `host` has logged in

    def _make_ssh_forward_server_class(self, remote: tuple[str, int]) -> type[_Server]:
        del remote
        return type("Server", (_Server,), {"held": self._held})

    def _make_ssh_forward_handler_class(self, remote: tuple[str, int]) -> type[_Handler]:
        return type("Handler", (_Handler,), {"remote_address": remote, "link": self._link, "logger": self._log})


class _Handler(sshtunnel._ForwardHandler):  # type: ignore[misc] # noqa: SLF001 - its seam for subclasses
    """One local connection: waits for the link, opens a channel, relays."""

    link: Link
    remote_address: tuple[str, int]

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened = self._open_channel()
        if opened is None:
            reset(self.request)
            return
        host, channel = opened
        relay = Relay(self.request, channel, lambda: host.liveness.round_trip_s, self.server.crew)
        if not self.link.add(relay, host):
            reset(self.request)
            return
        try:
            delivery_of(channel).deliver_to(self.request, report_from=channel.in_window_threshold)
            relay.run()
        finally:
            self.link.discard(relay)

    def _open_channel(self) -> tuple[Host, paramiko.Channel] | None:
        """Return a channel to the instance's port, waiting for the link; None if there will be none."""
        deadline = time.monotonic() + HOLD_S
        while host := self.link.wait(deadline):
            try:
                return host, self._channel_over(host, deadline)
            except paramiko.ChannelException as exc:
                self.logger.info("nothing listens on port %s of the instance: %s", self.remote_address[1], exc)
                return None
            except (paramiko.SSHException, EOFError, OSError):
                with suppress(Exception):
                    self.logger.debug("the link broke while a channel was opened; waiting for the next one")
                time.sleep(0.02)
        return None

    def _channel_over(self, host: Host, deadline: float) -> paramiko.Channel:
        origin = (str(self.client_address[0]), int(self.client_address[1]))
        left = max(0.1, deadline - time.monotonic())
        return host.transport.open_channel("direct-tcpip", self.remote_address, origin, timeout=left)
