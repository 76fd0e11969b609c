"""The first host key, which travelled in user-data, gives way to one that only the instance knows.

Whoever may read the instance's user-data could impersonate it while the first key counts. The order
of the steps makes a kill between any two of them harmless: what we accept always includes what the
instance serves.

1. the instance makes its own key and serves both (`awsgpu-guest hostkey offer`);
2. we pin the new key beside the first one, durably;
3. a second connection that accepts only the new key proves that the instance holds it;
4. the instance drops every other key (`awsgpu-guest hostkey confirm`);
5. we pin the new key alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import RemoteCommandFailed
from jupyter_awsgpu.host.identity import OWN_ALGORITHM, algorithm, normal_line
from jupyter_awsgpu.model import GUEST_COMMAND

if TYPE_CHECKING:
    from jupyter_awsgpu.host.session import Host
    from jupyter_awsgpu.records import Pins

OFFER = (GUEST_COMMAND, "hostkey", "offer")
CONFIRM = (GUEST_COMMAND, "hostkey", "confirm")


def exchange_host_key(host: Host, pins: Pins, launch_id: str) -> str:
    """Leave `launch_id` pinned to the instance's own key alone; return that key's OpenSSH line.

    Says nothing to the instance where that is so already. May be run again after any interruption.
    Raises `HostKeyWrong` if the instance does not serve the key it offered, `RemoteCommandFailed`.
    """
    known = pins.read(launch_id)
    if len(known) == 1 and algorithm(known[0]) == OWN_ALGORITHM:
        return known[0]
    new = _offered(host)
    first = tuple(line for line in known if algorithm(line) != OWN_ALGORITHM)
    pins.write(launch_id, (new, *first))
    with host.again(accepting=(new,)):
        pass  # the connection stands, so the instance holds the private half
    host.run(CONFIRM, sudo=True)
    pins.write(launch_id, (new,))
    return new


def _offered(host: Host) -> str:
    answer = host.run(OFFER, sudo=True).stdout
    try:
        line = normal_line(json.loads(answer)["public"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise _no_offer(host) from exc
    if algorithm(line) != OWN_ALGORITHM:
        raise _no_offer(host)
    return line


def _no_offer(host: Host) -> RemoteCommandFailed:
    return RemoteCommandFailed(name=host.name, command=" ".join(OFFER), status=0, output="it offered no host key")
