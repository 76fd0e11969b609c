"""The guest's first part is packed once for each version of it, and kept."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from jupyter_awsgpu.records import FactCache
from jupyter_awsgpu.remote.packed import make_ready, packed_first
make_ready(FactCache(Path(sys.argv[1])))
print(len(packed_first()), "python_minifier" in sys.modules)
"""


def test_a_later_process_packs_nothing(tmp_path: Path) -> None:
    """What the first one made is read, and the packer is not even imported."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in "12")
    assert (first[1], second[1]) == ("True", "False")
    assert first[0] == second[0]
