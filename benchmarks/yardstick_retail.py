"""The retail use case as a plain script: DuckDB and LightGBM, no framework.

It is the measure for `ml_assets`: a whole run of the reference project may take at most twice the time this takes.
So it does the bare job in the way a competent engineer would write it in an afternoon, and nothing else:

1. read the CSV folder into a table, types declared, broken prices dropped;
2. run the staging SQL of `sql/retail/staging`;
3. run the feature SQL of `sql/retail/features` once per weekly snapshot, on the rows before that snapshot, for the
   customers of `sql/retail/labels/repeat_purchase_population.sql`, and the label SQL where its window has passed;
4. one split by snapshot with an embargo of 30 days, one LightGBM model, the AUC on the last 6 labelled snapshots;
5. the scores of the last 10 snapshots;
6. everything as tables in one DuckDB file.

Neither padded nor heroic: same SQL, same 41 snapshots, same parameters and threads as the reference project; DuckDB's
own reader and joins; no loop over rows in Python. It leaves out what the project is for: contracts, quarantine,
leakage proof, manifests, baselines, intervals, reports, registry, monitoring. It also leaves out tricks that
would tie it to this data: all snapshots in one hand-made query, caches, precomputed orders. Importing duckdb,
lightgbm and scikit-learn is timed as its own phase and counts in the total; starting Python itself does not.

    python benchmarks/yardstick_retail.py /path/to/online_retail --out /tmp/yardstick.duckdb
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import lightgbm
    import numpy as np
    import pyarrow as pa

SQL_ROOT = Path(__file__).resolve().parent.parent / "sql" / "retail"
HORIZON = timedelta(days=30)
SNAPSHOTS = [datetime(2011, 2, 28) + timedelta(weeks=week) for week in range(41)]  # noqa: DTZ001 (naive UTC in SQL)
LABELLED = SNAPSHOTS[:37]
TEST = LABELLED[-6:]
TRAIN = [snapshot for snapshot in LABELLED if snapshot + HORIZON <= TEST[0]]
SCORED = SNAPSHOTS[-10:]
# country is kept for slices: as a feature it adds nothing
NOT_FEATURES = ("snapshot", "customer_id", "country")
FEATURE_SETS = ("customer_purchases", "customer_baskets", "customer_rhythm")
ROUNDS = 320
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 5,
    "learning_rate": 0.03,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "extra_trees": True,
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,
    "verbose": -1,
}

READ_CSV = """
create or replace table raw.invoices as
select
    InvoiceNo as invoice_no, StockCode as stock_code, Description as description, Quantity as quantity,
    InvoiceDate as invoice_time, UnitPrice as unit_price, CustomerID::bigint as customer_id, Country as country,
    filename as _file, row_number() over (partition by filename) as _row, 1 as _batch
from read_csv(
    $files, header = true, filename = true,
    columns = {
        'InvoiceNo': 'varchar', 'StockCode': 'varchar', 'Description': 'varchar', 'Quantity': 'bigint',
        'InvoiceDate': 'timestamp', 'UnitPrice': 'double', 'CustomerID': 'double', 'Country': 'varchar'
    }
)
where UnitPrice >= -10
"""


class PhaseTimes:
    """Wall-clock seconds of each named phase, in the order in which they ran."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        print(f"{name:<10} {self.seconds[name]:6.2f} s", flush=True)


def statement(name: str) -> str:
    return (SQL_ROOT / f"{name}.sql").read_text(encoding="utf-8")


def windowed(sql: str, condition: str) -> str:
    """The statement with each table of schema staging cut to the rows that fulfil the condition."""
    return re.sub(r"\bstaging\.(\w+)(?=\s)", rf"(select * from staging.\1 where {condition}) as \1", sql)


