"""What a notebook's `%%awsgpu` cells need inside their kernel on the instance.

This text is sent into the kernel and run there by any Python from 3.8 on, so it imports nothing of
ours. Values come in as a pickle from the person's own notebook; results go out by formats that
cannot run code where they are read (JSON, npy, Arrow, plain bytes), unless a pickle was asked for.
"""

from __future__ import annotations

import base64
import datetime as dt
import importlib
import importlib.util
import io
import json
import math
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import types

CLOUDPICKLE = "_awsgpu_cloudpickle"  # the notebook's own copy: versions always fit
NOTEBOOK = "notebook"
INLINE = 256 * 1024  # bytes; what is larger goes through a file
DEEPEST = 100
SAMPLE_AFTER_S = 0.25
SAMPLE_EVERY_S = 1.0
QUERY = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
WHOLE = 2**63


class Unsafe(Exception):
    """A value that only a pickle can carry; the text names what in it."""


class Answer:
    """A JSON-able answer, as IPython's `user_expressions` hand it over."""

    def __init__(self, document):
        self._document = document

    def _repr_mimebundle_(self, include=None, exclude=None):
        del include, exclude
        return {"application/json": self._document, "text/plain": ""}


def begin(cloudpickle_source):
    """Make this kernel ready for cells; answer what it is."""
    module = types.ModuleType(CLOUDPICKLE)
    sys.modules[CLOUDPICKLE] = module
    exec(compile(cloudpickle_source, "<cloudpickle>", "exec"), module.__dict__)  # noqa: S102 - the notebook's own
    shell().history_manager.enabled = False  # the notebook keeps its own, and numbers its cells
    events = shell().events
    events.register("pre_run_cell", METER.start)
    events.register("post_run_cell", METER.stop)
    from ipykernel.connect import get_connection_file

    work = os.path.expanduser("~/work")  # where the instance's Jupyter begins
    if os.path.isdir(work):
        os.chdir(work)

    folder = os.path.dirname(get_connection_file())  # goes when the kernel does
    FOLDER.append(folder)
    return Answer(
        {
            "python": "%d.%d.%d" % sys.version_info[:3],
            "version": list(sys.version_info[:2]),
            "protocol": pickle.HIGHEST_PROTOCOL,
            "interpreter": sys.executable,
            "folder": folder,
            "pyarrow": has("pyarrow"),
        }
    )


FOLDER = []


def has(module):
    """Whether a module could be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def shell():
    """Return the kernel's IPython."""
    from IPython import get_ipython

    return get_ipython()


# ── what comes in ────────────────────────────────────────────────────────────


class Unpacker(pickle.Unpickler):
    """Reads a parcel; functions of the notebook get this kernel's namespace."""

    def persistent_load(self, pid):
        """Return what a pickle left at its place."""
        if pid != NOTEBOOK:
            raise pickle.UnpicklingError("unknown place " + repr(pid))
        return shell().user_ns

    def find_class(self, module, name):
        """Find cloudpickle in our copy of it."""
        if module in ("cloudpickle.cloudpickle", "cloudpickle"):
            module = CLOUDPICKLE
        return super().find_class(module, name)


def take(head, text=None):
    """Put a parcel's values and modules into the notebook's namespace; `text` is a small body in base64."""
    head = json.loads(head)
    shell().execution_count = head.get("count", shell().execution_count)
    namespace = shell().user_ns
    missing = {}
    for name, module in head["modules"].items():
        try:
            namespace[name] = importlib.import_module(module)
        except ImportError as exc:
            missing[name] = [module, str(exc)]
    if missing:
        return Answer({"missing": missing})
    if head["names"]:
        try:
            values = _values(head, text)
        except ImportError as exc:
            return Answer({"missing": {"": [getattr(exc, "name", None) or "", str(exc)]}})
        except Exception as exc:  # a class's own __setstate__ may raise anything
            return Answer({"refused": "%s: %s" % (type(exc).__name__, exc)})
        namespace.update(values)
    return Answer({})


