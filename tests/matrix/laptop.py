"""A laptop with `awsgpu` on it, and a second one of the same person: two data folders, one simulated AWS."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from jupyter_awsgpu.demo import client
from tests.warm import AWSGPU, ROOT, Interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_S = 240.0
"""No command of the matrix may take longer: more is a lock that nobody holds, or a wait without an end."""

READING = ("Describe", "Get", "List")
"""How the operations begin that change nothing."""

REFUSED = 400
"""The least HTTP status of a call that has done nothing."""

CUT = "drop"
"""What the simulated AWS notes of a connection it cut, before or after it did what was asked."""

TOLD = frozenset({"operations", "logs", "ledger"})
"""Folders of lines told on the way: how many they are is chance."""

TELLS = re.compile(r"(?:demo/)?(?:operations|logs|ledger|cache|locks|tunnels/locks)\b")
"""Where files may differ and the scene is still the same: what was told, remembered, or is an empty lock."""

CHANCE = re.compile(r"[A-Za-z0-9+/=_.:-]{20,}|[0-9a-f]{6,}|\d+|(?<=\.)[a-z0-9_]{8}(?=\.part)")
"""What differs in the files of two laptops to which the same has happened: ids, keys, times, temporary names."""


@dataclass(frozen=True)
class Answer:
    """What a command left."""

    words: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def failure(self) -> dict[str, str]:
        """The machine-readable failure, the last line of stderr; empty where there is none."""
        last = (self.err.strip().splitlines() or [""])[-1]
        return dict(json.loads(last)) if last.startswith('{"error"') else {}

    @property
    def error(self) -> str:
        """The name of the error."""
        return self.failure.get("error", "")

    @property
    def document(self) -> Any:
        """The JSON document on stdout; its absence is an empty list."""
        return json.loads(self.out or "[]")


@dataclass(frozen=True)
class Mark:
    """Where a trial begins: the number of AWS's last call, and the files, described."""

    calls: int
    files: Counter[str]


