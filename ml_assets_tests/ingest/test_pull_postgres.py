"""Tables of a real PostgreSQL server arrive as Parquet: every type, and every way in which the server can be out of reach."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ml_assets.errors import DeclarationError, MlAssetsError, PullError, SourceUnreachableError, UnknownNameError
from ml_assets.ingest.pull import Pulled, preview, pull_table
from ml_assets.specs.tables import RawTableSpec
from ml_assets_tests.ingest.conftest import Shop
from ml_assets_tests.postgres_server import PASSWORD, PostgresServer

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("postgres")]
VARIABLE = "SHOP_DATABASE_URL"
ALL_TYPES = """\
create table orders as select 1 as id, 32767::int2 as a, 9223372036854775807::int8 as b, 0.1::float4 as c, 1e300::float8 as d,
    12.340::numeric(10,3) as e, 12345678901234567890.5::numeric as f, true as g, date '2024-02-29' as h,
    timestamp '2024-02-29 10:00:00.123456' as i, timestamptz '2024-02-29 10:00:00+02:00' as j, E'é\\n'::text as k, 'ab'::char(5) as l,
    'v'::varchar(9) as m, '\\x00ff'::bytea as n, '5b2bb7c4-8c3e-4b0f-9f64-1c1e4a1b2c3d'::uuid as o, '{"x":  1}'::json as p,
    '{"x":  1}'::jsonb as q, array[1, null, 3] as r, array[array['a'],array['b']] as s, 'sad'::mood as t, interval '1 day 2 hours' as u,
    time '10:00:00' as v, '10.0.0.1'::inet as w, int4range(1, 5) as x, 'NaN'::float8 as y, 1.5::numeric(30,20) as z
