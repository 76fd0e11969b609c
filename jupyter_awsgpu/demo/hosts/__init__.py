"""What stands for EC2 instances in the simulated AWS: real SSH hosts on loopback addresses.

Each instance is a process tree of its own. Where the kernel allows it (Linux with user
namespaces) it has its own network, mounts, processes and root folder; elsewhere it is a sandbox
folder. Nothing of the API side enters here: it calls `HostFleet` with a `HostSpec`.
"""

from jupyter_awsgpu.demo.hosts.fleet import HostFleet
from jupyter_awsgpu.demo.hosts.spec import HostAddress, HostSpec

__all__ = ["HostAddress", "HostFleet", "HostSpec"]
