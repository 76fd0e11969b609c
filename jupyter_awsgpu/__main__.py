"""The door of the terminal: `awsgpu` and `python -m jupyter_awsgpu`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit status.

    An interrupted verb ends at once: its threads may still wait for AWS, and nobody waits for them.
    """
    from jupyter_awsgpu.surfaces.cli import main as terminal

    status = terminal()
    if status == 130:  # noqa: PLR2004 - the exit status of an interruption, see errors.Interrupted
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
