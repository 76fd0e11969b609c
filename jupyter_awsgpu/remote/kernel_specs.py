"""Which environments an instance has besides its own Python: kernel specs of the whole machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu.remote.text import clean, document

if TYPE_CHECKING:
    from jupyter_awsgpu.host import Host

LIST = (
    'cd "${AWSGPU_ROOT:-}/usr/local/share/jupyter/kernels" 2>/dev/null || exit 0; '
    'for one in */kernel.json; do [ -f "$one" ] && printf "%s " "${one%/*}" && tr -d "\\n" <"$one" && echo; done; :'
)
AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python on the instance by the name of its kernel spec there, and what that calls itself."""

    name: str
    title: str


def environments(host: Host) -> tuple[Environment, ...]:
    """Return the environments; raises the errors of the way in."""
    found = []
    for line in host.run(["sh", "-c", LIST]).stdout.decode("utf-8", "replace").splitlines()[:AT_MOST]:
        name, _, text = line.partition(" ")
        spec = document(text)
        if re.fullmatch(r"[\w.-]{1,64}", name) and spec.get("language") == "python" and spec.get("argv"):
            found.append(Environment(name, clean(str(spec.get("display_name") or name))[:60]))
    return tuple(found)