def _values(head, text):
    body = io.BytesIO(base64.b64decode(text)) if text is not None else open(head["file"], "rb")  # noqa: SIM115
    with body:
        if text is None:
            os.unlink(head["file"])
        parts = []
        for length in head["lengths"]:
            part = bytearray(length)
            view, got = memoryview(part), 0
            while got < length:
                read = body.readinto(view[got:])
                if not read:
                    raise EOFError("the values arrived incomplete")
                got += read
            parts.append(part)
    loaded = Unpacker(io.BytesIO(parts[0]), buffers=parts[1:]).load()
    return loaded if head["together"] else {head["names"][0]: loaded}


# ── what goes out ────────────────────────────────────────────────────────────


class Outgoing:
    """The bytes beside a result's JSON, one piece after the other."""

    def __init__(self):
        self.file = tempfile.SpooledTemporaryFile(max_size=INLINE)  # noqa: SIM115 - closed by `done`
        self.lengths = []

    def add(self, write):
        """Let `write(file)` add one piece; return its number."""
        at = self.file.tell()
        write(self.file)
        self.lengths.append(self.file.tell() - at)
        return len(self.lengths) - 1

    def back_to(self, count):
        """Forget the pieces after the first `count`."""
        del self.lengths[count:]
        self.file.seek(sum(self.lengths))
        self.file.truncate()

    def done(self):
        """Return how the other side gets the bytes: as text, or as a file's path."""
        size = sum(self.lengths)
        self.file.seek(0)
        with self.file:
            if size <= INLINE:
                return {"text": base64.b64encode(self.file.read()).decode()}
            path = os.path.join(FOLDER[0], os.urandom(8).hex())
            with open(path, "wb") as kept:
                while True:
                    piece = self.file.read(1 << 20)
                    if not piece:
                        break
                    kept.write(piece)
        return {"file": path}


def give(names, unpickle=False, arrow=False):
    """Answer with the results of these names, how busy the GPU was, and why some cannot come."""
    namespace, out = shell().user_ns, Outgoing()
    results, unsafe, missing = {}, {}, []
    for name in names:
        if name not in namespace:
            missing.append(name)
            continue
        before = len(out.lengths)
        try:
            results[name] = encode(namespace[name], out, arrow and has("pyarrow"))
        except Unsafe as exc:
            out.back_to(before)
            if unpickle:
                try:
                    results[name] = _pickled(namespace[name], out)
                except Exception as why:  # a value's own __reduce__ may raise anything
                    out.back_to(before)
                    unsafe[name] = "%s: %s" % (type(why).__name__, why)
            else:
                unsafe[name] = str(exc)
    sent = {"lengths": out.lengths, **out.done()} if names else {}
    return Answer(
        {
            "results": results,
            "unsafe": unsafe,
            "absent": missing,
            "sent": sent,
            "gpu": METER.reading(),
            "bound": METER.bound(),
        }
    )


def _pickled(value, out):
    write = sys.modules[CLOUDPICKLE].Pickler
    return {"!": "pickle", "at": out.add(lambda file: write(file, protocol=5).dump(value))}


def encode(value, out, arrow):  # noqa: C901 - one line a kind
    """Return the JSON of a value, its arrays put into `out`. Raises `Unsafe`."""
    seen = set()

    def tree(one, depth=0):
        kind = type(one)
        if one is None or kind in (bool, str):
            return one
        if kind is float:
            return one if math.isfinite(one) else {"!": "float", "v": repr(one)}
        if kind is int:
            return one if -WHOLE < one < WHOLE else {"!": "int", "v": hex(one)}
        if depth > DEEPEST or id(one) in seen:
            raise Unsafe("it contains itself, or is nested more than %d deep" % DEEPEST)
        seen.add(id(one))
        try:
            return branch(one, kind, depth + 1)
        finally:
            seen.discard(id(one))

    def branch(one, kind, depth):  # noqa: PLR0911 - one line a kind
        if kind is list:
            return [tree(part, depth) for part in one]
        if kind in (tuple, set, frozenset):
            return {"!": kind.__name__, "v": [tree(part, depth) for part in one]}
        if kind is dict:
            return {"!": "dict", "v": [[tree(key, depth), tree(part, depth)] for key, part in one.items()]}
        if kind.__module__ == "collections" and kind.__name__ == "OrderedDict":
            return {"!": "odict", "v": [[tree(key, depth), tree(part, depth)] for key, part in one.items()]}
        if kind in (bytes, bytearray):
            return {"!": kind.__name__, "at": out.add(lambda file: file.write(one))}
        if kind is complex:
            return {"!": "complex", "v": [repr(one.real), repr(one.imag)]}
        if kind in (range, slice):
            return {"!": kind.__name__, "v": [tree(part, depth) for part in (one.start, one.stop, one.step)]}
        return foreign(one, kind, out, lambda part: tree(part, depth), arrow)

    return tree(value)


