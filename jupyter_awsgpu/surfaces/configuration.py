"""The configuration file of the terminal and of plain Python: `awsgpu_config.py` beside Jupyter's own.

In IPython and Jupyter the kernel's own configuration speaks instead (`c.AWSGPU.region = …` in
`ipython_config.py`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import StateUnreadable

if TYPE_CHECKING:
    from traitlets.config import Config

NAME = "awsgpu_config.py"


def from_file() -> Config | None:
    """Return what the file says, or None without one. Raises `StateUnreadable` for a file that fails."""
    path = Path(os.environ.get("JUPYTER_CONFIG_DIR") or Path.home() / ".jupyter") / NAME
    if not path.is_file():
        return None
    from traitlets.config.loader import PyFileConfigLoader

    try:
        loaded: Config = PyFileConfigLoader(NAME, path=str(path.parent)).load_config()
    except Exception as exc:  # the file is a person's own program: whatever it raises is its mistake
        raise StateUnreadable(path=path, why=f"{type(exc).__name__}: {exc}") from exc
    return loaded
