"""What a cell reads, made ready to travel: values of the notebook by name, as pickles of our own making.

The instance is the person's own, so what goes there may be a pickle; what comes back is another matter
(`results`). Functions and classes of the notebook go by value (cloudpickle). A function's globals are the
notebook's names there as they are here: they are found and sent beside it, never hidden inside it.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from cloudpickle import Pickler

from jupyter_awsgpu.remote.cells.names import globals_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOTEBOOK = "notebook"
"""How a pickle names the namespace that the notebook's functions see."""

SHARED_AT_MOST = 50_000
"""Values with more parts than this are not looked through for parts that another value has too."""


class CannotTravel(pickle.PicklingError):
    """A value that has no meaning on another machine; the text says why."""


@dataclass(frozen=True, slots=True)
class There:
    """The Python at the other end: its version, as text and in parts, and the newest pickle it reads."""

    python: str
    version: tuple[int, int]
    protocol: int

    @property
    def same(self) -> bool:
        """Whether bytecode of this Python runs there."""
        return self.version == sys.version_info[:2]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What travels: `head` is JSON-able and says how `body` is to be read. `digests` are of every value looked at.

    `sizes` are bytes of what travels, by name; `shared` are (travels, is there already) pairs with common parts.
    """

    head: dict[str, Any]
    body: tuple[Any, ...]
    sizes: dict[str, int]
    digests: dict[str, bytes]
    shared: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return sum(map(_length, self.body))

    @property
    def empty(self) -> bool:
        """Whether nothing needs to travel."""
        return not self.head["names"] and not self.head["modules"]


@dataclass(frozen=True, slots=True)
class _Packed:
    """One value, pickled alone; `parts` are its mutable parts by their identity here."""

    pickled: bytes
    buffers: tuple[pickle.PickleBuffer, ...]
    reads: tuple[str, ...]
    parts: dict[int, object]

    @property
    def size(self) -> int:
        return len(self.pickled) + sum(one.raw().nbytes for one in self.buffers)

    def digest(self) -> bytes:
        found = hashlib.blake2b(self.pickled, digest_size=16)
        for one in self.buffers:
            found.update(one.raw())
        return found.digest()


class _Packer(Pickler):  # type: ignore[misc] # cloudpickle has no types
    """Pickles with the notebook's namespace left at its place."""

    def __init__(self, file: io.BytesIO, namespace: Mapping[str, Any], there: There, buffers: list[Any]) -> None:
        protocol = min(pickle.HIGHEST_PROTOCOL, there.protocol)
        super().__init__(file, protocol=protocol, buffer_callback=buffers.append if protocol >= 5 else None)  # noqa: PLR2004 - PEP 574
        self.reads: dict[str, None] = {}
        self._namespace = namespace
        self._there = there
        self._place = {NOTEBOOK: True}
        self.globals_ref[id(namespace)] = self._place

    def persistent_id(self, obj: object) -> str | None:
        """Leave the namespace where it is (the pickle module's hook)."""
        return NOTEBOOK if obj is self._place else None

    def _dynamic_function_reduce(self, func: FunctionType) -> tuple[Any, ...]:
        if not self._there.same:
            here = f"{sys.version_info[0]}.{sys.version_info[1]}"
            raise CannotTravel(
                f"{func.__qualname__} is code of Python {here}, and the instance has {self._there.python}: "
                "define it in the cell itself"
            )
        reduced: tuple[Any, ...] = super()._dynamic_function_reduce(func)
        if func.__globals__ is self._namespace:
            self.reads |= dict.fromkeys(globals_of(func.__code__))
            reduced[2][1]["__globals__"] = {}
        return reduced


