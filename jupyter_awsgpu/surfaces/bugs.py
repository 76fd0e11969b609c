"""What nobody foresaw: a log file with the traceback, and one honest sentence."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu._version import __version__
from jupyter_awsgpu.errors import Bug

if TYPE_CHECKING:
    from jupyter_awsgpu.surfaces.ask import Ask


def bug(error: BaseException, ask: Ask) -> Bug:
    """Write the traceback where its owner alone can read it, and return the error to raise.

    The command line is not written: an option may hold what is nobody's business.
    """
    head = f"jupyter-awsgpu {__version__}, Python {sys.version.split()[0]}, {platform.platform()}, {ask.surface}\n"
    text = head + "".join(traceback.format_exception(error))
    for folder in _folders(ask):
        try:
            return Bug(what=f"{type(error).__name__}", log_file=_write(folder, text))
        except OSError:
            continue
    return Bug(what=type(error).__name__, log_file="no file: none could be written")


def _folders(ask: Ask) -> list[Path]:
    try:
        ours = [ask.settings().data_folder / "logs"]
    except Exception:  # the settings may be what is broken, and the report must come out all the same
        ours = []
    return [*ours, Path(tempfile.gettempdir())]


def _write(folder: Path, text: str) -> Path:
    import os
    import secrets

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"bug-{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(3)}.log"
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
