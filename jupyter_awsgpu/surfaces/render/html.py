"""Sheets as HTML: the notebook theme's own colours, everything from outside escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.surfaces.render.style import STYLE

if TYPE_CHECKING:
    from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet


def badge() -> str:
    """Return the mark that everything simulated wears."""
    title = escape(tr("Nothing here is real, nothing costs money"), quote=True)
    return f'<span class="awsgpu-badge" title="{title}">{escape(tr("SIMULATED"))}</span>'


def draw(sheet: Sheet) -> str:
    """Return the sheet as one self-contained block."""
    parts = []
    if sheet.title or sheet.simulated:
        parts.append(f'<div class="awsgpu-title">{escape(sheet.title)}{badge() if sheet.simulated else ""}</div>')
    if sheet.rows:
        parts.append(_table(sheet))
    elif sheet.empty:
        parts.append(f'<div class="awsgpu-empty">{escape(sheet.empty)}</div>')
    parts += [f'<div class="awsgpu-note">{escape(note)}</div>' for note in sheet.notes]
    if sheet.commands:
        lines = "\n".join(escape(command) for command in sheet.commands)
        parts.append(f'<pre class="awsgpu-commands">{lines}</pre>')
    inner = "".join(parts)
    return block(f'<div class="awsgpu-card">{inner}</div>' if sheet.headless else inner)


def block(inner: str) -> str:
    """Wrap finished HTML with the style it needs; each output stands alone."""
    return f'{STYLE}<div class="awsgpu mathjax_ignore">{inner}</div>'


def link(address: str, label: str = "") -> str:
    """Return a link to an address of ours: only http on this machine becomes one.

    >>> link("javascript:alert(1)")
    'javascript:alert(1)'
    """
    shown = escape(address, quote=True)
    if not address.startswith(("http://127.0.0.1:", "http://localhost:")):
        return shown
    said = escape(label, quote=True) or shown
    return f'<a href="{shown}" target="_blank" rel="noopener noreferrer">{said}</a>'


def with_link(words: str) -> str:
    """Escape a sentence; an address of ours at its end becomes a link."""
    said, _, last = words.rpartition(" ")
    return f"{escape(said)} {link(last)}" if last.startswith("http://127.0.0.1:") else escape(words)


def _table(sheet: Sheet) -> str:
    used = [i for i in range(len(sheet.columns)) if any(row[i].text or row[i].bar is not None for row in sheet.rows)]
    head = "".join(f"<th{_side(sheet.columns[i])}>{escape(sheet.columns[i].title)}</th>" for i in used)
    rows = "".join("<tr>" + "".join(_cell(row[i], sheet.columns[i]) for i in used) + "</tr>" for row in sheet.rows)
    return f"<table>{'' if sheet.headless else f'<thead><tr>{head}</tr></thead>'}<tbody>{rows}</tbody></table>"


def _side(column: Column) -> str:
    kinds = ("awsgpu-right" if column.right else "") + (" awsgpu-prose" if column.wraps else "")
    return f' class="{kinds.strip()}"' if kinds.strip() else ""


def _cell(cell: Cell, column: Column) -> str:
    text = link(cell.link, cell.text) if cell.link else escape(cell.text, quote=True)
    if cell.tone:
        text = f'<span class="awsgpu-{cell.tone}">{text}</span>'
    if cell.bar is not None:
        text += bar(cell.bar)
    if cell.small:
        text += f' <span class="awsgpu-quiet">{escape(cell.small, quote=True)}</span>'
    return f"<td{_side(column)}>{text}</td>"


def bar(fraction: float) -> str:
    """Return a bar filled to `fraction` (0 to 1)."""
    percent = 100 * max(0.0, min(1.0, fraction))
    return f'<span class="awsgpu-bar"><span style="width:{percent:.0f}%"></span></span>'
