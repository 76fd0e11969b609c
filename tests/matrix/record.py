"""What of the matrix has been tried already, a line of JSON each: a run that was cut off goes on where it was."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class Record:
    """The boundaries found and the verdicts given; kept in a file if one is named."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.boundaries: dict[str, list[str]] = {}
        self.verdicts: dict[tuple[str, str, str], str] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []:
            self._take(json.loads(line))

    def found(self, verb: str, boundaries: list[str]) -> None:
        """Keep what a verb passes."""
        self._keep({"verb": verb, "boundaries": boundaries})

    def tried(self, part: str, verb: str, name: str, verdict: str, seconds: float) -> None:
        """Keep what became of a trial."""
        self._keep({"part": part, "verb": verb, "trial": name, "verdict": verdict, "seconds": round(seconds, 1)})

    def table(self) -> list[str]:
        """Return a line for each verb and part: how many were tried, not met and lost."""
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for (part, verb, _name), verdict in self.verdicts.items():
            counts[verb, part][verdict] += 1
        return [
            f"{verb:32} {part:10} {sum(row.values()):5} tried · {row['unmet']} not met · {row['LOST']} lost"
            for (verb, part), row in counts.items()
        ]

    def _keep(self, row: dict[str, Any]) -> None:
        with self._lock:
            self._take(row)
            if self._path:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _take(self, row: dict[str, Any]) -> None:
        if "boundaries" in row:
            self.boundaries[row["verb"]] = row["boundaries"]
        else:
            self.verdicts[row["part"], row["verb"], row["trial"]] = row["verdict"]
