"""Reference pages written from the objects they describe, so that they cannot lag behind the code.

`reference/commands.md` from the click grammar, `reference/errors.md` from the error tree and the table of
AWS's own codes, `reference/settings.md` from the traits – each in Chinese too, from the message catalogue – and
`reference/python.md` from the public names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

import jupyter_awsgpu
from jupyter_awsgpu import errors, language, settings
from jupyter_awsgpu.cloud.refusal_table import TABLE, Refusal
from jupyter_awsgpu.surfaces import grammar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sphinx.application import Sphinx

    Translate = Callable[[str], str]


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for documents."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write every page whose text has changed."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {
        "commands": english_commands,
        "commands-zh": chinese_commands,
        "errors": english_errors,
        "errors-zh": chinese_errors,
        "settings": english_settings,
        "settings-zh": chinese_settings,
        "python": public_names,
    }
    for name, lines in pages.items():
        text, page = "\n".join(lines()) + "\n", folder / f"{name}.md"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def english_commands() -> Iterator[str]:
    """Yield the command page: every verb with its options, as `--help` has them."""
    yield "# Commands\n"
    yield "Type them as `awsgpu VERB` in a terminal, `%awsgpu VERB` in a notebook. Every verb also takes these.\n"
    yield from _commands(_same, "Option")


def chinese_commands() -> Iterator[str]:
    """Yield the command page in Chinese, from the message catalogue."""
    yield "# 命令\n"
    yield "在终端里输入 `awsgpu VERB`，在笔记本里输入 `%awsgpu VERB`。以下选项对每个命令都有效。\n"
    yield from _commands(_chinese, "选项")


def _chinese(text: str) -> str:
    """Return a help text in Chinese, with what click adds to it."""
    said, _, added = text.partition("  [")
    more = added.removesuffix("]").replace("required", "必填").replace("default: ", "默认 ")
    return language.catalogue("zh").gettext(said) + (f"（{more}）" if more else "")


def _same(text: str) -> str:
    return text


def _commands(translate: Translate, option: str) -> Iterator[str]:
    root = click.Context(grammar.GRAMMAR, info_name="awsgpu")
    yield from _options(grammar.GRAMMAR, root, translate, option)
    for chapter, verbs in grammar.CHAPTERS.items():
        yield f"## {translate(chapter)}\n"
        for verb in verbs:
            command = grammar.GRAMMAR.get_command(root, verb.name)
            if command is not None:
                yield from _command(command, f"awsgpu {verb.name}", translate, option)


def _command(command: click.Command, path: str, translate: Translate, option: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    said = click.unstyle(command.help or command.get_short_help_str())
    chinese = translate(" ".join(said.split()))
    yield f"### `{path}`\n\n{said if translate is _same else chinese}\n"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n"
    yield from _options(command, context, translate, option)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            if sub is not None:
                yield from _command(sub, f"{path} {name}", translate, option)


def _options(command: click.Command, context: click.Context, translate: Translate, option: str) -> Iterator[str]:
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    shown = [record for record in records if record and not record[0].endswith("--help")]
    if shown:
        yield f"| {option} | |\n|---|---|"
        yield from (_row(f"`{name}`", translate(said)) for name, said in shown)
        yield ""


def english_errors() -> Iterator[str]:
    """Yield the errors page: code, cause, remedy of each, branch by branch."""
    yield "# Errors\n"
    yield "Each has one sentence of cause and one command that helps; `…` stands for a fact of the moment."
    yield 'With `--json` a failure is `{"error": code, "message": …, "remedy": …}` on stderr.\n'
    for branch in errors.AwsGpuError.__subclasses__():
        yield f"## {branch.__name__}\n\n{_summary(branch)}\n"
        yield "| Code | When | What it says | What helps |\n|---|---|---|---|"
        yield from (_row(_code(kind), _summary(kind), *_message(kind, str)) for kind in _leaves(branch))
        yield ""
    yield "## What AWS says\n"
    yield "AWS refuses with codes of its own, which `aws` and boto3 show as they are. Here each becomes an error above;"
    yield "one code stands in several lines where AWS's message tells its meanings apart (the first that fits counts)."
    yield "A code that is not here becomes `aws-refused`, in AWS's own words.\n"
    yield "| AWS's code | What it means | Error | What helps |\n|---|---|---|---|"
    yield from (_row(_aws_codes(row), row.meaning, _code(row.error), _message(row.error, str)[1]) for row in TABLE)
    yield ""


def chinese_errors() -> Iterator[str]:
    """Yield the errors page in Chinese, from the message catalogue."""
    translate = language.catalogue("zh").gettext
    yield "# 错误\n"
    yield "每个错误都是一句话的原因，加一条有用的命令；`…` 代表当时的具体情况。设 `LANGUAGE=zh` 即以中文显示。\n"
    for branch in errors.AwsGpuError.__subclasses__():
        yield f"## {branch.__name__}\n"
        yield "| 代码 | 说什么 | 怎么办 |\n|---|---|---|"
        yield from (_row(_code(kind), *_message(kind, translate)) for kind in _leaves(branch))
        yield ""
    yield "## AWS 的错误码\n"
    yield "AWS 用自己的错误码拒绝请求；在这里，每一个都变成上面的一种错误。"
    yield "不在表中的错误码成为 `aws-refused`，原样引用 AWS 的说法。\n"
    yield "| AWS 的错误码 | 错误 | 说什么 | 怎么办 |\n|---|---|---|---|"
    yield from (_row(_aws_codes(row), _code(row.error), *_message(row.error, translate)) for row in TABLE)
    yield ""


def _aws_codes(row: Refusal) -> str:
    return ", ".join(f"`{code}`" for code in row.codes)


def _leaves(branch: type[errors.AwsGpuError]) -> list[type[errors.AwsGpuError]]:
    return branch.__subclasses__() or [branch]


def _code(kind: type[errors.AwsGpuError]) -> str:
    return f"`{kind.code}`"


def _message(kind: type[errors.AwsGpuError], translate: Callable[[str], str]) -> tuple[str, str]:
    return _open_facts(translate(kind.cause)), f"`{_open_facts(kind.remedy_template)}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def english_settings() -> Iterator[str]:
    """Yield the settings page: every trait with its default, help and environment variable."""
    yield "# Settings\n"
    yield "From strongest to weakest: an option of the command; the environment, as in `AWSGPU_REGION=eu-west-1`; a"
    yield "configuration file of IPython or Jupyter, as in `c.AWSGPU.region = 'eu-west-1'`; the default."
    yield "`awsgpu doctor` shows where each value came from.\n"
    yield "| Setting | Default | |\n|---|---|---|"
    yield from _traits(_same)


def chinese_settings() -> Iterator[str]:
    """Yield the settings page in Chinese, from the message catalogue."""
    yield "# 设置\n"
    yield "优先级从高到低：命令的选项；环境变量，例如 `AWSGPU_REGION=eu-west-1`；IPython 或 Jupyter 的配置文件，"
    yield "例如 `c.AWSGPU.region = 'eu-west-1'`；默认值。`awsgpu doctor` 会显示每项设置的来源。\n"
    yield "| 设置 | 默认值 | |\n|---|---|---|"
    yield from _traits(language.catalogue("zh").gettext)


def _traits(translate: Translate) -> Iterator[str]:
    for name in settings.names():
        trait = settings.AWSGPU.class_traits()[name]
        default = "" if trait.default_value in (None, "") else f"`{trait.default_value}`"
        yield f"| `{name}` | {default} | {_cell(translate(str(trait.help)))} |"


def public_names() -> Iterator[str]:
    """Yield the Python page: what `from jupyter_awsgpu import …` gives."""
    yield "# Python\n"
    yield "The verbs as functions, and the values they return.\n"
    for name in sorted(jupyter_awsgpu.__all__):
        thing = getattr(jupyter_awsgpu, name)
        if name.startswith("_") or not callable(thing):
            continue
        directive = "autoclass" if isinstance(thing, type) else "autofunction"
        yield f"```{{eval-rst}}\n.. {directive}:: jupyter_awsgpu.{name}\n```\n"


def _open_facts(template: str) -> str:
    return re.sub(r"\{\w+\}", "…", template)


def _summary(thing: type) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0].partition(" Facts:")[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