def foreign(one, kind, out, tree, arrow):
    """Return the JSON of a value of numpy, pandas, torch or datetime."""
    if kind.__module__ == "datetime" and kind.__name__ in ("date", "datetime", "time") and _plain_zone(one):
        return {"!": kind.__name__, "v": one.isoformat(), "fold": getattr(one, "fold", 0)}
    if kind.__module__ == "datetime" and kind.__name__ == "timedelta":
        return {"!": "timedelta", "v": [one.days, one.seconds, one.microseconds]}
    for library, door in (("numpy", _numpy), ("torch", _torch), ("pandas", _pandas)):
        loaded = sys.modules.get(library)
        found = None if loaded is None else door(loaded, one, out, tree, arrow)
        if found is not None:
            return found
    raise Unsafe("%s.%s" % (kind.__module__, kind.__qualname__))


def _plain_zone(one):
    return getattr(one, "tzinfo", None) is None or type(one.tzinfo) is dt.timezone


def _numpy(np, one, out, tree, arrow):
    del tree, arrow
    if isinstance(one, np.generic) and type(one).__module__ == "numpy" and not one.dtype.hasobject:
        return {"!": "scalar", "at": _npy(np, np.asarray(one), out)}
    if type(one) in (np.ndarray, np.memmap):
        return {"!": "array", "at": _npy(np, np.asarray(one), out)}
    return None


def _npy(np, array, out):
    from numpy.lib import format as npy

    if array.dtype.hasobject:
        raise Unsafe("a numpy array of Python objects")
    if npy.descr_to_dtype(npy.dtype_to_descr(array.dtype)) != array.dtype:
        raise Unsafe("a numpy array of %s" % array.dtype)
    return out.add(lambda file: np.lib.format.write_array(file, array, allow_pickle=False))


def _torch(torch, one, out, tree, arrow):
    del tree, arrow
    if type(one) not in (torch.Tensor, torch.nn.Parameter):
        return None
    if one.layout != torch.strided or one.is_quantized:
        raise Unsafe("a sparse or quantized torch tensor")
    flat = one.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return {
        "!": "tensor",
        "dtype": str(one.dtype).partition(".")[2],
        "shape": list(one.shape),
        "grad": bool(one.requires_grad),
        "parameter": type(one) is torch.nn.Parameter,
        "at": out.add(lambda file: file.write(flat.numpy().data) if flat.numel() else None),
    }


def _pandas(pd, one, out, tree, arrow):
    if type(one) is pd.DataFrame:
        found = _by_arrow(one, out) if arrow and not one.attrs else None
        return found or _frame(pd, one, out, tree)
    if type(one) is pd.Series:
        return {"!": "series", "name": tree(one.name), "index": _index(pd, one.index, out, tree),
                "v": _column(pd, one, out, tree)}  # fmt: skip
    if isinstance(one, pd.Index):
        return {"!": "index", "v": _index(pd, one, out, tree)}
    if type(one) is pd.Timestamp and one.tz is None:
        return {"!": "timestamp", "v": one.isoformat()}
    if one is pd.NA or one is pd.NaT:
        return {"!": "nat" if one is pd.NaT else "na"}
    return None


