"""`%%awsgpu` in a notebook: its output here as if it had run here, and one line below on what it took."""

from __future__ import annotations

import atexit
import sys
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import AwsGpuError, CellFailed
from jupyter_awsgpu.surfaces.ask import Ask
from jupyter_awsgpu.surfaces.notebook import quieten
from jupyter_awsgpu.surfaces.render import html
from jupyter_awsgpu.surfaces.render.sheet import duration, money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_awsgpu.surfaces.answers import CellLine
    from jupyter_awsgpu.verbs.cell import Bill, Cells, Done

WIDGET = "application/vnd.jupyter.widget-view+json"
"""A widget's model lives in the kernel that made it: its text is shown here in its place."""

_open: dict[int, Cells] = {}
"""The kernels of each shell of this process: one, but for tests."""


def run_cell(shell: InteractiveShell, line: str, code: str) -> None:
    """Run a cell on the instance; results named with --out become the notebook's.

    An exception of the cell's ends it here with the traceback from there; what kept it from running, with its
    sentence and the command that helps.
    """
    from jupyter_awsgpu.surfaces.bugs import bug
    from jupyter_awsgpu.surfaces.grammar import run, split
    from jupyter_awsgpu.surfaces.magics import _progress

    ask = Ask("notebook", [], show=lambda asked: _progress(shell, asked), config=shell.config)
    try:
        ask.arguments = ["cell", *split(line)]
        asked = run(ask)
        if asked is not None:
            _show(_run(shell, ask, asked, line, code))
    except AwsGpuError as exc:
        if not ask.debug and not isinstance(exc, CellFailed):
            quieten(exc, ask.begin)
        raise
    except Exception as exc:
        if ask.debug:
            raise
        raise quieten(bug(exc, ask), ask.begin) from exc


def end(shell: InteractiveShell) -> None:
    """End the kernels of a shell's cells."""
    kept = _open.pop(id(shell), None)
    if kept is not None:
        kept.close()


def _run(shell: InteractiveShell, ask: Ask, asked: CellLine, line: str, code: str) -> Done:
    from jupyter_awsgpu.verbs.cell import LIMIT, Cell

    namespace: Any = shell.user_ns
    transform: Any = shell.transform_cell
    hidden = frozenset(name for name, value in shell.user_ns_hidden.items() if namespace.get(name) is value)
    cell = Cell(
        code=_placed(line, code),
        plain=transform(code),
        inputs=asked.inputs,
        outputs=asked.outputs,
        unpickle=asked.unpickle,
        limit=LIMIT if asked.limit is None else asked.limit,
        count=shell.execution_count,
        hidden=hidden,
    )
    demo = bool(ask.settings().demo)
    return _cells(shell).run(cell, namespace, _Front(), name=asked.name, demo=demo, bench=ask.bench)


def _cells(shell: InteractiveShell) -> Cells:
    from jupyter_awsgpu.verbs.cell import Cells

    if id(shell) not in _open:
        _open[id(shell)] = Cells()
        atexit.register(end, shell)
    return _open[id(shell)]


def _placed(line: str, code: str) -> str:
    """Put a comment where the magic stands, so that line numbers there are the cell's."""
    return code if code.lstrip().startswith("%%") else f"# %%awsgpu {line}".rstrip() + "\n" + code


class _Front:
    """Shows a remote kernel's messages as this kernel's own."""

    def hear(self, kind: str, content: Mapping[str, Any]) -> None:
        """Show one message."""
        from IPython import display

        show: Any = display
        if kind == "stream":
            stream = sys.stderr if content["name"] == "stderr" else sys.stdout
            stream.write(content["text"])
            stream.flush()
        elif kind in ("display_data", "execute_result", "update_display_data"):
            data = {key: value for key, value in content["data"].items() if key != WIDGET}
            more: dict[str, Any] = {"transient": content.get("transient") or {}}
            if kind == "update_display_data":
                more["update"] = True
            show.publish_display_data(data, content.get("metadata") or {}, **more)
        elif kind == "clear_output":
            show.clear_output(wait=content.get("wait", False))

    def answer(self, prompt: str, *, password: bool) -> str:
        """Ask the person, in this cell."""
        from getpass import getpass

        return getpass(prompt) if password else input(prompt)


def _show(done: Done) -> None:
    for remark in done.remarks:
        print(remark, file=sys.stderr)  # noqa: T201 - this is the cell's output
    _show_bill(done.bill)
    if done.error is not None:
        raise _failure(done)
    if done.refusal is not None:
        raise done.refusal


def _failure(done: Done) -> CellFailed:
    """Return the cell's exception, to be shown as the traceback that was made there."""
    error: Any = done.error
    failed = CellFailed(name=done.bill.name, ename=error["ename"], evalue=error["evalue"])
    lines = [str(one) for one in error.get("traceback") or ()] or [f"{error['ename']}: {error['evalue']}"]
    failed._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
    return failed


def _show_bill(bill: Bill) -> None:
    from html import escape

    from IPython import display

    show: Any = display.publish_display_data
    line = bill_line(bill)
    badge = html.badge() if bill.simulated else ""
    shown = html.block(f'<span class="awsgpu-quiet">{escape(line)}</span>{badge}')
    show({"text/plain": line + (" · SIMULATED" if bill.simulated else ""), "text/html": shown})


def bill_line(bill: Bill) -> str:
    """Return what a cell took, in one line."""
    from jupyter_awsgpu.verbs.cell import size_text

    took = f"{1000 * bill.seconds:.0f} ms" if bill.seconds < 0.1 else duration(bill.seconds)  # noqa: PLR2004
    parts = [f"{bill.name} ({bill.instance_type})", took]
    if bill.gpu_mean is not None and bill.gpu_most is not None:
        memory = f", {bill.gpu_memory_mib / 1024:.1f} GiB" if bill.gpu_memory_mib else ""
        parts.append(f"GPU {bill.gpu_mean:.0f} %, at most {bill.gpu_most:.0f} %{memory}")
    parts.append(f"{size_text(bill.sent)} there, {size_text(bill.received)} back")
    if bill.cost is not None:
        small = bill.cost < 0.01 and bill.currency == "USD"  # noqa: PLR2004 - below a cent
        parts.append(f"{100 * bill.cost:.2g} ¢" if small else money(bill.cost, bill.currency))
    return " · ".join(parts)
