"""`%%awsgpu`: a cell runs on an instance; what it reads goes there, what is asked for comes back."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import (
    CannotComeBack,
    CannotTravel,
    CellLost,
    ModuleIsAFile,
    ModuleMissing,
    TooMuchToTravel,
)
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.remote.cells.kernel import CellKernel, Front, Ran
    from jupyter_awsgpu.remote.cells.parcel import Parcel
    from jupyter_awsgpu.verbs.workbench import Workbench

LIMIT = 256 * 1000 * 1000
"""Bytes that travel to the instance without being asked about: half a minute on a line of 70 Mbit/s."""

NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is to run.

    `code` is the person's text, `plain` the same as Python without IPython's syntax. `inputs` are the names that
    travel, None for those that the cell reads; `hidden` are names of the notebook's own, which never do.
    """

    code: str
    plain: str
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] = ()
    unpickle: bool = False
    limit: int = LIMIT
    count: int = 1
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Bill:
    """What a cell took: seconds, the GPU's mean and highest use in percent, bytes there and back, money."""

    name: str
    instance_type: str
    seconds: float
    sent: int
    received: int
    cost: float | None
    currency: str = "USD"
    gpu_mean: float | None = None
    gpu_most: float | None = None
    gpu_memory_mib: float | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """How a cell ended: its `error` as Jupyter has it (None if it did), results by name, what it took, remarks.

    `refusal` says which results did not come back; those that did are in `results`.
    """

    bill: Bill
    error: Mapping[str, Any] | None = None
    results: dict[str, Any] = field(default_factory=dict)
    refusal: CannotComeBack | None = None
    remarks: tuple[str, ...] = ()


class Cells:
    """The kernels of one notebook's cells, one on each instance; they know what the cells before them made."""

    def __init__(self) -> None:
        self._seats: dict[tuple[bool, str], Seat] = {}

    def run(
        self,
        cell: Cell,
        namespace: MutableMapping[str, Any],
        front: Front,
        *,
        name: str | None,
        demo: bool,
        bench: Callable[[], Workbench],
    ) -> Done:
        """Run a cell on the instance `name` (or the only one) with what it reads of `namespace`.

        Raises `CannotTravel`, `TooMuchToTravel`, `ModuleMissing`, `CellLost`, and the errors of the way in. AWS is
        asked for the first cell only: `bench` opens the rooms when they are needed.
        """
        from jupyter_awsgpu.remote.cells.kernel import KernelGone

        seat = self._seat(name, demo=demo, bench=bench)
        try:
            return seat.run(cell, namespace, front)
        except KernelGone as exc:
            if not seat.kernel.alive:
                self.drop(seat)
            raise CellLost(name=seat.instance.name, why=str(exc)) from exc

    def _seat(self, name: str | None, *, demo: bool, bench: Callable[[], Workbench]) -> Seat:
        key = (demo, name or "")
        known = self._seats.get(key)
        if known is not None and known.kernel.alive:
            return known
        if known is not None:
            self.drop(known)
        rooms = bench()
        instance = choose(rooms, name, "cell")
        made = next((one for one in self._seats.values() if one.instance.instance_id == instance.instance_id), None)
        if made is None or not made.kernel.alive:
            require_running(instance, "run a cell")
            made = Seat(rooms, instance)
        self._seats[key] = self._seats[demo, instance.name] = made
        return made

    def drop(self, seat: Seat) -> None:
        """Forget a kernel, and end it if it still runs."""
        for key in [key for key, one in self._seats.items() if one is seat]:
            del self._seats[key]
        seat.kernel.close()

    def close(self) -> None:
        """End all kernels: the notebook has ended."""
        for one in set(self._seats.values()):
            self.drop(one)


