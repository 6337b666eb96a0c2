"""The page of all commands, from their own help."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from docs.generate.markdown import code, table
from ml_assets.cli import main

_INTRODUCTION = """\
# Commands

What `--help` says of each command. Options of `ml-assets` itself stand before the command's name.
"""


def command_page() -> str:
    """All commands with arguments, options and exit codes, in alphabetical order below `ml-assets` itself."""
    return "\n".join([_INTRODUCTION, *_described(main, "ml-assets")]).rstrip() + "\n"


def _described(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (
        f"## {name}",
        "",
        "```text",
        f"{name} {usage}".rstrip(),
        "```",
        "",
        inspect.cleandoc(command.help or ""),
        "",
    )
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        yield from table(("option", "meaning"), (_option(option, context) for option in options))
        yield ""
    if isinstance(command, click.Group):
        for inner in sorted(command.commands):
            if not command.commands[inner].hidden:
                yield from _described(command.commands[inner], f"{name} {inner}")


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    record = option.get_help_record(context)
    assert record is not None
    return code(record[0]), record[1]
