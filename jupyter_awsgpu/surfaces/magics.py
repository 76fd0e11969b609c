"""The notebook: `%load_ext jupyter_awsgpu`, then `%awsgpu VERB …`.

Loading registers a magic, its completion and the pictures of our values, and imports nothing heavy:
no boto3, paramiko, ipywidgets, and none of our own rooms until a verb is called. A token never
enters an output.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_awsgpu.surfaces.ask import Ask
    from jupyter_awsgpu.surfaces.display import Progress

DRAWN = (
    ("jupyter_awsgpu.model", "Instance"),
    ("jupyter_awsgpu.model", "Plan"),
    ("jupyter_awsgpu.model", "Quota"),
    ("jupyter_awsgpu.model", "Image"),
    ("jupyter_awsgpu.demo.client", "DemoStatus"),
)
"""Values that a notebook shows as pictures; named, so that loading does not import them."""


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magic, its completion and the pictures (`%load_ext jupyter_awsgpu`)."""
    register_magic: Any = shell.register_magic_function
    register_magic(_magic(shell), "line_cell", "awsgpu")
    formatters: Any = getattr(shell.display_formatter, "formatters", {})
    for module, name in DRAWN:
        for kind in ("text/html", "text/plain"):
            formatters[kind].for_type_by_name(module, name, _drawer(kind))
    from jupyter_awsgpu.surfaces.completion import register

    register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magic and its completion back."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("awsgpu", None)
    cells = sys.modules.get("jupyter_awsgpu.surfaces.cells")
    if cells is not None:
        cells.end(shell)
    from jupyter_awsgpu.surfaces.completion import unregister

    unregister(shell)


def _magic(shell: InteractiveShell) -> Callable[..., Any]:
    def awsgpu(line: str, cell: str | None = None) -> Any:
        """Run one verb: `%awsgpu --help` lists them. `%%awsgpu` runs the cell below it on an instance."""
        if cell is not None:
            from jupyter_awsgpu.surfaces.cells import run_cell

            return run_cell(shell, line, cell)
        return run_line(shell, line)

    return awsgpu


def run_line(shell: InteractiveShell, line: str) -> Any:
    """Do one line and return its value; IPython shows it, unless it is assigned.

    An `AwsGpuError` ends the cell, shown as its sentence and the command that helps.
    """
    from jupyter_awsgpu.errors import AwsGpuError
    from jupyter_awsgpu.surfaces.ask import Ask
    from jupyter_awsgpu.surfaces.grammar import run, split
    from jupyter_awsgpu.surfaces.notebook import quieten

    ask = Ask("notebook", [], show=lambda asked: _progress(shell, asked), config=shell.config)
    try:
        ask.arguments = split(line)
        return _value(run(ask), ask)
    except AwsGpuError as exc:
        if not ask.debug:
            quieten(exc, ask.begin)
        raise


def _progress(shell: InteractiveShell, ask: Ask) -> Progress:
    from jupyter_awsgpu.surfaces import display

    if ask.several:
        from jupyter_awsgpu.surfaces.several import side_by_side

        return side_by_side(sys.stderr, simulated=ask.simulated, in_notebook=hasattr(shell, "kernel"))
    if hasattr(shell, "kernel"):
        return display.NotebookProgress(simulated=ask.simulated)
    if sys.stderr.isatty():
        return display.TerminalProgress(sys.stderr, simulated=ask.simulated, colour=True)
    return display.PlainProgress(sys.stderr, simulated=ask.simulated)


def _value(answer: Any, ask: Ask) -> Any:
    """Return what the cell gets: the model value, plain data with `--json`, or nothing for printed lines."""
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.surfaces import vocabulary
    from jupyter_awsgpu.surfaces.answers import Demo, Detached, Document, Instances, Lines, Picked, SshCommand

    if isinstance(answer, Lines):
        return _print(answer)
    if isinstance(answer, SshCommand):
        return _ssh(answer)
    if isinstance(answer, Picked) and not ask.json:
        _use_here(answer)
    vocabulary.remember(answer if isinstance(answer, Instances) else [answer] if isinstance(answer, Instance) else [])
    if isinstance(answer, Detached):
        _follow(answer, ask)
        return None
    if ask.json and answer is not None:
        from jupyter_awsgpu.surfaces.documents import document_of

        return document_of(answer)
    if isinstance(answer, Document):
        return answer.value
    return answer.status if isinstance(answer, Demo) else answer


def _print(answer: Any) -> None:
    from jupyter_awsgpu.surfaces.render.text import plain

    for line in answer.lines:
        print(plain(line.rstrip("\n").replace("\t", "    ")))  # noqa: T201 - this is the cell's output


def _ssh(answer: Any) -> str | None:
    """Run the command with its output in the cell, or return the line to type in a terminal."""
    import shlex
    import subprocess

    if not answer.run:
        return shlex.join(answer.arguments)
    from jupyter_awsgpu.errors import RemoteCommandFailed

    process = subprocess.Popen(
        list(answer.arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with process:
        last = ""
        for raw in process.stdout or ():
            last = raw.decode(errors="replace").rstrip("\r\n")
            print(last)  # noqa: T201 - this is the cell's output
    if process.returncode == answer.FAILED:
        answer.explain()
    if process.returncode:
        alias = next((one for one in answer.arguments if one.startswith("HostKeyAlias=")), "")
        name = answer.name or alias.partition("=")[2]
        raise RemoteCommandFailed(name=name, command="the command", status=process.returncode, output=last)
    return None


def _use_here(picked: Any) -> None:
    """Move the notebook that asked to the kernel it was offered, once this cell has ended."""
    from jupyter_awsgpu.surfaces.usehere import asking_page, use_here

    page = asking_page()
    if page and picked.kernel is not None and not picked.removed:
        use_here(picked.kernel.spec, page)


def _follow(answer: Any, ask: Ask) -> None:
    """Show a detached verb's progress in this cell while the next ones run, to its end."""
    from jupyter_awsgpu.surfaces.following import follow

    progress = ask.show(ask)
    if progress is not None:
        follow(answer, ask.settings().data_folder, progress)


def _drawer(kind: str) -> Callable[..., Any]:
    def draw(value: Any, *printer: Any) -> Any:
        from jupyter_awsgpu.surfaces.answers import Demo, sheet_of
        from jupyter_awsgpu.surfaces.notebook import bundle

        sheet = sheet_of(value) or Demo(value).sheet()
        drawn = bundle(sheet)[kind]
        if kind == "text/html":
            return drawn
        printer[0].text(drawn)
        return None

    return draw