class Seat:
    """One kernel, and what this notebook knows of what it has."""

    def __init__(self, bench: Workbench, instance: Instance) -> None:
        from jupyter_awsgpu.remote.cells.kernel import CellKernel

        self.instance = instance
        self.simulated = bench.demo
        self._bench = bench
        self.kernel: CellKernel = CellKernel(instance.name, self._reach)
        self._has: dict[str, bytes] = {}

    def _reach(self) -> Host:
        """Connect to the instance, wherever AWS says that it is now."""
        instance = self.instance
        if hasattr(self, "kernel"):  # not the first time
            instance = choose(self._bench, self.instance.instance_id, "cell")
            require_running(instance, "run a cell")
        return reach(self._bench, instance)

    def run(self, cell: Cell, namespace: MutableMapping[str, Any], front: Front) -> Done:
        """Send what the cell reads, run it, fetch what it is to give."""
        from jupyter_awsgpu.remote.cells.kernel import giving

        began, before = time.monotonic(), self.kernel.traffic
        remarks = self._send(cell, self._reads(cell, namespace), namespace)
        expression = giving(cell.outputs, unpickle=cell.unpickle, arrow=self.kernel.arrow and _has_arrow())
        ran = self.kernel.run(cell.code, front, expression=expression)
        failed = ran.reply.get("status") != "ok"
        given = (self.kernel.give(giving((), unpickle=False, arrow=False)) if failed else ran.given) or {}
        results, refusal = self._results(cell, given)
        namespace.update(results)
        self._keep(namespace, {*given.get("bound", ()), *results})
        bill = self._bill(time.monotonic() - began, before, given.get("gpu"))
        return Done(bill, _error(ran) if failed else None, results, refusal, remarks)

    def _reads(self, cell: Cell, namespace: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the notebook's names that the cell reads, or those that it was given."""
        from jupyter_awsgpu.remote.cells.names import names_of

        if cell.inputs is not None:
            return cell.inputs
        try:
            found = names_of(cell.plain).reads
        except (SyntaxError, ValueError):
            return ()  # Python there says what is wrong, and where
        return tuple(name for name in found if name in namespace and name not in cell.hidden)

    def _send(self, cell: Cell, reads: tuple[str, ...], namespace: Mapping[str, Any]) -> tuple[str, ...]:
        from jupyter_awsgpu.remote.cells.parcel import pack

        unknown = [name for name in cell.inputs or () if name not in namespace]
        if unknown:
            raise CannotTravel(what=f"{', '.join(unknown)} (the notebook has no such name)", name=self.instance.name)
        known: Mapping[str, bytes] = self._has if cell.inputs is None else {}
        parcel, refused = pack(reads, namespace, self.kernel.there, known, limit=max(cell.limit, LIMIT))
        if refused:
            what = "; ".join(f"{name} ({why})" for name, why in refused.items())
            raise CannotTravel(what=what, name=self.instance.name)
        self._weigh(parcel, cell.limit)
        if not parcel.empty:
            answer = self.kernel.take(parcel, cell.count)
            self._refuse(answer, namespace)
        self._has |= parcel.digests
        return tuple(_two(going, other, self.instance.name) for going, other in parcel.shared)

    def _weigh(self, parcel: Parcel, limit: int) -> None:
        if parcel.size <= limit:
            return
        heaviest = sorted(parcel.sizes, key=lambda name: -parcel.sizes[name])[:NAMED_AT_MOST]
        raise TooMuchToTravel(
            size=size_text(parcel.size),
            what=", ".join(f"{name} {size_text(parcel.sizes[name])}" for name in heaviest),
            limit=size_text(limit),
            enough=f"{-(-parcel.size // 10**6)}MB",
            name=self.instance.name,
        )

    def _refuse(self, answer: Mapping[str, Any], namespace: Mapping[str, Any]) -> None:
        if answer.get("missing"):
            name, (module, _) = next(iter(answer["missing"].items()))
            raise self._missing(module, namespace.get(name))
        if answer.get("refused"):
            raise CannotTravel(what=f"a value ({answer['refused']})", name=self.instance.name)

    def _missing(self, module: str, value: object) -> ModuleMissing:
        from importlib.metadata import packages_distributions
        from pathlib import Path

        top = module.partition(".")[0]
        file = getattr(value if value is not None else sys.modules.get(top), "__file__", None)
        package = next(iter(packages_distributions().get(top, ())), None)
        facts = {"name": self.instance.name, "module": module}
        if file and package is None and Path(file).is_relative_to(Path.cwd()):
            path = Path(file).relative_to(Path.cwd())
            return ModuleIsAFile(**facts, path=path.parts[0] if len(path.parts) > 1 else path)
        return ModuleMissing(**facts, python=self.kernel.interpreter, package=package or top)

    def _results(self, cell: Cell, given: Mapping[str, Any]) -> tuple[dict[str, Any], CannotComeBack | None]:
        from jupyter_awsgpu.remote.cells.results import Pieces, Unreadable, decode

        if not given.get("results") and not given.get("unsafe") and not given.get("absent"):
            return {}, None
        sent = given["sent"]
        pieces = Pieces(memoryview(self.kernel.fetched(sent)), sent["lengths"])
        found: dict[str, Any] = {}
        refused = {str(name): str(why) for name, why in given["unsafe"].items()}
        refused |= dict.fromkeys(given["absent"], "the cell made no such name")
        for name, document in given["results"].items():
            try:
                found[name] = decode(document, pieces, unpickle=cell.unpickle)
            except Unreadable as exc:
                refused[name] = str(exc)
        if not refused:
            return found, None
        what = "; ".join(f"{name} ({why})" for name, why in refused.items())
        return found, CannotComeBack(what=what, name=self.instance.name)

    def _keep(self, namespace: Mapping[str, Any], names: set[str]) -> None:
        """Take names that the cell bound for the instance's own until they are bound anew here."""
        from jupyter_awsgpu.remote.cells.parcel import digest_of

        for name in names & namespace.keys():
            found = digest_of(namespace[name], namespace, self.kernel.there)
            if found is None:
                self._has.pop(name, None)
            else:
                self._has[name] = found

    def _bill(self, seconds: float, before: tuple[int, int], gpu: Mapping[str, float] | None) -> Bill:
        after, one = self.kernel.traffic, self.instance
        return Bill(
            name=one.name,
            instance_type=one.instance_type,
            seconds=seconds,
            sent=after[0] - before[0],
            received=after[1] - before[1],
            cost=None if one.price_per_hour is None else one.price_per_hour * seconds / 3600,
            currency=one.currency,
            gpu_mean=gpu["mean"] if gpu else None,
            gpu_most=gpu["most"] if gpu else None,
            gpu_memory_mib=gpu["memory_mib"] if gpu else None,
            simulated=self.simulated,
        )


def _error(ran: Ran) -> Mapping[str, Any]:
    reply = ran.reply
    if reply.get("status") == "error":
        return {key: reply.get(key) for key in ("ename", "evalue", "traceback")}
    return {"ename": "Aborted", "evalue": "the kernel dropped the cell", "traceback": []}


def _two(going: str, other: str, name: str) -> str:
    return (
        f"{going} has parts of {other}, which is on {name} already: there they are two things now. "
        f"--in {going},{other} sends both anew, as one."
    )


def _has_arrow() -> bool:
    from importlib.util import find_spec

    return find_spec("pyarrow") is not None


def size_text(size: float) -> str:
    """Return bytes as a person says them.

    >>> [size_text(one) for one in (12, 3400, 1_234_567, 8.1e9)]
    ['12 B', '3.4 kB', '1.2 MB', '8.1 GB']
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":  # noqa: PLR2004 - decimal units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError
