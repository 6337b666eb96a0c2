"""The commands. Anything slow to import is imported by the command that needs it."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from ml_assets.cli import backup, drilling, incidents, kpis, registry, runbooks, telemetry
from ml_assets.cli.telemetry import LOGS_TO_STDERR
from ml_assets.errors import MlAssetsError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


# `run raw.* staging.*` is the same as `run "raw.* staging.*"`.
_selection = click.argument("selection", nargs=-1, callback=lambda _context, _argument, words: " ".join(words) or "*")


def _say_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        from ml_assets import __version__

        click.echo(f"ml-assets, version {__version__}")
        context.exit()


class ErrorAwareGroup(click.Group):
    """Ends with our own message and exit code 2 for anything a user can put right; never with a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MlAssetsError as problem:
            click.echo(f"{problem.code} {problem}", err=True)
            sys.exit(2)


@click.group(cls=ErrorAwareGroup, context_settings=CONTEXT)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit.",
)
@click.option(
    "--project", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None,
    help="Project folder (holds defs/ and sql/). Default: $ML_ASSETS_PROJECT, else the nearest at or above this one.",
)  # fmt: skip
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", envvar="ML_ASSETS_LOG",
    help="json: also print structured log lines of runs to standard error ($ML_ASSETS_LOG).",
)  # fmt: skip
@click.pass_context
def main(ctx: click.Context, project: Path | None, log_format: str) -> None:
    """A declarative ML asset graph: raw tables to scores in one DuckDB warehouse.

    Exit codes: 0 done or held, 1 a run or an ERROR check failed, 2 could not be carried out.
    """
    # What it says of a statement, our own errors say with file and line.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    ctx.obj = project
    ctx.meta[LOGS_TO_STDERR] = log_format == "json"


@main.command()
@_selection
@click.option("--partitions", help="Snapshots to make: one key, or FIRST..LAST (inclusive), as 2011-10-03..2011-11-07.")
@click.option("--retrain", is_flag=True, help="Make new training sets even if their schedule says not yet.")
@click.option("--pull", is_flag=True, help="First fetch the landing files of selected tables that declare `pull`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def run(project: Path | None, selection: str, partitions: str | None, retrain: bool, pull: bool, as_json: bool) -> None:
    """Make what is out of date among SELECTION, with all its checks.

    SELECTION: `*`, `schema.table`, `schema.*`, `use_case:NAME` or its NAME; `+x` adds what x is made from, `x+` what is made from x.
    """
    from ml_assets.cli.running import run_command

    sys.exit(run_command(project, selection, partitions, retrain=retrain, pull=pull, as_json=as_json))


@main.command()
@_selection
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def pull(project: Path | None, selection: str, as_json: bool) -> None:
    """Fetch landing files from other databases, for the raw tables among SELECTION (as for `run`) that declare `pull`.

    Equal rows leave the landing file as it is. Exit codes: 0 done, 1 a table could not be fetched, 2 could not be tried.
    """
    from ml_assets.cli.pulling import pull_command

    sys.exit(pull_command(project, selection, as_json=as_json))


@main.command()
@click.argument("name")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@click.option(
    "--data", multiple=True, required=True, metavar="FILE_OR_GLOB...",
    help="Data files, one or several: --data orders/*.csv customers.csv",
)  # fmt: skip
@click.option(
    "--table",
    multiple=True,
    metavar="NAME",
    help="Table of the database that --data names (sqlite:///FILE, duckdb:///FILE, env:NAME).",
)
@click.option("--target", metavar="COLUMN", help="What is to be predicted. Without it: whether --entity comes again.")
@click.option("--time", metavar="COLUMN", help="When it happened.")
@click.option("--entity", metavar="COLUMN", help="Names a row; of a log of events: who acts.")
@click.option("--group", metavar="COLUMN", help="Rows of one value stay together in the split.")
@click.option("--query", metavar="COLUMN", help="Rows of one value are ranked together.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression", "ranking"]), help="What is predicted.")
@click.option("--positive", metavar="VALUE", help="Value of a binary target that counts as 1.")
@click.option("--sensitive", multiple=True, metavar="COLUMN", help="Fairness is measured over its groups.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="Stays a feature although it looks suspicious.")
@click.option("--horizon", metavar="SPAN", help="How far ahead a log of events is judged, as '30 days'.")
@click.option("--link", is_flag=True, help="Link the files into the landing folder instead of copying them.")
@click.option("--real-clock", is_flag=True, help="Let the clock run even if the data ended long ago.")
@click.option("--dry-run", is_flag=True, help="Show what would be written; write nothing.")
@click.option("--apply", is_flag=True, help="Write a changed proposal to files that nobody has edited.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text; asks nothing.")
@click.pass_obj
def init(project: Path | None, /, name: str, more: tuple[str, ...], data: tuple[str, ...], **said: Any) -> None:
    """Look at data and write short declarations and SQL for it, as use case NAME. Then: `ml-assets run NAME`.

    Never writes over a file: run again, it shows what it would change. Questions are asked on a terminal alone, and
    every answer has an option.
    """
    from ml_assets.cli.init import Manner, init_command

    words = ("link", "real_clock", "dry_run", "apply", "yes", "as_json")
    manner = Manner(**{word: said.pop(word) for word in words})
    sys.exit(init_command(project, name, (*data, *more), said, manner))


@main.command()
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None,
              help="Folder of daily files named YYYY-MM-DD.csv to replay instead of simulating a shop.")  # fmt: skip
