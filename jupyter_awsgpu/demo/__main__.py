"""`python -m jupyter_awsgpu.demo --state DIR`: the process `client.up` starts. People use `awsgpu demo up`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run the simulated AWS in this process until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_awsgpu.demo", description="Run the SIMULATED AWS.")
    parser.add_argument("--state", type=Path, required=True, help="folder for its record, log and hosts")
    parser.add_argument("--no-hosts", action="store_true", help="instances without SSH hosts (API tests)")
    asked = parser.parse_args(arguments)
    try:
        import asyncssh  # noqa: F401 - asked here so that the launcher learns which extra is missing
        import flask_cors  # noqa: F401
        import moto  # noqa: F401
    except ImportError as exc:
        sys.stderr.write(f"ExtraMissing: {exc.name}\n")
        return 3
    from jupyter_awsgpu.demo.server import choose_fleet, prepare, serve

    prepare(asked.state)
    return serve(asked.state.resolve(), choose_fleet(hosts=not asked.no_hosts))


if __name__ == "__main__":
    sys.exit(main())
