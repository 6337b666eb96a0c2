"""Reading SQL files: what is refused, at which line; what a fingerprint takes notice of; where columns come from."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
import pytest

from ml_assets.errors import SqlError
from ml_assets.features.snapshots import engine_error
from ml_assets.features.statement import Statement, read_statement
from ml_assets.features.statement_rules import UNREPEATABLE
from ml_assets.warehouse.names import TableName
from ml_assets_tests.builders import Lab, instant

EVENTS = TableName("staging", "events")
SQL_ROOT = Path(__file__).parents[2].resolve() / "sql"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param("select 1\n, now()\nfrom staging.events", 2, r"now\(\) gives another answer", id="now"),
        pytest.param(
            "select NOW ( ) from staging.events", 1, r"now\(\) gives another answer", id="now_spelt_otherwise"
        ),
        pytest.param('select "now"() from staging.events', 1, r"now\(\) gives another answer", id="now_quoted"),
        pytest.param(
            "-- now()\nselect\nrandom() from staging.events", 3, r"random\(\) gives another answer", id="random"
        ),
        pytest.param(
            "select current_date from staging.events", 1, r"current_date\(\) gives another", id="current_date"
        ),
        pytest.param(
            "select 1,\n\ncurrent_timestamp from staging.events", 3, r"current_timestamp\(\)", id="current_timestamp"
        ),
        pytest.param("select today() from staging.events", 1, r"today\(\)", id="today"),
        pytest.param("select age(event_time) from staging.events", 1, r"age\(\)", id="age_until_today"),
        pytest.param(
            "select getvariable('window_end') from staging.events", 1, r"getvariable\(\)", id="the_engines_own_bounds"
        ),
        pytest.param("select nextval('s') from staging.events", 1, r"nextval\(\)", id="sequence"),
        pytest.param("select uuid() from staging.events", 1, r"uuid\(\)", id="uuid"),
        pytest.param(
            "select *\nfrom staging.events\ntablesample 10%", 3, "a sample gives other rows", id="tablesample"
        ),
        pytest.param("select * from staging.events using sample 5", 1, "a sample gives other rows", id="using_sample"),
        pytest.param("select * from\nread_csv('a.csv')", 2, r"read_csv\(\) reads outside", id="read_csv"),
        pytest.param("select * from read_parquet('a')", 1, r"read_parquet\(\) reads outside", id="read_parquet"),
        pytest.param(
            "select * from query_table('wh.staging.events')", 1, r"query_table\(\) reads outside", id="query_table"
        ),
        pytest.param("select * from query('select 1')", 1, r"query\(\) reads outside", id="query"),
        pytest.param("select * from glob('*')", 1, r"glob\(\) reads outside", id="glob"),
        pytest.param("select * from duckdb_tables()", 1, r"duckdb_tables\(\) reads outside", id="duckdb_tables"),
        pytest.param(
            "select *\nfrom wh.staging.events", 2, "'wh.staging.events' is not a table of the graph", id="catalog"
        ),
        pytest.param("select * from events", 1, "'events' is not a table of the graph", id="unqualified"),
        pytest.param("select * from 'events.csv'", 1, "'events.csv' is not a table of the graph", id="file_as_table"),
        pytest.param(
            "select * from information_schema.tables", 1, "'information_schema.tables' is not", id="information_schema"
        ),
        pytest.param(
            "select * from ops.manifest", 1, "'ops.manifest' is not a table of the graph", id="the_warehouses_books"
        ),
        pytest.param(
            "select $snapshot,\n$other from staging.events", 2, r"unknown parameter \$other", id="other_parameter"
        ),
        pytest.param("select ? from staging.events", 1, "unknown parameter", id="positional_parameter"),
        pytest.param("delete from staging.events", 1, "exactly one SELECT", id="delete"),
        pytest.param("select 1; select 2", 1, "exactly one SELECT", id="two_statements"),
        pytest.param("", 1, "exactly one SELECT", id="nothing"),
        pytest.param("select (1\nfrom staging.events", 2, "cannot be parsed", id="no_sql"),
        pytest.param("select 'abc", 1, "cannot be parsed", id="open_text"),
    ],
)
def test_statement_is_refused_at_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(SqlError, match=said) as caught:
        Lab(tmp_path).statement(text)
    assert str(caught.value.place) == f"sql/test/statement.sql:{line}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "with now as (select 1 as random from staging.events) select random, 'now()' from now",
            id="names_like_functions",
        ),
        pytest.param("select age(event_time, available_at) from staging.events", id="age_of_two"),
        pytest.param("select e.current_date from staging.events e", id="column_named_current_date"),
        pytest.param("select * from staging.events, range(3), unnest([1, 2]) u", id="table_functions_without_outside"),
        pytest.param(
            "with recursive t as (select 1 as n union all select n + 1 from t where n < 3) select * from t",
            id="recursive",
        ),
        pytest.param("from staging.events", id="from_first"),
        pytest.param("select * from Staging.Events; -- done", id="closing_semicolon_and_comment"),
        pytest.param("select $snapshot from staging.events", id="snapshot"),
    ],
)
def test_statement_is_accepted(tmp_path: Path, text: str) -> None:
    statement = Lab(tmp_path).statement(text)

    assert set(statement.tables) <= {EVENTS}
    assert statement.uses_snapshot == ("$snapshot" in text)
    assert "done" not in statement.body


def test_statement_refuses_every_unstable_function_of_the_engine() -> None:
    listed = duckdb.sql(
        "select distinct function_name from duckdb_functions() where stability <> 'CONSISTENT'"
    ).fetchall()

    assert {row[0] for row in listed} <= UNREPEATABLE


def test_missing_file_is_named_with_those_there_are(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.statement("select 1", "shop/features/a.sql")
    with pytest.raises(SqlError, match=r"defs\.yaml:7: SQL file shop/features/b\.sql does not exist") as caught:
        read_statement(lab.sql_root, "shop/features/b.sql", declared_at="defs.yaml:7")
    assert "shop/features/a.sql" in str(caught.value)


def test_table_for_all_snapshots_may_not_use_one(tmp_path: Path) -> None:
    with pytest.raises(SqlError, match=r"made\.sql:2: staging\.made is one table for all snapshots"):
        Lab(tmp_path).sql_table("select *\nfrom staging.events where event_time < $snapshot")


def test_engine_error_names_the_line_of_the_file(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.given("staging.events", [])
    feature_set = lab.feature_set("select customer_id,\n    0 as events,\n    amont as total\nfrom staging.events")
    with pytest.raises(SqlError, match=r"sums\.sql:3: the engine refuses") as caught:
        lab.run(feature_set)
    said = str(caught.value)
    assert said.startswith("sql/test/features/sums.sql:3: ")
    assert 'got:      Binder Error: Referenced column "amont" not found in FROM clause!\n' in said
    assert "  expected: a column that is there, such as amount" in said
    assert "did you mean amount?" in said
    assert "\\n" not in said
    table = lab.sql_table("select *\n, amont from staging.events")
    with pytest.raises(SqlError, match=r"made\.sql:2: the engine refuses"):
        lab.run(table)


@pytest.mark.parametrize(
    ("query", "expected", "remedy"),
    [
        ("select _fil from t", "a column that is there", "correct the column's name"),
        ("select t.amont from t", "a column that is there, such as amount", "did you mean amount?"),
        ("select * from t join t as b using (amont)", "a column that is there", "correct the column's name"),
        ("select summ(amount) from t", "a SELECT over declared", "did you mean sum?"),
        ("select customer_id, sum(amount) from t", "a SELECT over declared", "Either add it to the GROUP BY list"),
        ("select sum(note) from t", "a SELECT over declared", "correct the statement"),
    ],
)
def test_engine_error_is_short_and_offers_what_fits(tmp_path: Path, query: str, expected: str, remedy: str) -> None:
    connection = duckdb.connect()
    connection.execute("create table t (customer_id integer, amount integer, note text, _file text, _row integer)")
    with pytest.raises(duckdb.Error) as refused:
        connection.execute(query)
    error = engine_error(Lab(tmp_path).statement("select 1"), refused.value)
    assert str(error.expected).startswith(expected)
    assert str(error.remedy).startswith(remedy)
    assert "\n" not in f"{error.got}{error.expected}{error.remedy}"
    assert "_file" not in str(error)
    assert "_row" not in str(error)


def fingerprint(lab: Lab, text: str) -> str:
    return lab.statement(text).fingerprint


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("SELECT customer_id FROM staging.events WHERE amount > 1 and note = 'A -- b'", id="case_of_words"),
        pytest.param(
            "select customer_id -- who\nfrom staging.events /* all */ where amount > 1\n\nand note = 'A -- b' ;",
            id="comments_and_space",
        ),
    ],
)
def test_fingerprint_ignores_what_changes_nothing(tmp_path: Path, text: str) -> None:
    lab = Lab(tmp_path)
    plain = "select customer_id from staging.events where amount > 1 and note = 'A -- b'"

    assert fingerprint(lab, text) == fingerprint(lab, plain)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("select customer_id from staging.events where amount > 2 and note = 'A -- b'", id="number"),
        pytest.param(
            "select customer_id from staging.events where amount > 1 and note = 'a -- b'", id="case_of_a_text"
        ),
        pytest.param(
            "select customer_id from staging.events where amount > 1 and note = 'A  -- b'", id="space_in_a_text"
        ),
        pytest.param('select customer_id from staging.events where amount > 1 and note = "A -- b"', id="text_to_name"),
        pytest.param("select customer_id from staging.events where amount >= 1 and note = 'A -- b'", id="operator"),
        pytest.param(
            "select distinct customer_id from staging.events where amount > 1 and note = 'A -- b'", id="distinct"
        ),
        pytest.param("select customer_id from staging.event where amount > 1 and note = 'A -- b'", id="table"),
    ],
)
def test_fingerprint_notices_every_change_of_meaning(tmp_path: Path, text: str) -> None:
    lab = Lab(tmp_path)
    plain = "select customer_id from staging.events where amount > 1 and note = 'A -- b'"

    assert fingerprint(lab, text) != fingerprint(lab, plain)


COLUMNS = {EVENTS: ["customer_id", "amount", "event_time"], TableName("staging", "names"): ["customer_id", "name"]}
ID, AMOUNT, TIME = ((EVENTS, name) for name in COLUMNS[EVENTS])
NAME = (TableName("staging", "names"), "name")


@pytest.mark.parametrize(
    ("text", "lineage"),
    [
        pytest.param("select customer_id as who, amount * 2 as twice from staging.events", {"who": {ID}, "twice": {AMOUNT}}, id="expressions"),
        pytest.param("select 1 as one, count(*) as n from staging.events", {"one": set(), "n": set()}, id="constants"),
        pytest.param("select * from staging.events", {"customer_id": {ID}, "amount": {AMOUNT}, "event_time": {TIME}}, id="star"),
        pytest.param("with a as (select customer_id, sum(amount) filter (where event_time > '2011-01-01') as s from staging.events group by 1) "
                     "select a.*, name from a join staging.names using (customer_id)",
                     {"customer_id": {ID}, "s": {AMOUNT, TIME}, "name": {NAME}}, id="cte_join_and_star"),
        pytest.param("select amount as v from staging.events union all select name from staging.names", {"v": {AMOUNT, NAME}}, id="union"),
        pytest.param("select lag(amount) over (partition by customer_id order by event_time) as last from staging.events", {"last": {ID, AMOUNT, TIME}}, id="window"),
        pytest.param("select (select max(amount) from staging.events) as most from staging.names", {"most": {AMOUNT}}, id="subquery"),
        pytest.param("select amount from (from staging.events)", {"amount": {AMOUNT}}, id="from_first"),
    ],
)  # fmt: skip
def test_column_lineage_names_source_columns(
    tmp_path: Path, text: str, lineage: dict[str, set[tuple[TableName, str]]]
) -> None:
    assert Lab(tmp_path).statement(text).column_lineage(COLUMNS) == lineage


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("select * from staging.unheard_of", id="star_of_unknown_columns"),
        pytest.param("select columns('a.*') from staging.events", id="columns_expression"),
        pytest.param("select e from staging.events e", id="whole_row"),
        pytest.param("select * from (pivot staging.events on amount using count(*))", id="pivot"),
        pytest.param("select unnest(struct_pack(a := amount)) from staging.events", id="unnested_struct"),
    ],
)
def test_column_lineage_leaves_out_what_it_cannot_tell(tmp_path: Path, text: str) -> None:
    try:
        statement = Lab(tmp_path).statement(text)
    except SqlError as problem:
        pytest.skip(f"refused when read: {problem.subject}")
    found = statement.column_lineage(COLUMNS)

    assert all(
        pair[0] in statement.tables and pair[1] in COLUMNS.get(pair[0], ())
        for pairs in found.values()
        for pair in pairs
    )


RETAIL = {
    TableName("raw", "invoices"): [
        "invoice_no", "stock_code", "description", "quantity", "invoice_time", "unit_price", "customer_id", "country",
        "_file", "_row", "_batch",
    ],
    **dict.fromkeys(
        (TableName("staging", "purchases"), TableName("staging", "returns")),
        ("invoice_no", "stock_code", "is_product", "quantity", "unit_price", "amount", "invoice_time", "customer_id", "country"),
    ),
}  # fmt: skip


@pytest.mark.reference
@pytest.mark.parametrize("path", sorted(str(p.relative_to(SQL_ROOT)) for p in SQL_ROOT.rglob("*.sql")))
def test_column_lineage_of_the_reference_project_is_complete_and_quick(path: str) -> None:
    statement: Statement = read_statement(SQL_ROOT, path, declared_at="test:1")
    began = time.perf_counter()
    found = statement.column_lineage(RETAIL)
    seconds = time.perf_counter() - began
    again = statement.column_lineage(RETAIL)

    assert list(found)
    assert seconds < 0.25  # 6 ms on two quiet cores
    assert again is found


@pytest.mark.reference
def test_column_lineage_of_a_reference_feature_set() -> None:
    purchases, returns = TableName("staging", "purchases"), TableName("staging", "returns")
    statement = read_statement(SQL_ROOT, "retail/features/customer_purchases.sql", declared_at="test:1")

    found = statement.column_lineage(RETAIL)

    assert found["spend_30d"] == {(purchases, "amount"), (purchases, "invoice_time")}
    assert found["returned_share_365d"] == {(purchases, "amount"), (purchases, "invoice_time"), (returns, "amount")}
    assert instant("2011-01-01").year == 2011
