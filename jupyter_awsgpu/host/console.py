"""Host keys as cloud-init prints them on an instance's console: EC2 hands them out, so no stranger on the way can."""

from __future__ import annotations

import re
from contextlib import suppress

from jupyter_awsgpu.host.identity import OWN_ALGORITHM, algorithm, normal_line

BEGIN = "-----BEGIN SSH HOST KEY KEYS-----"
END = "-----END SSH HOST KEY KEYS-----"
PREFERRED = (OWN_ALGORITHM, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
"""Best first; anything else (DSA) is not taken for a host key at all."""

_LINE = re.compile(r"\b((?:ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/]+=*)")


def console_host_keys(text: str) -> tuple[str, ...]:
    """Return the host keys in a console's text as OpenSSH lines, the best first; none where it shows none.

    cloud-init's last complete block counts (`cc_keys_to_console`): the one of the latest boot that printed any.
    """
    before, found, _ = text.rpartition(END)
    if not found or BEGIN not in before:
        return ()
    block = before.rpartition(BEGIN)[2]
    keys: dict[str, str] = {}
    for match in _LINE.finditer(block):
        with suppress(ValueError):
            line = normal_line(match.group(1))
            keys[algorithm(line)] = line
    return tuple(keys[kind] for kind in PREFERRED if kind in keys)
