"""The door of the terminal: `awsgpu` and `python -m jupyter_awsgpu`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> None:
    """Run the command line and end the process with its exit status.

    An interrupted verb ends at once: its threads may still wait for AWS, and nobody waits for them.
    """
    if sys.argv[1:2] == ["_tunnel"]:
        _be_the_tunnel(sys.argv[2])
    from jupyter_awsgpu.surfaces.cli import main as terminal

    status = terminal()
    if status == 130:  # noqa: PLR2004 - the exit status of an interruption, see errors.Interrupted
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _be_the_tunnel(record: str) -> NoReturn:
    """Run the tunnel's own process: no verb, for the grammar would stay in memory as long as the tunnel does."""
    from pathlib import Path

    from jupyter_awsgpu import wiring

    sys.exit(wiring.tunnel_process(Path(record)))


if __name__ == "__main__":
    main()