def pack(
    names: Iterable[str], namespace: Mapping[str, Any], there: There, known: Mapping[str, bytes], *, limit: int
) -> tuple[Parcel, dict[str, str]]:
    """Return the parcel of these names and of what they read in turn, and why some cannot travel.

    `known` are the digests of what the instance has; a value that has not changed since stays here.
    Nothing larger than `limit` bytes is pickled whole: it counts as that large.
    """
    packed, modules, refused = _pack_each(names, namespace, there, limit)
    digests = {name: one.digest() for name, one in packed.items()}
    going = [name for name in packed if digests[name] != known.get(name)]
    head: dict[str, Any] = {"names": going, "modules": modules, "together": len(going) > 1}
    if len(going) > 1 and not refused:
        together = _pack({name: namespace[name] for name in going}, namespace, there, None)
        body = (together.pickled, *(one.raw() for one in together.buffers))
    else:
        body = tuple(part for name in going for part in (packed[name].pickled, *_raw(packed[name])))
    head["lengths"] = [_length(one) for one in body]
    sizes = {name: packed[name].size for name in going}
    return Parcel(head, body, sizes, digests, tuple(_shared(going, packed))), refused


def digest_of(value: object, namespace: Mapping[str, Any], there: There) -> bytes | None:
    """Return what `pack` would know the value by, or None for one that cannot travel."""
    try:
        return _pack(value, namespace, there, None).digest()
    except Exception:
        return None


def _pack_each(
    names: Iterable[str], namespace: Mapping[str, Any], there: There, limit: int
) -> tuple[dict[str, _Packed], dict[str, str], dict[str, str]]:
    packed: dict[str, _Packed] = {}
    modules: dict[str, str] = {}
    refused: dict[str, str] = {}
    waiting = list(dict.fromkeys(names))
    for name in waiting:  # grows while it runs
        if name not in namespace:
            continue
        value = namespace[name]
        if isinstance(value, ModuleType):
            modules[name] = value.__name__
            continue
        try:
            packed[name] = _pack(value, namespace, there, limit)
        except Exception as exc:  # a value's own __reduce__ may raise anything
            refused[name] = _why(exc)
            continue
        waiting += [one for one in packed[name].reads if one not in waiting]
    return packed, modules, refused


def _pack(value: object, namespace: Mapping[str, Any], there: There, limit: int | None) -> _Packed:
    file = io.BytesIO() if limit is None else _Limited(limit)
    buffers: list[pickle.PickleBuffer] = []
    packer = _Packer(file, namespace, there, buffers)
    packer.dump(value)
    memo = packer.memo.copy()
    parts = {key: one for key, (_, one) in memo.items() if _mutable(one)} if len(memo) <= SHARED_AT_MOST else {}
    return _Packed(file.getvalue(), tuple(buffers), tuple(packer.reads), parts)


class _Limited(io.BytesIO):
    """Memory for a pickle, as far as it is wanted."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, piece: Any) -> int:
        if self.tell() + len(piece) > self._limit:
            raise TooLarge(self.tell() + len(piece))
        return super().write(piece)


class TooLarge(Exception):
    """A value whose pickle is larger than the limit; holds how large it was when that was seen."""


def _mutable(one: object) -> bool:
    return type(one) in (list, dict, set, bytearray) or (
        hasattr(one, "__dict__") and not isinstance(one, type | FunctionType | ModuleType)
    )


def _shared(going: list[str], packed: Mapping[str, _Packed]) -> Iterable[tuple[str, str]]:
    """Yield what travels with the value that stayed and has parts of it: there they will be two."""
    for name in going:
        for other in packed:
            if other not in going and packed[name].parts.keys() & packed[other].parts.keys():
                yield name, other


def _length(part: Any) -> int:
    return memoryview(part).nbytes


def _raw(one: _Packed) -> tuple[memoryview, ...]:
    return tuple(buffer.raw() for buffer in one.buffers)


def _why(exc: Exception) -> str:
    if isinstance(exc, TooLarge):
        return f"its pickle is larger than {exc.args[0]} bytes"
    words = str(exc).strip().splitlines()
    return words[0] if words else type(exc).__name__
