"""What only this machine knows: keys, pinned host keys, journal, operation logs, locks, day-old facts.

AWS is the record of everything else. Nothing here talks to a network; every file is private to its
owner, written whole or not at all, and carries its schema version.
"""

from __future__ import annotations

import secrets
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.records.cache import FactCache
from jupyter_awsgpu.records.files import private_folder, read_document, require, sweep, write_document
from jupyter_awsgpu.records.journal import Journal, JournalEntry
from jupyter_awsgpu.records.keys import KeyStore
from jupyter_awsgpu.records.ledger import Ledger, Sighting
from jupyter_awsgpu.records.locks import exclusive
from jupyter_awsgpu.records.operations import Operation, Operations, Step
from jupyter_awsgpu.records.pins import Pins
from jupyter_awsgpu.records.pulls import Pulls
from jupyter_awsgpu.records.reports import Reports

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = [
    "FactCache",
    "Journal",
    "JournalEntry",
    "KeyStore",
    "Ledger",
    "Operation",
    "Operations",
    "Pins",
    "Pulls",
    "Records",
    "Reports",
    "Sighting",
    "Step",
]


class Records:
    """The data folder of one person on one machine (the demo has another one).

    >>> records = Records(Path("~/.local/share/jupyter-awsgpu").expanduser())  # doctest: +SKIP
    """

    def __init__(self, root: Path) -> None:
        self.root = private_folder(root)
        self.keys = KeyStore(root / "keys")
        self.pins = Pins(root / "pins")
        self.journal = Journal(root / "journal")
        self.operations = Operations(root / "operations")
        self.ledger = Ledger(root / "ledger")
        self.reports = Reports(root / "reports")
        self.pulls = Pulls(root / "pulls")
        self.tunnel_folder = private_folder(root / "tunnels")
        self.log_folder = private_folder(root / "logs")
        for folder in (self.root, *filter(Path.is_dir, self.root.iterdir())):
            sweep(folder)  # a command that died may have been the last to write there

    @cached_property
    def client_id(self) -> str:
        """Eight hex digits that tell this data folder from the owner's other ones; made once."""
        path = self.root / "client.json"
        known = read_document(path)
        if known is None:
            known = {"client_id": secrets.token_hex(4)}
            write_document(path, known)
        return str(require(path, known, {"client_id": str})["client_id"])

    def lock(self, name: str, *, timeout_s: float = 0.0) -> AbstractContextManager[None]:
        """Order the verbs that change instance `name`, over all processes of this machine.

        The operating system drops the lock when its holder dies. Raises `Busy`.
        """
        return exclusive(private_folder(self.root / "locks") / f"{name}.lock", name, timeout_s=timeout_s)