def load(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    con.execute("create schema if not exists raw")
    con.execute(READ_CSV, {"files": str(folder / "*.csv")})


def stage(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create schema if not exists staging")
    for name in ("purchases", "returns", "products"):
        con.execute(f"create or replace table staging.{name} as {statement(f'staging/{name}')}")


def build_features(con: duckdb.DuckDBPyConnection) -> None:
    """Table features.customers: one row a snapshot and customer of the population, keyed by both."""
    con.execute("create schema if not exists features")
    before = "invoice_time < $snapshot"
    population = windowed(statement("labels/repeat_purchase_population"), before)
    joins = " ".join(
        f"left join ({windowed(statement(f'features/{name}'), before)}) as {name} using (customer_id)"
        for name in FEATURE_SETS
    )
    query = f"select $snapshot as snapshot, * from ({population}) as population {joins}"
    for snapshot in SNAPSHOTS:
        into = "insert into" if snapshot > SNAPSHOTS[0] else "create or replace table"
        as_ = "" if snapshot > SNAPSHOTS[0] else "as"
        con.execute(f"{into} features.customers {as_} {query}", {"snapshot": snapshot})


def build_labels(con: duckdb.DuckDBPyConnection) -> None:
    """Table labels.repeat_purchase: one row a labelled snapshot and customer of the population."""
    con.execute("create schema if not exists labels")
    con.execute(
        "create or replace table labels.repeat_purchase (snapshot timestamp, customer_id bigint, label integer)"
    )
    window = "invoice_time >= $snapshot and invoice_time < $snapshot + interval 30 day"
    for snapshot in LABELLED:
        con.execute(
            "insert into labels.repeat_purchase "
            "select snapshot, customer_id, coalesce(label, 0) from features.customers "
            f"left join ({windowed(statement('labels/repeat_purchase'), window)}) as bought using (customer_id) "
            "where snapshot = $snapshot",
            {"snapshot": snapshot},
        )


def feature_names(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for name in con.sql("from features.customers").columns if name not in NOT_FEATURES]


def matrix(columns: pa.Table, names: list[str]) -> np.ndarray:
    """Shape (n_rows, n_features), missing as NaN."""
    import numpy as np

    return np.column_stack([columns[name].to_numpy() for name in names])


def rows(con: duckdb.DuckDBPyConnection, names: list[str], source: str, snapshots: list[datetime]) -> pa.Table:
    """The key, the features as doubles and what else the source has, of the given snapshots, sorted by key."""
    doubles = ", ".join(f"{name}::double as {name}" for name in names)
    return con.sql(
        f"select * replace ({doubles}) from {source} where list_contains($snapshots, snapshot) "
        "order by snapshot, customer_id",
        params={"snapshots": snapshots},
    ).to_arrow_table()


def train(con: duckdb.DuckDBPyConnection) -> tuple[lightgbm.Booster, float]:
    """The model and its AUC on the test snapshots."""
    import lightgbm
    from sklearn.metrics import roc_auc_score

    names = feature_names(con)
    source = "features.customers join labels.repeat_purchase using (snapshot, customer_id)"
    train_rows, test_rows = (rows(con, names, source, snapshots) for snapshots in (TRAIN, TEST))
    dataset = lightgbm.Dataset(matrix(train_rows, names), train_rows["label"].to_numpy(), feature_name=names)
    model = lightgbm.train(PARAMETERS, dataset, num_boost_round=ROUNDS)
    return model, float(roc_auc_score(test_rows["label"].to_numpy(), model.predict(matrix(test_rows, names))))


def score(con: duckdb.DuckDBPyConnection, model: lightgbm.Booster) -> None:
    """Table scores.repeat_purchase: one row a scored snapshot and customer of the population."""
    import pyarrow as pa

    scored = rows(con, model.feature_name(), "features.customers", SCORED)
    scores = model.predict(matrix(scored, model.feature_name()))
    keyed = scored.select(["snapshot", "customer_id"]).append_column("score", pa.array(scores))
    con.register("keyed_scores", keyed)
    con.execute("create schema if not exists scores")
    con.execute("create or replace table scores.repeat_purchase as from keyed_scores")
    con.unregister("keyed_scores")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The retail use case with DuckDB and LightGBM alone, timed.")
    parser.add_argument("folder", type=Path, help="folder of the Online Retail CSV files, one a day")
    parser.add_argument("--out", type=Path, default=Path("yardstick.duckdb"), help="DuckDB file, replaced if it exists")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    if not any(arguments.folder.glob("*.csv")):
        raise SystemExit(f"{arguments.folder}: no CSV files there")
    arguments.out.unlink(missing_ok=True)
    times = PhaseTimes()
    with times.phase("import"):
        import duckdb
        import lightgbm  # noqa: F401 (timed here, used in train)
        import sklearn.metrics  # noqa: F401
    with duckdb.connect(arguments.out, config={"threads": 2}) as con:
        with times.phase("read"):
            load(con, arguments.folder)
        with times.phase("staging"):
            stage(con)
        with times.phase("features"):
            build_features(con)
        with times.phase("labels"):
            build_labels(con)
        with times.phase("train"):
            model, auc = train(con)
        with times.phase("score"):
            score(con, model)
        with times.phase("checkpoint"):
            con.execute("checkpoint")
    total = sum(times.seconds.values())
    print(f"{'total':<10} {total:6.2f} s, of which import {times.seconds['import']:.2f} s")
    print(f"test AUC   {auc:.4f}")


if __name__ == "__main__":
    main()
