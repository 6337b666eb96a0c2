"""Tables of SQLite and DuckDB files arrive as Parquet landing files: every type, every value, the same bytes again."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from ml_assets.errors import DeclarationError, PullError, SourceUnreachableError, UnknownNameError
from ml_assets.ingest.pull import Pulled, preview, pull_table
from ml_assets.specs.tables import RawTableSpec
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.ingest.conftest import Shop


def spec_of(database: object, columns: Sequence[str] = ("id",), **changes: Any) -> RawTableSpec:
    """Raw table `orders` from table `orders`, or from what `changes` say."""
    pull = {"database": database, **changes.pop("pull", {"table": "orders"})}
    contract = {
        "columns": {name: {"type": "string"} for name in columns},
        "extra_columns": changes.pop("extra", "evolve"),
    }
    declared = {
        "name": "orders",
        "files": "orders.parquet",
        "format": {"kind": "parquet"},
        "contract": contract,
        "pull": pull,
    }
    return RawTableSpec.model_validate(declared | changes)


def sqlite_file(path: Path, *statements: str, rows: Mapping[str, Sequence[Sequence[object]]] | None = None) -> Path:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
        for table, values in (rows or {}).items():
            connection.executemany(f"insert into {table} values ({', '.join('?' * len(values[0]))})", values)
    connection.close()
    return path


def duckdb_file(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def pulled(root: Path, spec: RawTableSpec) -> Pulled:
    return pull_table(spec, root / "landing", root, "defs.yaml:7")


def content(root: Path) -> dict[str, list[Any]]:
    """Column → values of the landing file."""
    return dict(pq.read_table(root / "landing" / "orders.parquet").to_pydict())


def types(root: Path) -> dict[str, str]:
    return {field.name: str(field.type) for field in pq.read_schema(root / "landing" / "orders.parquet")}


@pytest.fixture
def shop_db(tmp_path: Path) -> Path:
    """Three orders in `data/shop.db`, in no order."""
    (tmp_path / "data").mkdir()
    return sqlite_file(
        tmp_path / "data" / "shop.db", "create table orders (id integer, amount real, at text)", "create table customers (id integer)",
        rows={"orders": [(2, 2.5, "2024-01-02"), (3, None, None), (1, 1.0, "2024-01-01")]},
    )  # fmt: skip


class TestSqlite:
    def test_every_kind_of_column_keeps_every_value(self, tmp_path: Path) -> None:
        sqlite_file(
            tmp_path / "all.db",
            "create table orders (id integer, whole int, part double, said text, day date, flag boolean, raw blob, none text, price decimal)",
            rows={
                "orders": [
                    (1, 2**63 - 1, 0.1, "é\n'", "2024-02-29", 1, b"\x00\xff", None, 12),
                    (2, None, 1, "", "2024-02-29 10:00:00", 0, None, None, 0.5),
                ]
            },
        )
        pulled(tmp_path, spec_of("sqlite:///all.db"))
        assert content(tmp_path) == {
            "id": [1, 2], "whole": [2**63 - 1, None], "part": [0.1, 1.0], "said": ["é\n'", ""],
            "day": ["2024-02-29", "2024-02-29 10:00:00"], "flag": [True, False], "raw": ["00ff", None], "none": [None, None],
            "price": [12.0, 0.5],
        }  # fmt: skip
        assert types(tmp_path) == {
            "id": "int64", "whole": "int64", "part": "double", "said": "string", "day": "string", "flag": "bool",
            "raw": "string", "none": "string", "price": "double",
        }  # fmt: skip

    def test_a_column_of_mixed_kinds_becomes_text_and_loses_nothing(self, tmp_path: Path) -> None:
        mixed = [1, 0.1, 1e300, 1 / 3, "two", b"\xab", None, 2**62]
        sqlite_file(tmp_path / "m.db", "create table orders (id, v)", rows={"orders": list(enumerate(mixed))})
        pulled(tmp_path, spec_of("sqlite:///m.db"))
        got = content(tmp_path)["v"]
        assert [got[0], got[1], got[4], got[5], got[6], got[7]] == ["1", "0.1", "two", "ab", None, str(2**62)]
        assert [float(text) for text in got[2:4]] == [1e300, 1 / 3]

    def test_whole_numbers_that_a_float_cannot_hold_are_not_made_floats(self, tmp_path: Path) -> None:
        sqlite_file(tmp_path / "m.db", "create table orders (id, v)", rows={"orders": [(1, 2**53 + 1), (2, 0.5)]})
        pulled(tmp_path, spec_of("sqlite:///m.db"))
        assert content(tmp_path)["v"] == [str(2**53 + 1), "0.5"]

    def test_a_boolean_column_with_other_numbers_stays_a_number(self, tmp_path: Path) -> None:
        sqlite_file(tmp_path / "b.db", "create table orders (id, v boolean)", rows={"orders": [(1, 2), (2, 0)]})
        pulled(tmp_path, spec_of("sqlite:///b.db"))
        assert content(tmp_path)["v"] == [2, 0]

    def test_text_that_is_not_utf_8_is_refused_and_never_replaced(self, tmp_path: Path) -> None:
        sqlite_file(tmp_path / "t.db", "create table orders (id)", "insert into orders values (cast(x'ff41' as text))")
        with pytest.raises(PullError, match="UTF-8"):
            pulled(tmp_path, spec_of("sqlite:///t.db"))

    def test_a_query_may_join_and_end_with_a_comment(self, tmp_path: Path, shop_db: Path) -> None:
        query = "-- the dear ones\nselect id, amount * 2 as twice from orders where amount > 1; -- done"
        pulled(tmp_path, spec_of("sqlite:///data/shop.db", pull={"query": query.replace("; --", " --")}))
        assert content(tmp_path) == {"id": [2], "twice": [5.0]}

    def test_odd_names_of_tables_and_columns_are_only_names(self, tmp_path: Path) -> None:
        sqlite_file(tmp_path / "odd.db", 'create table "sel ect ""x" ("group by" integer, "é😀" text)',
                    """insert into "sel ect ""x" values (1, 'a')""")  # fmt: skip
        odd = {"a": {"type": "integer", "source": "group by"}, "b": {"type": "string", "source": "é😀"}}
        spec = spec_of("sqlite:///odd.db", pull={"table": 'sel ect "x'}, contract={"columns": odd}, key=["a"])
        assert pulled(tmp_path, spec).order_by == ("group by",)
        assert content(tmp_path) == {"group by": [1], "é😀": ["a"]}

    def test_more_rows_and_columns_than_a_batch_arrive_once_each(self, tmp_path: Path) -> None:
        width, height = 450, 2_500
        columns = ", ".join(f"c{n} integer" for n in range(width))
        sqlite_file(
            tmp_path / "wide.db", f"create table orders (id integer, {columns})",
            rows={"orders": [(n, *range(n, n + width)) for n in range(height)]},
        )  # fmt: skip
        spec = spec_of("sqlite:///wide.db", key=["id"])
        assert pulled(tmp_path, spec).rows == height
        table = pq.read_table(tmp_path / "landing" / "orders.parquet")
        assert table["id"].to_pylist() == list(range(height))
        assert table["c449"].to_pylist() == list(range(449, 449 + height))
        assert pq.ParquetFile(tmp_path / "landing" / "orders.parquet").num_row_groups == 1


class TestDuckdb:
    def test_every_type_keeps_every_value(self, tmp_path: Path) -> None:
        duckdb_file(
            tmp_path / "all.duckdb",
            """create table orders as select 1 as id, 127::tinyint as a, 18446744073709551615::ubigint as b,
            170141183460469231731687303715884105727::hugeint as c, 0.1::float as d, 1e300::double as e, 12.3450::decimal(10,4) as f,
            true as g, date '2024-02-29' as h, timestamp '2024-02-29 10:00:00.123456' as i,
            timestamptz '2024-02-29 10:00:00+02:00' as j, 'é'::varchar as k, '\\x00\\xFF'::blob as l,
            '5b2bb7c4-8c3e-4b0f-9f64-1c1e4a1b2c3d'::uuid as m, [1, null] as n, {'x': 1} as o, map {'k': 2} as p, 'b'::enum('a', 'b') as q,
            time '10:00:00' as r, interval 1 day as s, '{"z": 1}'::json as t, '101'::bit as u,
            timestamp_s '2024-01-01 00:00:01' as w, [1.5::decimal(4,2)] as x""",
            "insert into orders (id) values (2)",
        )
        pulled(tmp_path, spec_of("duckdb:///all.duckdb"))
        got = content(tmp_path)
        first = {name: values[0] for name, values in got.items()}
        assert {name: values[1] for name, values in got.items() if name != "id"} == dict.fromkeys(set(got) - {"id"})
        assert first.pop("d") == pytest.approx(0.1)
        assert first == {
            "id": 1, "a": 127, "b": 2**64 - 1, "c": str(2**127 - 1), "e": 1e300, "f": Decimal("12.3450"), "g": True,
            "h": date(2024, 2, 29), "i": datetime(2024, 2, 29, 10, 0, 0, 123456), "j": datetime(2024, 2, 29, 8), "k": "é", "l": "00ff",
            "m": "5b2bb7c4-8c3e-4b0f-9f64-1c1e4a1b2c3d", "n": "[1,null]", "o": '{"x":1}', "p": '{"k":2}', "q": "b", "r": "10:00:00",
            "s": "1 day", "t": '{"z": 1}', "u": "101", "w": datetime(2024, 1, 1, 0, 0, 1), "x": "[1.5]",
        }  # fmt: skip

    def test_nanoseconds_are_kept(self, tmp_path: Path) -> None:
        duckdb_file(
            tmp_path / "n.duckdb",
            "create table orders as select 1 as id, timestamp_ns '2024-01-01 00:00:00.123456789' as v",
        )
        pulled(tmp_path, spec_of("duckdb:///n.duckdb"))
        v = pq.read_table(tmp_path / "landing" / "orders.parquet")["v"]
        assert str(v.type) == "timestamp[ns]"
        assert v.cast("int64").to_pylist() == [1_704_067_200_123_456_789]

    def test_a_moment_without_end_makes_its_column_text(self, tmp_path: Path) -> None:
        duckdb_file(
            tmp_path / "x.duckdb",
            "create table orders as select 1 as id, 'infinity'::timestamp as till, date '2024-01-01' as day",
            "insert into orders values (2, timestamp '2024-01-01', null)",
        )
        pulled(tmp_path, spec_of("duckdb:///x.duckdb"))
        assert content(tmp_path)["till"] == ["infinity", "2024-01-01 00:00:00"]
        assert types(tmp_path)["day"] == "date32[day]"

    def test_tables_of_other_schemas_and_views_are_found(self, tmp_path: Path) -> None:
        duckdb_file(
            tmp_path / "x.duckdb",
            "create schema sales",
            "create table sales.orders as select 7 as id",
            "create view latest as select max(id) as id from sales.orders",
        )
        pulled(tmp_path, spec_of("duckdb:///x.duckdb", pull={"table": "sales.orders"}))
        assert content(tmp_path) == {"id": [7]}
        pulled(tmp_path, spec_of("duckdb:///x.duckdb", pull={"table": "latest"}))
        assert content(tmp_path) == {"id": [7]}

    def test_a_file_open_for_writing_elsewhere_is_named_with_its_process(self, tmp_path: Path) -> None:
        path = duckdb_file(tmp_path / "x.duckdb", "create table orders as select 1 as id")
        code = f"import duckdb\nc = duckdb.connect({str(path)!r})\nprint('open', flush=True)\ninput()"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdin is not None
            assert holder.stdout.readline() == "open\n"
            with pytest.raises(SourceUnreachableError, match=f"open for writing in process {holder.pid}") as caught:
                pulled(tmp_path, spec_of("duckdb:///x.duckdb"))
            holder.stdin.write("\n")
            holder.stdin.flush()
        assert caught.value.transient
        assert not (tmp_path / "landing" / "orders.parquet").exists()


class TestSameBytes:
    def test_equal_rows_in_another_order_leave_the_landing_file_untouched(self, tmp_path: Path, shop_db: Path) -> None:
        spec = spec_of("sqlite:///data/shop.db", key=["id"])
        first = pulled(tmp_path, spec)
        before = first.path.stat()
        sqlite_file(shop_db, "create table other as select * from orders order by id desc", "drop table orders",
                    "alter table other rename to orders")  # fmt: skip
        second = pulled(tmp_path, spec)
        assert (first.changed, second.changed) == (True, False)
        assert (second.sha256, second.order_by) == (first.sha256, ("id",))
        assert first.path.stat().st_ino == before.st_ino
        assert content(tmp_path)["id"] == [1, 2, 3]

    def test_without_an_order_the_outcome_says_so(self, tmp_path: Path, shop_db: Path) -> None:
        outcome = pulled(tmp_path, spec_of("sqlite:///data/shop.db"))
        assert outcome.order_by == ()
        assert "the source's own order" in outcome.sentence
        assert content(tmp_path)["id"] == [2, 3, 1]

    def test_a_changed_row_changes_the_file_and_replaces_the_rows_of_the_table(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        db = sqlite_file(tmp_path / "shop.db", "create table sales (id integer, day text, price real, note text)",
                         rows={"sales": [(1, "2024-01-01", 1.5, "a"), (2, "2024-01-02", 2.5, None)]})  # fmt: skip
        shop.declare(
            files="sales.parquet",
            format={"kind": "parquet"},
            key=["id"],
            pull={"database": f"sqlite:///{db}", "table": "sales"},
        )
        for price, batches in ((1.5, 1), (1.5, 1), (9.0, 2)):
            with sqlite3.connect(db) as connection:
                connection.execute("update sales set price = ? where id = 1", [price])
            connection.close()
            pull_table(shop.asset.spec, shop.folder, tmp_path, "defs.yaml:1")
            shop.load()
            assert shop.values("id, day, price, note") == [
                (1, date(2024, 1, 1), price, "a"),
                (2, date(2024, 1, 2), 2.5, None),
            ]
            assert shop.batches() == batches

    def test_an_empty_table_is_a_file_without_rows(self, shop: Shop, tmp_path: Path) -> None:
        db = sqlite_file(tmp_path / "shop.db", "create table sales (id integer, day text, price real, note text)")
        shop.declare(
            files="sales.parquet", format={"kind": "parquet"}, pull={"database": f"sqlite:///{db}", "table": "sales"}
        )
        assert pull_table(shop.asset.spec, shop.folder, tmp_path, "defs.yaml:1").rows == 0
        shop.load()
        assert shop.values("id") == []

    def test_undeclared_columns_stay_in_the_database_where_the_contract_discards_them(
        self, tmp_path: Path, shop_db: Path
    ) -> None:
        pulled(tmp_path, spec_of("sqlite:///data/shop.db", ("id", "at"), extra="discard"))
        assert list(content(tmp_path)) == ["id", "at"]


_STOPPED_HALF_WAY = """\
import os, signal, sys
from pathlib import Path
from ml_assets.ingest.pull import pull_table
from ml_assets.specs.tables import RawTableSpec

