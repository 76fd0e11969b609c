"""The terminal: `awsgpu VERB …`. Answers on stdout, progress and refusals on stderr, an exit status.

0 done, 1 an error with its remedy, 2 a line that is off, 130 interrupted. `ssh -- CMD` ends as CMD did.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from jupyter_awsgpu.surfaces.ask import Ask
from jupyter_awsgpu.surfaces.grammar import GRAMMAR, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.errors import AwsGpuError
    from jupyter_awsgpu.surfaces.display import Progress

COMPLETE_VARIABLE = "_AWSGPU_COMPLETE"
"""The variable by which a shell asks for completion instead of a verb."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one line of the terminal and return its exit status."""
    if COMPLETE_VARIABLE in os.environ:
        return _complete(os.environ[COMPLETE_VARIABLE])
    from jupyter_awsgpu.errors import AwsGpuError

    given = list(sys.argv[1:] if arguments is None else arguments)
    ask = Ask("terminal", given, show=_progress, confirm=_confirm if _somebody_there(given) else None)
    try:
        return _show(run(ask), ask)
    except AwsGpuError as exc:
        return _refuse(exc, ask)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read our output has enough of it; give the interpreter nothing left to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complete(instruction: str) -> int:
    from click.shell_completion import shell_complete

    return shell_complete(GRAMMAR, {}, "awsgpu", COMPLETE_VARIABLE, instruction)


def _progress(ask: Ask) -> Progress:
    from jupyter_awsgpu.surfaces.display import PlainProgress, TerminalProgress

    if ask.several:
        from jupyter_awsgpu.surfaces.several import side_by_side

        return side_by_side(sys.stderr, simulated=ask.simulated, live=not ask.json)
    if sys.stderr.isatty() and not ask.json and os.environ.get("TERM") != "dumb":
        return TerminalProgress(sys.stderr, simulated=ask.simulated, colour=_colour(sys.stderr))
    return PlainProgress(sys.stderr, simulated=ask.simulated)


def _colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _somebody_there(arguments: list[str]) -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and "--json" not in arguments


def _confirm(question: str) -> bool:
    from jupyter_awsgpu.language import tr

    sys.stderr.write(f"{question} {tr('Go on? [y/N]')} ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


# ── answers ──────────────────────────────────────────────────────────────────────────────────


def _show(value: Any, ask: Ask) -> int:
    if value is None:
        return 0
    from jupyter_awsgpu.surfaces.answers import Document, Lines, SshCommand, Token, sheet_of

    if isinstance(value, SshCommand) and value.run:
        return _ssh(value)
    if isinstance(value, Lines):
        return _lines(value, ask)
    if ask.json or isinstance(value, Document):
        import json

        from jupyter_awsgpu.surfaces.documents import document_of

        _write(json.dumps(document_of(value), indent=2, ensure_ascii=not _speaks_unicode()))
    elif isinstance(value, Token):
        _write(str(value.token))
    elif isinstance(value, SshCommand):
        _write(_shell_line(value.arguments))
    else:
        from jupyter_awsgpu.surfaces.render import text
        from jupyter_awsgpu.surfaces.render.sheet import spoken
        from jupyter_awsgpu.surfaces.spelling import spell_sheet

        sheet = sheet_of(value, simulated=ask.simulated)
        if sheet is not None:
            sheet = spell_sheet(spoken(sheet), ask.begin)
        _write(str(value) if sheet is None else text.draw(sheet, width=_width(), colour=_colour(sys.stdout)))
    return 0


def _lines(value: Any, ask: Ask) -> int:
    import json

    from jupyter_awsgpu.surfaces.render.text import plain

    if ask.json and value.documents is not None:
        return _documents(value)
    if ask.json and not value.endless:
        _write(json.dumps(list(value.lines), indent=2, ensure_ascii=not _speaks_unicode()))
        return 0
    try:
        for line in value.lines:
            _write(json.dumps({"line": line}) if ask.json else plain(line.rstrip("\n").replace("\t", "    ")))
    except KeyboardInterrupt:
        return 130
    return 0


def _documents(value: Any) -> int:
    import json

    from jupyter_awsgpu.surfaces.documents import document_of

    try:
        for one in value.documents:
            _write(json.dumps(document_of(one), ensure_ascii=not _speaks_unicode()))
    except KeyboardInterrupt:
        return 130
    return 0


def _ssh(value: Any) -> int:
    import subprocess

    status = subprocess.call(list(value.arguments))
    if status == value.FAILED:
        value.explain()
    return status


def _shell_line(arguments: Sequence[str]) -> str:
    import shlex
    import subprocess

    return subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 100


def _speaks_unicode(stream: TextIO | None = None) -> bool:
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    return encoding.lower().replace("-", "").startswith("utf")


def _write(line: str, stream: TextIO | None = None) -> None:
    """Write a line, with `?` for what the stream's encoding cannot carry."""
    out = stream or sys.stdout
    encoding = getattr(out, "encoding", None) or "utf-8"
    out.write(line.encode(encoding, "replace").decode(encoding) + "\n")
    out.flush()


# ── refusals ─────────────────────────────────────────────────────────────────────────────────


def _refuse(error: AwsGpuError, ask: Ask) -> int:
    if ask.debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if ask.json:
        import json

        from jupyter_awsgpu.surfaces.documents import refusal

        _write(json.dumps(refusal(error, ask.begin), ensure_ascii=not _speaks_unicode(sys.stderr)), sys.stderr)
        return error.exit_status
    from jupyter_awsgpu.surfaces.render.text import paint, plain
    from jupyter_awsgpu.surfaces.spelling import spell

    colour = _colour(sys.stderr)
    _write(f"{paint('awsgpu:', 'bad', colour=colour)} {plain(spell(error.message, ask.begin))}", sys.stderr)
    if error.remedy:
        _write(f"    {paint(plain(spell(error.remedy, ask.begin)), 'code', colour=colour)}", sys.stderr)
    return error.exit_status
