"""What a cell sends back, read: JSON with pieces of bytes beside it.

Nothing here runs what the instance wrote, except `unpickled`, which is only for those who asked for it.
"""

from __future__ import annotations

import datetime as dt
import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CLOUDPICKLE_THERE = "_awsgpu_cloudpickle"
"""The name under which the instance's kernel holds our copy of cloudpickle."""


class Unreadable(Exception):
    """A result that this machine cannot make a value of; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The bytes beside the JSON, cut where the sender said."""

    body: memoryview
    lengths: Sequence[int]

    def __getitem__(self, number: int) -> memoryview:
        """Return one piece."""
        begin = sum(self.lengths[:number])
        return self.body[begin : begin + self.lengths[number]]


def decode(document: Any, pieces: Pieces, *, unpickle: bool = False) -> Any:
    """Return the value of a result. Raises `Unreadable`; pickles are read only with `unpickle`."""
    try:
        return _Reader(pieces, unpickle=unpickle).read(document)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as exc:
        raise Unreadable(f"it did not arrive as it should ({exc})") from exc


class _Reader:
    def __init__(self, pieces: Pieces, *, unpickle: bool) -> None:
        self._pieces = pieces
        self._unpickle = unpickle

    def read(self, one: Any) -> Any:
        if isinstance(one, list):
            return [self.read(part) for part in one]
        if not isinstance(one, dict):
            return one
        kind = one["!"]
        read = getattr(self, f"_{kind}", None) or _PLAIN.get(kind)
        if read is None:
            raise Unreadable(f"a later version of jupyter-awsgpu sent it (as {kind})")
        value: Any = one if kind not in _PLAIN else [self.read(part) for part in one["v"]]
        return read(value)

    def _piece(self, one: Mapping[str, Any]) -> memoryview:
        return self._pieces[one["at"]]

    def _float(self, one: Mapping[str, Any]) -> float:
        return float(one["v"])

    def _int(self, one: Mapping[str, Any]) -> int:
        return int(one["v"], 16)

    def _complex(self, one: Mapping[str, Any]) -> complex:
        return complex(float(one["v"][0]), float(one["v"][1]))

    def _dict(self, one: Mapping[str, Any]) -> dict[Any, Any]:
        return {self.read(key): self.read(part) for key, part in one["v"]}

    def _odict(self, one: Mapping[str, Any]) -> OrderedDict[Any, Any]:
        return OrderedDict(self._dict(one))

    def _range(self, one: Mapping[str, Any]) -> range:
        return range(*(self.read(part) for part in one["v"]))

    def _slice(self, one: Mapping[str, Any]) -> slice:
        return slice(*(self.read(part) for part in one["v"]))

    def _bytes(self, one: Mapping[str, Any]) -> bytes:
        return bytes(self._piece(one))

    def _bytearray(self, one: Mapping[str, Any]) -> bytearray:
        return bytearray(self._piece(one))

    def _date(self, one: Mapping[str, Any]) -> dt.date:
        return dt.date.fromisoformat(one["v"])

    def _datetime(self, one: Mapping[str, Any]) -> dt.datetime:
        return dt.datetime.fromisoformat(one["v"]).replace(fold=one["fold"])

    def _time(self, one: Mapping[str, Any]) -> dt.time:
        return dt.time.fromisoformat(one["v"]).replace(fold=one["fold"])

    def _timedelta(self, one: Mapping[str, Any]) -> dt.timedelta:
        return dt.timedelta(*one["v"])

    def _pickle(self, one: Mapping[str, Any]) -> Any:
        if not self._unpickle:
            raise Unreadable("it is a pickle, and nobody asked for one")
        return unpickled(self._piece(one))

    # ── numpy and torch ──────────────────────────────────────────────────────

    def _npy(self, at: int) -> Any:
        np = _library("numpy")
        piece = self._pieces[at]
        file = io.BytesIO(piece[:65536])  # a header has no more than 64 KiB
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(file)
        if dtype.hasobject:
            raise Unreadable("it holds Python objects, which only a pickle carries")
        array = np.frombuffer(bytearray(piece[file.tell() :]), dtype=dtype)
        return array.reshape(shape[::-1]).transpose() if fortran else array.reshape(shape)

    def _array(self, one: Mapping[str, Any]) -> Any:
        return self._npy(one["at"])

    def _scalar(self, one: Mapping[str, Any]) -> Any:
        return self._npy(one["at"])[()]

    def _tensor(self, one: Mapping[str, Any]) -> Any:
        torch = _library("torch")
        dtype = getattr(torch, one["dtype"])
        piece = bytearray(self._piece(one))
        empty = torch.empty(one["shape"], dtype=dtype)
        made = torch.frombuffer(piece, dtype=dtype).reshape(one["shape"]) if piece else empty
        return torch.nn.Parameter(made, one["grad"]) if one["parameter"] else made.requires_grad_(one["grad"])

    # ── pandas ───────────────────────────────────────────────────────────────

    def _na(self, one: Mapping[str, Any]) -> Any:
        del one
        return _library("pandas").NA

    def _nat(self, one: Mapping[str, Any]) -> Any:
        del one
        return _library("pandas").NaT

    def _timestamp(self, one: Mapping[str, Any]) -> Any:
        return _library("pandas").Timestamp(one["v"])

    def _arrow(self, one: Mapping[str, Any]) -> Any:
        arrow = _library("pyarrow")
        with arrow.ipc.open_stream(arrow.py_buffer(bytes(self._piece(one)))) as stream:
            return stream.read_pandas()

    def _frame(self, one: Mapping[str, Any]) -> Any:
        pd = _library("pandas")
        index = self._index_of(pd, one["index"])
        columns = {number: self._column(pd, part, index) for number, part in enumerate(one["v"])}
        frame = pd.DataFrame(columns, index=index)
        frame.columns = self._index_of(pd, one["columns"])
        return frame

    def _series(self, one: Mapping[str, Any]) -> Any:
        pd = _library("pandas")
        made = self._column(pd, one["v"], self._index_of(pd, one["index"]))
        return made.rename(self.read(one["name"]))

    def _index(self, one: Mapping[str, Any]) -> Any:
        return self._index_of(_library("pandas"), one["v"])

    def _index_of(self, pd: Any, one: Mapping[str, Any]) -> Any:
        names = [self.read(name) for name in one["names"]]
        if one["kind"] == "range":
            return pd.RangeIndex(*one["v"], name=names[0])
        if one["kind"] == "multi":
            return pd.MultiIndex.from_arrays([self._column(pd, part, None) for part in one["v"]], names=names)
        made = pd.Index(self._column(pd, one["v"], None), name=names[0])
        if one.get("freq"):
            made.freq = one["freq"]
        return made

    def _column(self, pd: Any, one: Mapping[str, Any], index: Any) -> Any:
        kind = one["kind"]
        if kind == "array":
            return pd.Series(self._npy(one["at"]), index=index)
        if kind == "zone":
            zone = one["dtype"].partition(", ")[2].rstrip("]")
            return pd.Series(self._npy(one["at"]), index=index).dt.tz_localize("UTC").dt.tz_convert(zone)
        if kind == "category":
            categories = self._index_of(pd, one["of"])
            made = pd.Categorical.from_codes(self._npy(one["at"]), categories, ordered=one["ordered"])
            return pd.Series(made, index=index)
        if kind == "masked":
            made = pd.array(self._npy(one["at"]), dtype=one["dtype"])
            made[self._npy(one["mask"])] = pd.NA
            return pd.Series(made, index=index)
        return pd.Series([self.read(part) for part in one["v"]], index=index, dtype=one["dtype"])


_PLAIN: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def _library(name: str) -> Any:
    """Import what a result needs here, or say that it is missing."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise Unreadable(f"it needs {name}, which is not installed on this machine") from exc


class _Unpickler(pickle.Unpickler):
    """Reads what our copy of cloudpickle wrote there."""

    def find_class(self, module: str, name: str) -> Any:
        """Find our cloudpickle under its own name."""
        return super().find_class("cloudpickle.cloudpickle" if module == CLOUDPICKLE_THERE else module, name)


def unpickled(piece: memoryview) -> Any:
    """Return the value of a pickle. This runs whatever the instance wrote: only for those who said so."""
    try:
        return _Unpickler(io.BytesIO(piece)).load()
    except Exception as exc:  # a pickle may raise anything
        raise Unreadable(f"its pickle cannot be read here ({type(exc).__name__}: {exc})") from exc
