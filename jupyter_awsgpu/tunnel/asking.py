"""Asking AWS in a process of its own, so that the tunnel's stays small once it had to ask.

`answer` is called in the child, `ask` in the tunnel's process; between them is one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, InstanceGone
from jupyter_awsgpu.model import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN_S = 90.0
"""How long AWS may take to answer; botocore's own limits are shorter."""


def answer(locate: Callable[[], Endpoint]) -> int:
    """Print what `locate` returns or raises; return the exit status."""
    from jupyter_awsgpu.tunnel.record import endpoint_document

    try:
        endpoint = locate()
        said: dict[str, object] = {"instance_id": endpoint.instance_id, **endpoint_document(endpoint)}
    except InstanceGone as exc:
        said = {"gone": exc.facts}
    except AwsGpuError as exc:
        said = {"error": str(exc)}
    sys.stdout.write(json.dumps(said, default=str) + "\n")
    return 0


def ask(argv: list[str]) -> Endpoint:
    """Run the child and return its answer; raise `InstanceGone`, or `AwsGpuError` with the child's words."""
    try:
        child = subprocess.run(
            argv, capture_output=True, text=True, check=True, timeout=WITHIN_S, stdin=subprocess.DEVNULL
        )
        said = json.loads(child.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, OSError, ValueError, IndexError) as exc:
        raise AwsGpuError(f"asking where the instance is failed ({type(exc).__name__})") from exc
    if "gone" in said:
        raise InstanceGone(**said["gone"])
    if "error" in said:
        raise AwsGpuError(str(said["error"]))
    said["key_file"] = Path(said["key_file"])
    return Endpoint(**said)
