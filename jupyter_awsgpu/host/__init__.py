"""The instance over SSH: the only room that opens a connection, and every one it opens is verified.

A connection accepts the pinned host keys and no others, offers our key and no other, and looks into
no agent. paramiko is imported when the first connection is made. Nothing here asks AWS anything.
"""

from __future__ import annotations

from jupyter_awsgpu.host.console import console_host_keys
from jupyter_awsgpu.host.exchange import exchange_host_key
from jupyter_awsgpu.host.hosts import Hosts
from jupyter_awsgpu.host.identity import generate_host_key, normal_line
from jupyter_awsgpu.host.openssh import ssh_command
from jupyter_awsgpu.host.session import Host, Result

__all__ = [
    "Host",
    "Hosts",
    "Result",
    "console_host_keys",
    "exchange_host_key",
    "generate_host_key",
    "normal_line",
    "ssh_command",
]
