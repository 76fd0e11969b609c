"""Tab in IPython and JupyterLab: verbs, options, types, regions, names; offline and within milliseconds.

An IPython matcher (API version 2). `x = %awsgpu la<Tab>` is completed too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

_LINE = re.compile(r"^\s*(?:[A-Za-z_][\w.,\s]*=\s*)?%?awsgpu\s+(?P<words>.*)$")


def register(shell: InteractiveShell) -> None:
    """Add the matcher to the shell, once."""
    completer = getattr(shell, "Completer", None)
    if completer is None:
        return
    unregister(shell)
    from IPython.core.completer import context_matcher

    matcher: Any = context_matcher()(_match)
    completer.custom_matchers.append(matcher)


def unregister(shell: InteractiveShell) -> None:
    """Take the matcher back."""
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.custom_matchers[:] = [
            one for one in completer.custom_matchers if getattr(one, "__module__", "") != __name__
        ]


def _match(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the word before the cursor, if the line is ours."""
    from IPython.core.completer import SimpleCompletion

    line = context.line_with_cursor[: context.cursor_position]
    match = _LINE.match(line)
    if match is None:
        return {"completions": [], "suppress": False}
    words = match["words"]
    fragment = words.split(" ")[-1]
    found = candidates(words[: len(words) - len(fragment)].split(), fragment)
    return {
        "completions": [SimpleCompletion(text=one, type="awsgpu") for one in found],
        "matched_fragment": fragment,
        "suppress": True,
        "ordered": True,
    }


def candidates(before: list[str], fragment: str) -> list[str]:
    """Return what may stand at the cursor, after the words `before` it.

    >>> candidates([], "la")
    ['launch']
    """
    import click
    from click.shell_completion import ShellComplete

    from jupyter_awsgpu.errors import AwsGpuError
    from jupyter_awsgpu.surfaces.grammar import GRAMMAR, HIDDEN, VERBS

    if not any(word in VERBS for word in before) and not fragment.startswith("-") and not _wants_value(before):
        return [name for name in VERBS if name.startswith(fragment) and VERBS[name] not in HIDDEN]
    try:
        items = ShellComplete(GRAMMAR, {}, "awsgpu", "").get_completions(before, fragment)
    except (AwsGpuError, click.ClickException):
        return []
    return [item.value for item in items if item.type == "plain"]


def _wants_value(before: list[str]) -> bool:
    return bool(before) and before[-1] in ("--region", "--profile")