def half_way(label, done, total):
    os.kill(os.getpid(), signal.SIGKILL)

root = Path(sys.argv[1])
pull_table(RawTableSpec.model_validate_json(sys.argv[2]), root / "landing", root, "defs.yaml:1", half_way)
"""


class TestInterrupted:
    def test_killed_half_way_the_old_file_stands_and_the_next_pull_completes(
        self, tmp_path: Path, shop_db: Path
    ) -> None:
        spec = spec_of("sqlite:///data/shop.db", key=["id"])
        pulled(tmp_path, spec)
        old = (tmp_path / "landing" / "orders.parquet").read_bytes()
        sqlite_file(shop_db, "insert into orders select id + 10, amount, at from orders")
        killed = subprocess.run(
            [sys.executable, "-c", _STOPPED_HALF_WAY, str(tmp_path), spec.model_dump_json()], capture_output=True, check=False,
            timeout=60, cwd=ROOT,
        )  # fmt: skip
        assert killed.returncode == -9, killed.stderr
        assert (tmp_path / "landing" / "orders.parquet").read_bytes() == old
        assert [path.name for path in (tmp_path / "landing").glob(".*.part")] == [".orders.parquet.part"]
        assert pulled(tmp_path, spec).rows == 6
        assert list((tmp_path / "landing").glob(".*.part")) == []

    def test_two_pulls_of_one_file_do_not_meet(self, tmp_path: Path, shop_db: Path) -> None:
        spec = spec_of("sqlite:///data/shop.db")

        def meanwhile(_label: str, _done: int, _total: int) -> None:
            with pytest.raises(SourceUnreachableError, match=r"another process is pulling orders\.parquet"):
                pulled(tmp_path, spec)

        assert pull_table(spec, tmp_path / "landing", tmp_path, "defs.yaml:1", meanwhile).rows == 3


class TestErrors:
    @pytest.mark.parametrize(
        ("pull", "columns", "words"),
        [
            ({"table": "order"}, ("id",), ["unknown table of sqlite:///", "did you mean orders?", "defs.yaml:7"]),
            ({"table": "orders"}, ("id", "amont"), ["unknown column of table orders 'amont'", "did you mean amount"]),
            ({"table": "orders", "order_by": ["it"]}, ("id",), ["unknown column to order by", "'it'"]),
            ({"query": "select id from orders"}, ("at",), ["unknown column of the query 'at'", "one of: id"]),
        ],
    )  # fmt: skip
    def test_unknown_names_come_with_the_nearest_ones(
        self, tmp_path: Path, shop_db: Path, pull: dict[str, object], columns: Sequence[str], words: Sequence[str]
    ) -> None:
        with pytest.raises(UnknownNameError) as caught:
            pulled(tmp_path, spec_of("sqlite:///data/shop.db", columns, pull=pull))
        assert all(word in str(caught.value) for word in words), caught.value

    @pytest.mark.parametrize("query", ["select nope from orders", "select id from"])
    def test_a_query_that_the_database_refuses_is_told_in_its_words(
        self, tmp_path: Path, shop_db: Path, query: str
    ) -> None:
        duckdb_file(tmp_path / "x.duckdb", "create table orders as select 1 as id")
        for url in ("sqlite:///data/shop.db", "duckdb:///x.duckdb"):
            with pytest.raises(PullError) as caught:
                pulled(tmp_path, spec_of(url, pull={"query": query}))
            assert caught.value.place == "defs.yaml:7"

    def test_a_query_that_fails_at_a_late_row_leaves_no_file(self, tmp_path: Path) -> None:
        duckdb_file(tmp_path / "x.duckdb", "create table orders as select range as id from range(200_000)")
        query = "select case when id = 199_000 then error('late') end as id from orders"
        with pytest.raises(PullError, match="late"):
            pulled(tmp_path, spec_of("duckdb:///x.duckdb", pull={"query": query}))
        assert [path.name for path in (tmp_path / "landing").iterdir()] == [".orders.parquet.lock"]

    @pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
    def test_a_file_that_is_missing_or_no_database_is_named(self, tmp_path: Path, kind: str) -> None:
        with pytest.raises(PullError, match=r"there is no file .*gone\.db"):
            pulled(tmp_path, spec_of(f"{kind}:///gone.db"))
        (tmp_path / "text.db").write_text("this is no database at all, only text " * 40, encoding="utf-8")
        with pytest.raises(PullError, match=r"text\.db"):
            pulled(tmp_path, spec_of(f"{kind}:///text.db"))

    def test_a_sqlite_file_in_the_middle_of_a_write_is_transient(
        self, tmp_path: Path, shop_db: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ml_assets.ingest.sources.sqlite._BUSY_SECONDS", 0.01)
        writer = sqlite3.connect(shop_db, isolation_level=None)
        writer.execute("begin exclusive")
        with pytest.raises(SourceUnreachableError, match="locked by another program"):
            pulled(tmp_path, spec_of("sqlite:///data/shop.db"))
        writer.close()

    def test_a_variable_that_is_not_set_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOP_DATABASE_URL", raising=False)
        with pytest.raises(DeclarationError, match="SHOP_DATABASE_URL is not set"):
            pulled(tmp_path, spec_of({"env": "SHOP_DATABASE_URL"}))

    def test_a_url_of_another_kind_is_refused_without_its_password(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_DATABASE_URL", "mysql://me:hunter2@host/shop")
        with pytest.raises(DeclarationError, match="not the URL") as caught:
            pulled(tmp_path, spec_of({"env": "SHOP_DATABASE_URL"}))
        assert "hunter2" not in str(caught.value)


class TestPreview:
    def test_preview_of_sqlite_tells_types_from_the_values(self, tmp_path: Path, shop_db: Path) -> None:
        customers, orders = preview("sqlite:///data/shop.db", tmp_path)
        assert (customers.name, customers.rows) == ("customers", 0)
        assert [(c.name, c.type, c.declared) for c in orders.columns] == [
            ("id", "integer", "INTEGER"), ("amount", "float", "REAL"), ("at", "string", "TEXT"),
        ]  # fmt: skip
        assert orders.rows == 3

    def test_preview_of_duckdb_tells_the_types_of_contracts(self, tmp_path: Path) -> None:
        duckdb_file(
            tmp_path / "x.duckdb",
            "create schema s",
            "create table s.t (a hugeint, b decimal(5,2), c timestamptz, d date, e boolean)",
        )
        [table] = preview("duckdb:///x.duckdb", tmp_path)
        assert table.name == "s.t"
        assert [column.type for column in table.columns] == ["integer", "decimal", "timestamp", "date", "boolean"]
