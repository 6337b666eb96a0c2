"""Declarations from an understanding: short, safe to read, wide enough for tomorrow's data, and accepted by the project."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DeclarationError
from ml_assets.graph.compile import compile_graph
from ml_assets.graph.project import load_project
from ml_assets.onboarding.contracts import outward
from ml_assets.onboarding.declare import declarations, declared_lines
from ml_assets.onboarding.event_log import clock_after, newest, snapshot_plan
from ml_assets.onboarding.understanding import Relation, Understanding
from ml_assets.onboarding.yaml_text import field
from ml_assets.specs.columns import ContractSpec
from ml_assets.specs.splits import TimeSplitSpec
from ml_assets.specs.times import SnapshotSpec
from ml_assets.training.split import plan_split
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.onboarding.facts import ROWS, column, event_log, flat, table


def written(understanding: Understanding, root: Path) -> Path:
    for path, text in declarations(understanding).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (root / "sql").mkdir(exist_ok=True)
    return root


def compiled(understanding: Understanding, root: Path) -> list[str]:
    """Names of the assets that the written files yield."""
    written(understanding, root)
    return [str(asset.name) for asset in compile_graph(load_project(root / "defs", root / "sql", root))]


def attributes(understanding: Understanding, end: str) -> dict[str, Any]:
    [text] = [text for path, text in declarations(understanding).items() if path.endswith(end)]
    return dict(yaml.safe_load(text)["attributes"])


def contract(understanding: Understanding, folder: str = "customers") -> ContractSpec:
    return ContractSpec.model_validate(attributes(understanding, f"/{folder}/defs.yaml")["contract"])


MIXED = [
    column("customer_id", "string", header="Customer ID"),
    *(column(f"usage_{n}", high=10.0**n, header=f"Usage {n}") for n in range(8)),
    *(column(f"count_{n}", "integer", high=3 * 10**n, missing=n * 100) for n in range(4)),
    column("plan", "string", values=("basic", "plus", "pro"), distinct=3),
    column("region", "string", values=("east", "north", "south"), distinct=3),
    column("since", "date", low="2011-03-04", high="2020-01-01", format="%d/%m/%Y"),
    column("email", "string", personal="its values look like e-mail addresses"),
    column("balance", low=-321.5, high=7e6),
    column("active", "boolean", distinct=2),
]


def mixed(**more: Any) -> Understanding:
    left_out = {"email": "personal data", "since": "a moment"}
    main = replace(flat(*MIXED), entity="customer_id", left_out=left_out, **more)
    return replace(main, tables=(replace(main.tables[0], key=("customer_id",)),))


def test_a_flat_file_of_twenty_columns_is_declared_in_thirty_lines(tmp_path: Path) -> None:
    understanding = mixed(sensitive=("region",))
    assert len(understanding.tables[0].columns) == 20
    assert sum(map(declared_lines, declarations(understanding).values())) <= 30
    assert set(contract(understanding).columns) == {c.name for c in understanding.tables[0].columns}
    assert "scores.churn" in compiled(understanding, tmp_path)


def test_columns_joined_under_one_contract_keep_headers_and_all_bounds() -> None:
    understanding = mixed()
    found = contract(understanding)
    assert found.alike
    for fact in understanding.tables[0].columns:
        spec = found.columns[fact.name]
        assert found.header_of(fact.name) == fact.header
        assert spec.type == fact.type
        if isinstance(fact.high, float | int) and not isinstance(spec.max, str) and spec.max is not None:
            assert spec.max >= fact.high
            assert spec.min is not None
            assert not isinstance(spec.min, str)
            assert spec.min <= float(fact.low or 0)
        if fact.missing:
            assert spec.nullable
            assert spec.max_null_share is None or spec.max_null_share >= fact.missing_share


def test_few_columns_stand_one_a_line_with_their_own_contract() -> None:
    found = contract(
        flat(
            column("age", "integer", high=93), column("share", low=0.0, high=0.5), column("debt", low=-20.0, high=-1.0)
        )
    )
    assert not found.alike
    assert (found.columns["age"].min, found.columns["age"].max, found.columns["age"].nullable) == (0, 200, False)
    assert (found.columns["share"].min, found.columns["share"].max) == (0, 1)
    assert (found.columns["debt"].min, found.columns["debt"].max) == (-50, 0)


def test_two_thousand_columns_stay_readable(tmp_path: Path) -> None:
    columns = [column(f"sensor_{n}", high=10.0 ** (n % 7), missing=n % 40) for n in range(2_000)]
    texts = declarations(flat(*columns))
    assert max(len(line) for text in texts.values() for line in text.splitlines()) <= 120
    assert sum(map(declared_lines, texts.values())) < 300
    assert "models.churn" in compiled(flat(*columns), tmp_path)


def test_an_outcome_may_be_missing_since_rows_wait_for_it() -> None:
    target = contract(flat(column("age"))).columns["target"]
    assert target.nullable
    assert target.max_null_share is None
    assert target.allowed == ("no", "yes")
    assert target.severity == "error"


def test_a_new_category_is_news_and_a_rare_one_is_not_listed() -> None:
    few = column("plan", "string", values=("a", "b"), distinct=2)
    rare = column("city", "string", values=tuple("abcdefghij"), distinct=10, rows=100)
    found = contract(flat(few, rare)).columns
    assert (found["plan"].allowed, found["plan"].severity) == (("a", "b"), "warn")
    assert found["city"].allowed is None


def test_a_sample_promises_less_than_all_rows() -> None:
    u = flat(column("age", "integer", high=90))
    whole = contract(u).columns["age"]
    sample = contract(replace(u, tables=(replace(u.tables[0], rows=10 * ROWS),))).columns["age"]
    assert not whole.nullable
    assert sample.nullable
    assert sample.max_null_share == 0.05
    assert float(sample.max or 0) > float(whole.max or 0)


@given(st.floats(min_value=1e-9, max_value=1e14), st.floats(min_value=1.0, max_value=10.0))
def test_a_bound_is_round_and_lies_above_by_the_slack(value: float, slack: float) -> None:
    bound = outward(value, slack)
    assert value * slack * (1 - 1e-9) <= bound <= value * slack * 2.5 * (1 + 1e-9)
    assert f"{bound:.6e}"[0] in "125"


_WORDS = [
    "on", "NO", "y", "n", "null", "~", "12:30", "1_000", "0x1f", "1e5", "1.5", "2011-01-31", "x: y", "# x", "a #b", "- x", "*x", "&x", "!x",
    "%x", "@x", "`x", "'x'", '"x"', "[x]", "{x}", "a,b", " x", "x ", "", "😀 mood", "naïve", "tab\there", "line\nbreak", "back\\slash",
    "\u2028", "\x85", "\x00", "=", "<<", "yes, no", "+1", "?", ":", "7 days", "Straße", "100%", "a/b/*.csv",
]  # fmt: skip


@pytest.mark.parametrize("word", _WORDS)
def test_a_word_is_read_as_it_was_meant(word: str) -> None:
    value = {"names": [word, word], word: {"allowed": [word]}}
    assert yaml.safe_load("\n".join(["value:", *field("inner", value), *field("plain", word)]))["value"] == {
        "inner": value,
        "plain": word,
    }


@given(
    st.text(st.characters(codec="utf-8"), max_size=12), st.floats(allow_nan=False, allow_infinity=False), st.integers()
)
def test_any_value_is_read_as_it_was_meant(text: str, number: float, whole: int) -> None:
    value = [text, number, whole, {text: [True, text]}]
    assert yaml.safe_load("\n".join(["value:", *field("inner", value)]))["value"]["inner"] == value


def test_equal_understandings_give_equal_texts() -> None:
    assert declarations(mixed()) == declarations(mixed())


def test_the_split_suits_the_data() -> None:
    when = column("at", "timestamp", low="2020-01-01 00:00:00", high="2023-01-01 00:00:00")
    cases: list[tuple[Understanding, dict[str, Any]]] = [
        (flat(column("age")), {"kind": "stratified"}),
        (flat(column("age"), task="regression", target_column=column("target")), {"kind": "random"}),
        (flat(column("age"), when, time="at"), {"kind": "chronological", "every": "month"}),
        (flat(column("age"), column("home", "string", distinct=90), group="home"), {"kind": "group", "column": "home"}),
    ]
    for understanding, split in cases:
        assert attributes(understanding, "/model/defs.yaml")["split"] == split


def test_what_is_left_out_is_said_with_its_reason() -> None:
    texts = declarations(mixed())
    [model] = [text for path, text in texts.items() if path.endswith("/model/defs.yaml")]
    assert "left out: since (a moment)" in model
    assert "never a feature: email (personal data, pii)" in model
    assert yaml.safe_load(model)["attributes"]["exclude"] == ["since"]


def test_a_sensitive_column_can_be_judged_by_though_it_is_personal() -> None:
    sex = column("sex", "string", values=("f", "m"), distinct=2, personal="its header says so")
    u = flat(column("age"), sex, sensitive=("sex",), left_out={"sex": "personal data"})
    model = attributes(u, "/model/defs.yaml")
    assert model["exclude"] == ["sex"]
    assert model["evaluation"]["sensitive"] == ["sex"]
    assert not contract(u).columns["sex"].pii


_DAYS, _HORIZONS = (20, 45, 70, 100, 150, 210, 374, 700, 1500, 3000), (None, 1, 7, 30, 90)


@pytest.mark.parametrize(
    ("days", "horizon"), [(d, h) for d in _DAYS for h in _HORIZONS if h is None or d >= 6 * h + 30]
)
def test_snapshots_leave_room_for_three_parts_with_embargoes(days: int, horizon: int | None) -> None:
    last = newest(event_log("2000-01-01", "2011-12-09"))
    first = f"{last - timedelta(days=days - 1):%Y-%m-%d}"
    understanding = event_log(first, "2011-12-09", horizon_days=horizon)
    plan = snapshot_plan(understanding)
    now = clock_after(last)
    keys = SnapshotSpec(every=plan.every, last=plan.last)
    mature = [
        k for k, at in zip(keys.keys(now), keys.instants(now), strict=True) if at + timedelta(days=plan.horizon) <= now
    ]
    spec = TimeSplitSpec(test_snapshots=plan.test, validation_snapshots=plan.validation)
    split = plan_split(mature, spec, timedelta(days=plan.horizon), "here")
    assert (len(split.test), len(split.validation)) == (plan.test, plan.validation)
    assert len(split.train) >= len(split.test)


ODD = ["lock", "map", "table", "order", "left", "date", "type", "value", "count", "sum", "events", "key", "grant"]


def odd_log() -> Understanding:
    columns = [column(name, high=900.0) for name in ODD[:8]]
    columns += [column(name, "string", distinct=4, values=("a", "b", "c", "d")) for name in ODD[8:]]
    return event_log("2010-12-01", "2011-12-09", *columns, target="order", task="regression")


def odd_relations() -> Understanding:
    main = table(
        "customers", column("who", "integer", id_like=True), column("at", "date", low="2011-01-01", high="2011-12-31"),
        *(column(name) for name in ODD), column("target", "integer", low=0, high=1, distinct=2), key=("who",), event_time="at",
    )  # fmt: skip
    child = table(
        "orders", column("no", "integer", id_like=True), column("buyer", "string", distinct=400),
        column("at", "timestamp", low="2011-01-01", high="2011-12-31"), *(column(name) for name in ODD), event_time="at",
    )  # fmt: skip
    shop = table(
        "shops",
        column("table", "integer", id_like=True),
        *(column(name) for name in ODD if name != "table"),
        column("at", "date"),
    )
    relations = (
        Relation("orders", "buyer", "customers", "who", 1.0),
        Relation("customers", "table", "shops", "table", 1.0),
    )
    return Understanding(
        "again", "related", "binary", (main, child, replace(shop, event_time="at")), "customers", "target", entity="who", time="at",
        relations=relations,
    )  # fmt: skip


@pytest.mark.parametrize("understanding", [odd_log(), odd_relations()], ids=["event_log", "related"])
def test_generated_sql_compiles_and_keeps_the_style_whatever_columns_are_called(
    understanding: Understanding, tmp_path: Path
) -> None:
    assert "models.again" in compiled(understanding, tmp_path)
    command = [
        str(Path(sys.executable).parent / "sqlfluff"),
        "lint",
        "--disable-progress-bar",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    result = subprocess.run([*command, str(tmp_path / "sql")], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout


def test_children_count_before_the_parents_time_only() -> None:
    texts = declarations(odd_relations())
    sql = texts["sql/again/staging/again_examples.sql"]
    assert "where c.at < m.at" not in sql  # `at` is no plain name
    assert 'where c."at" < m."at"' in sql
    assert 'm."at" >= p1."at"' in sql


def test_a_table_of_a_database_is_declared_with_its_pull() -> None:
    u = flat(column("age"))
    for said, database in (("sqlite:///data/shop.db", "sqlite:///data/shop.db"), ("env:SHOP_URL", {"env": "SHOP_URL"})):
        pulled = replace(u, tables=(replace(u.tables[0], files=(), pulled_from=said, pulled_table="public.customers"),))
        declared = attributes(pulled, "/customers/defs.yaml")
        assert declared["pull"] == {"database": database, "table": "public.customers"}
        assert (declared["files"], declared["format"]) == ("customers/customers.parquet", {"kind": "parquet"})


def test_tables_that_nothing_ties_to_the_examples_are_not_declared() -> None:
    u = odd_relations()
    alone = replace(u, tables=(*u.tables, table("weather", column("rain"))))
    assert not any("weather" in path for path in declarations(alone))


def test_a_history_too_short_for_its_horizon_is_refused_with_a_shorter_one() -> None:
    with pytest.raises(DeclarationError) as caught:
        declarations(event_log("2011-11-01", "2011-12-09", horizon_days=30))
    assert "--horizon" in str(caught.value)