"""
FIRST: dict[str, Any] = {
    "id": 1, "a": 32767, "b": 2**63 - 1, "d": 1e300, "e": Decimal("12.340"), "f": Decimal("12345678901234567890.5"), "g": True,
    "h": date(2024, 2, 29), "i": datetime(2024, 2, 29, 10, 0, 0, 123456), "j": datetime(2024, 2, 29, 8), "k": "é\n", "l": "ab", "m": "v",
    "n": "00ff", "o": "5b2bb7c4-8c3e-4b0f-9f64-1c1e4a1b2c3d", "p": '{"x":  1}', "q": '{"x": 1}', "r": "[1,null,3]", "s": '[["a"],["b"]]',
    "t": "sad", "u": "1 day 02:00:00", "v": "10:00:00", "w": "10.0.0.1/32", "x": "[1,5)", "z": Decimal("1.5"),
}  # fmt: skip


def spec_of(columns: Sequence[str] = ("id",), **changes: Any) -> RawTableSpec:
    pull = {"database": {"env": VARIABLE}, **changes.pop("pull", {"table": "orders"})}
    contract = {"columns": {name: {"type": "string"} for name in columns}, "extra_columns": "evolve"}
    declared = {
        "name": "orders",
        "files": "orders.parquet",
        "format": {"kind": "parquet"},
        "contract": contract,
        "pull": pull,
    }
    return RawTableSpec.model_validate(declared | changes)


@pytest.fixture
def database(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    """A database `shop` of its own, to which the variable points."""
    monkeypatch.setenv(VARIABLE, postgres.new_database("shop"))
    return postgres


def pulled(root: Path, spec: RawTableSpec) -> Pulled:
    return pull_table(spec, root / "landing", root, "defs.yaml:7")


def content(root: Path) -> dict[str, list[Any]]:
    return dict(pq.read_table(root / "landing" / "orders.parquet").to_pydict())


def test_every_type_keeps_every_value(database: PostgresServer, tmp_path: Path) -> None:
    database.execute(
        "create type mood as enum ('sad', 'glad')", ALL_TYPES, "insert into orders (id) values (2)", database="shop"
    )
    pulled(tmp_path, spec_of(key=["id"]))
    got = content(tmp_path)
    first = {name: values[0] for name, values in got.items()}
    assert {name: values[1] for name, values in got.items() if name != "id"} == dict.fromkeys(set(got) - {"id"})
    assert first.pop("c") == pytest.approx(0.1)
    assert str(first.pop("y")) == "nan"
    assert first == FIRST


def test_numbers_and_moments_without_end_make_their_column_text(database: PostgresServer, tmp_path: Path) -> None:
    database.execute(
        "create table orders (id int, n numeric, d date, t timestamptz, huge numeric)",
        "insert into orders values (1, 'NaN', 'infinity', '-infinity', 1e40), (2, 1.50, '2024-01-02', '2024-01-02 12:00+02', 0.001)",
        database="shop",
    )
    pulled(tmp_path, spec_of(key=["id"]))
    got = content(tmp_path)
    assert (got["n"], got["d"]) == (["NaN", "1.50"], ["infinity", "2024-01-02"])
    assert got["t"][0] == "-infinity"
    assert got["huge"] == ["1" + 40 * "0", "0.001"]


def test_more_rows_than_a_row_group_arrive_in_order_with_progress(database: PostgresServer, tmp_path: Path) -> None:
    database.execute(
        "create table orders as select g as id, g % 7 as v from generate_series(250000, 1, -1) g", database="shop"
    )
    seen: list[tuple[int, int]] = []
    outcome = pull_table(
        spec_of(key=["id"]), tmp_path / "landing", tmp_path, "p", lambda _label, done, total: seen.append((done, total))
    )
    file = pq.ParquetFile(outcome.path)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [100_000, 100_000, 50_000]
    assert file.read()["id"].to_pylist() == list(range(1, 250_001))
    assert seen == [(100_000, 250_000), (200_000, 250_000), (250_000, 250_000)]


def test_a_server_that_breaks_off_half_way_leaves_the_old_file(database: PostgresServer, tmp_path: Path) -> None:
    database.execute("create table orders as select 1 as id, repeat('x', 100) as v", database="shop")
    old = pulled(tmp_path, spec_of())
    database.execute("insert into orders select g, repeat('y', 100) from generate_series(2, 300000) g", database="shop")

    def cut(_label: str, _done: int, _total: int) -> None:
        database.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop'")

    with pytest.raises(SourceUnreachableError, match="broke off"):
        pull_table(spec_of(), tmp_path / "landing", tmp_path, "p", cut)
    assert pq.read_table(old.path).num_rows == 1


def test_rows_that_moved_in_the_heap_are_the_same_bytes(database: PostgresServer, tmp_path: Path) -> None:
    database.execute(
        "create table orders (id int primary key, v text)",
        "insert into orders values (1, 'a'), (2, 'b')",
        database="shop",
    )
    first = pulled(tmp_path, spec_of(key=["id"]))
    database.execute(
        "update orders set v = 'x' where id = 1", "update orders set v = 'a' where id = 1", database="shop"
    )
    second = pulled(tmp_path, spec_of(key=["id"]))
    assert (second.sha256, second.changed) == (first.sha256, False)


def test_the_pulled_table_keeps_its_contract(database: PostgresServer, shop: Shop, tmp_path: Path) -> None:
    database.execute(
        "create table sales (id int, day timestamptz, price numeric(8,2), note json)",
        "insert into sales values (1, '2024-01-01 23:30:00-02', 3.50, '{\"a\": 1}'), (2, null, 5000, null)",
        database="shop",
    )
    columns = {
        "id": {"type": "integer"}, "day": {"type": "timestamp"}, "price": {"type": "decimal", "max": 1000}, "note": {"type": "string"},
    }  # fmt: skip
    shop.declare(
        columns,
        files="sales.parquet",
        format={"kind": "parquet"},
        pull={"database": {"env": VARIABLE}, "table": "sales"},
    )
    pull_table(shop.asset.spec, shop.folder, tmp_path, "defs.yaml:1")
    shop.load()
    assert shop.values("id, day, price, note") == [(1, datetime(2024, 1, 2, 1, 30), Decimal("3.5000"), '{"a": 1}')]
    assert shop.quarantine("rule, column_name") == [("max", "price")]


def test_schemas_views_and_queries_are_read(database: PostgresServer, tmp_path: Path) -> None:
    database.execute(
        "create schema sales", "create table sales.orders as select 7 as id", "create view newest as select max(id) as id from sales.orders",
        database="shop",
    )  # fmt: skip
    for pull in (
        {"table": "sales.orders"},
        {"table": "newest"},
        {"query": "select id from sales.orders where id > 1 -- big"},
    ):
        pulled(tmp_path, spec_of(pull=pull))
        assert content(tmp_path) == {"id": [7]}


def test_nothing_can_be_written_through_a_pull(database: PostgresServer, tmp_path: Path) -> None:
    database.execute("create table orders as select 1 as id", database="shop")
    with pytest.raises(PullError):
        pulled(tmp_path, spec_of(pull={"query": "with gone as (delete from orders returning id) select id from gone"}))
    database.execute(
        "create function wipe() returns int language sql as 'delete from orders returning id'", database="shop"
    )
    with pytest.raises(PullError, match="read-only transaction"):
        pulled(tmp_path, spec_of(pull={"query": "select wipe() as id"}))
    assert database.rows("select id from orders", database="shop") == [(1,)]


def test_preview_lists_tables_with_columns_and_rows(database: PostgresServer, tmp_path: Path) -> None:
    database.execute(
        "create schema s",
        "create table s.b (x uuid)",
        "create table a as select 1.5::numeric(5,2) as n, now() as t",
        database="shop",
    )
    first, second = preview(database.url("shop"), tmp_path)
    assert (first.name, first.rows, [(c.name, c.type, c.declared) for c in first.columns]) == (
        "a", 1, [("n", "decimal", "numeric"), ("t", "timestamp", "timestamptz")],
    )  # fmt: skip
    assert (second.name, second.rows) == ("s.b", 0)


@pytest.mark.parametrize(
    ("pull", "columns", "words"),
    [
        ({"table": "order"}, ("id",), ["unknown table of postgresql://owner:…@127.0.0.1", "did you mean orders?"]),
        ({"table": "orders"}, ("id", "amont"), ["unknown column of table orders 'amont'", "did you mean amount"]),
        ({"query": "select nope from orders"}, ("id",), ['column "nope" does not exist']),
        ({"query": "select id, id from orders"}, ("id",), ["a column name stands twice"]),
        ({"query": 'select id, 1 as "ID" from orders'}, ("id",), ["a column name stands twice", "ID, id"]),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(
    database: PostgresServer, tmp_path: Path, pull: dict[str, object], columns: Sequence[str], words: Sequence[str]
) -> None:
    database.execute("create table orders as select 1 as id, 2 as amount", database="shop")
    with pytest.raises(MlAssetsError) as caught:
        pulled(tmp_path, spec_of(columns, pull=pull))
    assert isinstance(caught.value, UnknownNameError | PullError)
    assert all(word in str(caught.value) for word in words), caught.value
    assert "s3cret" not in str(caught.value)


class TestUnreachable:
    def told(self, root: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> MlAssetsError:
        monkeypatch.setenv(VARIABLE, url)
        with pytest.raises(MlAssetsError) as caught:
            pulled(root, spec_of())
        assert "s3cret" not in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None
        return caught.value

    def test_a_wrong_password_is_called_so(
        self, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        problem = self.told(tmp_path, monkeypatch, postgres.url(password="hunter2"))
        assert "does not let this user in" in problem.subject
        assert not problem.transient

    def test_a_missing_database_is_called_so(
        self, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        problem = self.told(tmp_path, monkeypatch, postgres.url("nowhere"))
        assert "no such database" in problem.subject

    def test_a_server_that_does_not_answer_may_answer_later(
        self, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))
            problem = self.told(tmp_path, monkeypatch, postgres.url(port=unheard.getsockname()[1]))
        assert isinstance(problem, SourceUnreachableError)
        assert problem.transient

    @pytest.mark.parametrize("password", ["s3cret@word", "hunter2%zz", "s3cret/word"])
    def test_a_password_that_is_not_encoded_is_never_printed(
        self, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
    ) -> None:
        problem = self.told(tmp_path, monkeypatch, postgres.url(password=password))
        assert isinstance(problem, DeclarationError)
        assert "percent-encoding" in str(problem.remedy)


def test_the_password_of_the_server_needs_encoding() -> None:
    assert " " in PASSWORD
