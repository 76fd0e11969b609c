"""The small web server of the tunnel's tests in a process of its own; prints its port."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "system" / "tunnel"))
from small_web import Web

if __name__ == "__main__":
    print(Web().port, flush=True)  # noqa: T201 - its answer
    threading.Event().wait()