@dataclass(frozen=True)
class Left:
    """What a trial has changed: the operations at AWS that were done, the files described that are new, and gone."""

    at_aws: tuple[str, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether all is as it was, but for what was told and remembered on the way."""
        return self.lasting == Left((), (), ())

    @property
    def lasting(self) -> Left:
        """The same without what was told and remembered on the way."""
        new, gone = (tuple(line for line in lines if not TELLS.match(line)) for lines in (self.new, self.gone))
        return Left(self.at_aws, new, gone)


@dataclass(frozen=True)
class Laptop:
    """One data folder, and the interpreter whose `jupyter_awsgpu` runs there."""

    folder: Path
    interpreter: Interpreter

    @property
    def demo(self) -> client.DemoStatus:
        """The simulated AWS that this laptop sees."""
        return client.up(self.folder / "demo" / "aws")

    def another(self, folder: Path) -> Laptop:
        """Return a laptop that knows nothing but the account."""
        (folder / "demo").mkdir(parents=True)
        (folder / "demo" / "aws").symlink_to(self.folder / "demo" / "aws", target_is_directory=True)
        return Laptop(folder, self.interpreter)

    def run(self, *words: str) -> Answer:
        """Run `awsgpu --demo --json …` to its end."""
        return self._run(words)

    def type(self, *words: str) -> Answer:
        """Run it as people do, whose answers are no JSON."""
        return self._run(words, as_json=False)

    def run_until(self, boundary: str, how: str, *words: str, log: Path) -> Answer:
        """Run it and let it die at a boundary ("-": at none); the boundaries passed go to `log`."""
        return self._run(words, str(log), str(self.folder), boundary, how, "--", module="tests.matrix.boundary")

    def _run(self, words: tuple[str, ...], *before: str, module: str = AWSGPU, as_json: bool = True) -> Answer:
        variables = {**os.environ, "AWSGPU_DATA_DIR": str(self.folder)}
        line = [*before, "--demo", *(["--json"] if as_json else []), *words]
        done = self.interpreter.run(line, environment=variables, timeout_s=LONGEST_S, module=module)
        return Answer(words, done.returncode, done.stdout, done.stderr)

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask the simulated AWS about itself."""
        return client.ask(self.demo, path, body, timeout_s=LONGEST_S)

    def close_faults(self) -> None:
        """Close every tap."""
        httpx.delete(f"{self.demo.endpoint}/_awsgpu/faults", trust_env=False).raise_for_status()

    def billing(self) -> list[dict[str, Any]]:
        """Return what the simulated AWS is billing now."""
        return [row for row in self.ask("ledger")["resources"] if row["billing"]]

    def changes(self, since: int = 0) -> list[str]:
        """Return the operations that were asked to change something, of the calls after that number."""
        return [row["operation"] for row in self._asked_to_change(since)]

    def last_call(self) -> int:
        """Return the number of the last call at AWS."""
        return max((row["number"] for row in self.ask("calls")), default=0)

    def mark(self) -> Mark:
        """Return where a trial begins, for what it leaves behind to be told from what was there."""
        return Mark(self.last_call(), self._files())

    def left_since(self, mark: Mark) -> Left:
        """Return what a trial has changed at AWS and here, without what is chance."""
        done = [row for row in self._asked_to_change(mark.calls) if row["error"] in (None, CUT)]
        at_aws = sorted(row["operation"] for row in done if (row["status"] or 0) < REFUSED)
        files = self._files()
        new, gone = files - mark.files, mark.files - files
        return Left(tuple(at_aws), tuple(sorted(new.elements())), tuple(sorted(gone.elements())))

    def _asked_to_change(self, since: int) -> list[dict[str, Any]]:
        rows = self.ask(f"calls?since={since}")
        return [row for row in rows if not row["dry_run"] and not row["operation"].startswith(READING)]

    def records(self) -> Iterator[Path]:
        """Yield the files in the data folder; the simulated AWS's own are not among them."""
        for where, folders, names in os.walk(self.folder):
            if Path(where) == self.folder / "demo" and "aws" in folders:
                folders.remove("aws")
            yield from (Path(where) / name for name in names)

    def _files(self) -> Counter[str]:
        """Count the files by their descriptions; a folder alone is nothing, nor is what AWS publishes, once whole."""
        cache = self.folder / "cache"
        found = (path for path in self.records() if cache not in path.parents or path.suffix == ".part")
        return Counter(map(self._described, found))

    def _described(self, path: Path) -> str:
        where = path.relative_to(self.folder)
        try:
            mode, text = path.stat().st_mode, path.read_text(errors="replace")
        except FileNotFoundError:  # the tunnel's process writes its own at this moment
            mode, text = 0, ""
        if TOLD & set(where.parts):  # whether an operation has ended, and whether its last line is whole
            text = str('"step": ""' in text.rpartition('{"operation"')[2]) + text[-1:]
        return CHANCE.sub("*", f"{where} {text}") + f" {mode:o}"


@dataclass
class Loan:
    """A laptop that was lent, and whether the scene stands on it: at first, and, by the borrower, in the end."""

    laptop: Laptop
    stands: bool


class Account:
    """A simulated AWS and one laptop that uses it, for one trial after another; a context."""

    def __init__(self, code: Path = ROOT, led_on: set[tuple[object, ...]] | None = None) -> None:
        self._interpreter = Interpreter(code)
        self.led_on = set() if led_on is None else led_on
        """Verbs, and worlds from which they have been led to their end already."""
        self._scene = ""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="awsgpu-matrix-"))
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._scene:
            self._forget(self._laptop())
        client.down(self._folder / "demo" / "aws")
        self._interpreter.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def fresh(self) -> Iterator[Laptop]:
        """Lend the laptop, as if nothing had ever been done; afterwards all of the trial is ended and forgotten."""
        with self.lent("") as loan:
            yield loan.laptop

    @contextmanager
    def lent(self, scene: str) -> Iterator[Loan]:
        """Lend the laptop, with the scene of that name if it stands there from the trial before; "" is never kept.

        Where it does not stand, it is as if nothing had ever been done. Unless the borrower says that it stands when
        the loan ends, all is ended and forgotten.
        """
        laptop = self._laptop()
        stands = bool(scene) and scene == self._scene
        if self._scene and not stands:
            self._forget(laptop)
        self._scene = ""
        loan = Loan(laptop, stands)
        try:
            yield loan
            self._scene = scene if loan.stands else ""
        finally:
            if not self._scene:
                self._forget(laptop)

    def _laptop(self) -> Laptop:
        laptop = Laptop(self._folder, self._interpreter)
        laptop.demo  # noqa: B018 - starts it
        return laptop

    def _forget(self, laptop: Laptop) -> None:
        laptop.close_faults()
        for tunnel in (self._folder / "demo" / "tunnels").glob("i-*.json"):
            laptop.run("disconnect", tunnel.stem)
        laptop.ask("reset", {})
        httpx.delete(f"{laptop.demo.endpoint}/_awsgpu/calls", trust_env=False).raise_for_status()
        for part in [*self._folder.iterdir(), *(self._folder / "demo").iterdir()]:
            if part.name not in ("demo", "aws"):
                shutil.rmtree(part, ignore_errors=True)
                part.unlink(missing_ok=True) if part.is_file() else None