@click.option(
    "--rows",
    type=click.IntRange(10_000, 100_000_000),
    default=None,
    help="Size of the simulated shop; default about 535,000 rows.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the simulated shop.")
@click.pass_obj
def demo(project: Path | None, source: Path | None, rows: int | None, seed: int) -> None:
    """Land a shop's files and make the whole graph from them."""
    from ml_assets.cli.demo import demo_command

    sys.exit(demo_command(project, source, rows, seed))


@main.command()
@_selection
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.pass_obj
def status(project: Path | None, selection: str, as_json: bool) -> None:
    """What there is: rows, checks, and what is out of date and why. Changes nothing."""
    from ml_assets.cli.status import status_command

    sys.exit(status_command(project, selection, as_json=as_json))


@main.command()
@_selection
@click.option("--partitions", help="Snapshots that `run` would be given: one key, or FIRST..LAST (inclusive).")
@click.option("--retrain", is_flag=True, help="As if `run --retrain` were asked for.")
@click.option(
    "--against",
    metavar="REF",
    help="Tell changes from the declarations at a git revision, not from what was last made.",
)
@click.option("--fail-on-breaking", is_flag=True, help="Exit with 3 where a change is breaking; for CI.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def plan(project: Path | None, /, **options: Any) -> None:
    """What `run` would make, why, what it costs, and what a change breaks. Writes nothing.

    Exit codes: 0 whatever would be made, 3 a change is breaking and --fail-on-breaking is given, 2 could not be told.
    """
    from ml_assets.cli.planning import plan_command

    sys.exit(plan_command(project, **options))


@main.command()
@click.argument("asset")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def explain(project: Path | None, asset: str, as_json: bool) -> None:
    """What ASSET is, what it reads, its columns and checks, when and why it was last made. Changes nothing."""
    from ml_assets.cli.explaining import explain_command

    sys.exit(explain_command(project, asset=asset, as_json=as_json))


@main.command()
@click.argument("scores")
@click.option("--row", required=True, metavar="KEY", help="The entity whose score is asked about.")
@click.option("--snapshot", metavar="DATE", help="Snapshot of the score; default the newest with that entity.")
@click.option(
    "--most", default=5, show_default=True, type=click.IntRange(0, 1000), help="Most rows shown of each source."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def why(project: Path | None, /, **options: Any) -> None:
    """Why one row of SCORES has its score: version, features with their contributions, source rows, landing files.

    Changes nothing. Personal data is never shown.
    """
    from ml_assets.cli.explaining import why_command

    sys.exit(why_command(project, **options))


@main.command()
@_selection
@click.option("--partitions", help="Snapshots to judge: one key, or FIRST..LAST; default the newest of each asset.")
@click.option("--all-partitions", is_flag=True, help="Judge every materialised snapshot.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write results as JUnit XML.")
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append a Markdown summary (as to $GITHUB_STEP_SUMMARY).",
)
@click.option("--github/--no-github", default=None, help="Print GitHub annotations; default: inside GitHub Actions.")
@click.option(
    "--record/--no-record",
    default=True,
    help="Let the Dagster UI show the results when it next looks; default yes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def check(project: Path | None, /, **options: Any) -> None:
    """Judge what is materialised among SELECTION (as for `run`) by its asset checks. Makes nothing.

    Exit codes: 0 every ERROR check held, 1 an ERROR check failed, 2 something could not be judged (not materialised,
    warehouse missing or locked, declaration broken, a check raised), whatever else held or failed.
    """
    from ml_assets.cli.checking import CheckOptions, check_command

    try:
        code = check_command(project, CheckOptions(**options))
    except MlAssetsError:
        raise
    except Exception:  # noqa: BLE001 (a crash is no verdict, and 1 would read as "a check failed")
        traceback.print_exc()
        code = 2
    sys.exit(code)


@main.command()
@click.option(
    "--prepare", is_flag=True, help="Write Dagster's instance file into the state folder if it has none; print nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def profile(project: Path | None, prepare: bool, as_json: bool) -> None:
    """What $ML_ASSETS_PROFILE chooses: state, limits, policies, routes, and the variables that it needs. No secret is shown.

    Exit codes: 0 complete, 1 a variable is missing or holds no URL, 2 the profile cannot be read.
    """
    from ml_assets.cli.profiles import prepare_command, profile_command

    if prepare:
        sys.exit(prepare_command(project))
    sys.exit(profile_command(project, as_json=as_json))


@main.command()
@click.argument("kind", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the JSON schema of the fields.")
@click.option("--document", is_flag=True, help="Print a commented `defs.yaml` of the KIND to begin with.")
def components(kind: str | None, as_json: bool, document: bool) -> None:
    """List the component types, or the fields of one KIND (RawTable, FeatureSet, …)."""
    from ml_assets.cli.reference import components_command, document_command

    sys.exit(document_command(kind) if document else components_command(kind, as_json=as_json))


@main.command()
@click.argument("kind", required=False)
@click.option(
    "--write", type=click.Path(file_okay=False, path_type=Path),
    help="Write one file a KIND and ml_assets.schema.json, which knows them all, into this folder.",
)  # fmt: skip
def schema(kind: str | None, write: Path | None) -> None:
    """Print the JSON schema of a `defs.yaml` of any type, or of one KIND; editors complete and check by it.

    Per file: a first line `# yaml-language-server: $schema=PATH/ml_assets.schema.json`. Per project, in VS Code's
    settings: `"yaml.schemas": {"PATH/ml_assets.schema.json": "**/defs.yaml"}`.
    """
    from ml_assets.cli.schema import schema_command

    sys.exit(schema_command(kind, write))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, help="Port to listen on.")
@click.pass_obj
def ui(project: Path | None, host: str, port: int) -> None:
    """Start the Dagster UI with its daemon (sensors, schedules, freshness) on the project's state."""
    from ml_assets.cli.running import ui_command

    ui_command(project, host, port)


@main.command()
@click.argument("reference", metavar="NAME@VERSION")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def replay(project: Path | None, reference: str, as_json: bool) -> None:
    """Train a version again from its manifest and archived rows, and compare every byte and answer. Writes nothing.

    Exit codes: 0 equal, 1 different (the likely causes are named), 2 could not be done.
    """
    from ml_assets.cli.replaying import replay_command

    sys.exit(replay_command(project, reference, as_json=as_json))


registry.add_to(main)
kpis.add_to(main)
incidents.add_to(main)
telemetry.add_to(main)
backup.add_to(main)
drilling.add_to(main)
runbooks.add_to(main)