def _by_arrow(frame, out):
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame)
        if not table.to_pandas().dtypes.equals(frame.dtypes):
            return None
    except (pa.ArrowException, TypeError, ValueError):
        return None

    def write(file):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        file.write(sink.getvalue())

    return {"!": "arrow", "at": out.add(write)}


def _frame(pd, frame, out, tree):
    return {
        "!": "frame",
        "columns": _index(pd, frame.columns, out, tree),
        "index": _index(pd, frame.index, out, tree),
        "v": [_column(pd, frame.iloc[:, number], out, tree) for number in range(frame.shape[1])],
    }


def _index(pd, index, out, tree):
    names = [tree(name) for name in index.names]
    if type(index) is pd.RangeIndex:
        return {"kind": "range", "v": [index.start, index.stop, index.step], "names": names}
    if type(index) is pd.MultiIndex:
        levels = [_column(pd, index.get_level_values(level).to_series(), out, tree) for level in range(index.nlevels)]
        return {"kind": "multi", "v": levels, "names": names}
    freq = getattr(index, "freqstr", None)
    return {"kind": "one", "v": _column(pd, index.to_series(), out, tree), "names": names, "freq": freq}


def _column(pd, column, out, tree):
    import numpy as np

    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biufcmM":
        return {"kind": "array", "at": _npy(np, column.to_numpy(), out)}
    if isinstance(dtype, pd.DatetimeTZDtype):
        return {
            "kind": "zone",
            "dtype": str(dtype),
            "at": _npy(np, column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(), out),
        }
    if isinstance(dtype, pd.CategoricalDtype):
        codes = _npy(np, column.cat.codes.to_numpy(), out)
        return {
            "kind": "category",
            "at": codes,
            "of": _index(pd, dtype.categories, out, tree),
            "ordered": bool(dtype.ordered),
        }
    if str(dtype) in (
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float32",
        "Float64",
        "boolean",
    ):
        bare = column.to_numpy(dtype=str(dtype).lower().replace("boolean", "bool"), na_value=0)
        return {
            "kind": "masked",
            "dtype": str(dtype),
            "at": _npy(np, bare, out),
            "mask": _npy(np, column.isna().to_numpy(), out),
        }
    if dtype.kind == "O" or isinstance(dtype, pd.StringDtype):
        return {"kind": "list", "dtype": str(dtype), "v": [tree(part) for part in column.tolist()]}
    raise Unsafe("a pandas column of %s" % dtype)


# ── how busy the GPU is ──────────────────────────────────────────────────────


class Meter:
    """Looks at the GPUs while a cell runs, and at which names it binds."""

    def __init__(self):
        self._ended = threading.Event()
        self._looks = []
        self._none = False
        self._before = {}

    def start(self, *_):
        """Begin with a cell."""
        self._ended, self._looks = threading.Event(), []
        self._before = {name: id(value) for name, value in shell().user_ns.items()}  # ids keep nothing alive
        if not self._none:
            threading.Thread(target=self._watch, args=(self._ended, self._looks), daemon=True).start()

    def stop(self, *_):
        """End with it."""
        self._ended.set()

    def _watch(self, ended, looks):
        pause = SAMPLE_AFTER_S
        while not ended.wait(pause):
            pause = SAMPLE_EVERY_S
            try:
                done = subprocess.run(QUERY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=True)
                rows = [line.split(",") for line in done.stdout.decode().splitlines() if line.strip()]
                looks.append((time.monotonic(), max(float(row[0]) for row in rows), sum(float(row[1]) for row in rows)))
            except (OSError, ValueError, IndexError, subprocess.SubprocessError):
                self._none = True  # no GPU, or no driver yet: asked no more
                return

    def bound(self):
        """Return the names that the last cell bound."""
        found = shell().user_ns.items()
        return [name for name, value in found if name[0] != "_" and self._before.get(name) != id(value)]

    def reading(self):
        """Return the mean and the highest use in percent and the most memory in MiB, or None without a look."""
        if not self._looks:
            return None
        uses = [look[1] for look in self._looks]
        return {"mean": sum(uses) / len(uses), "most": max(uses), "memory_mib": max(look[2] for look in self._looks)}


METER = Meter()
