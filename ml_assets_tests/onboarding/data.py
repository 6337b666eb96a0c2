"""Small files as people have them, one function a kind; equal on every machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

_SEED = "select setseed(0.25)"
# Each row's own numbers in [0, 1), by hash: the same whatever the order of rows.
_NOISE = "(hash(i, '{}') % 1000003) / 1000003.0"


def noise(word: str) -> str:
    """SQL: a number in [0, 1) for row i, of its own for each word."""
    return _NOISE.format(word)


def write(path: Path, select: str, options: str = "header, delimiter ','") -> Path:
    """A file from SQL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"copy ({select}) to '{path}' ({options})")
    return path


def churn(path: Path, rows: int = 1200) -> Path:
    """A flat file with a text label: does a customer leave? 20 columns, some missing, some personal."""
    numbers = ", ".join(f"round({noise(f'n{k}')} * {10 ** (k % 4)}, 3) as usage_{k}" for k in range(9))
    return write(
        path,
        f"""
        select 'C' || lpad((i * 7 + 1)::varchar, 6, '0') as customer_id, 18 + ({noise("age")} * 60)::int as age,
            ['basic', 'plus', 'pro'][1 + ({noise("plan")} * 2.99)::int % 3] as plan,
            ['north', 'south', 'east', 'west'][1 + ({noise("region")} * 3.99)::int % 4] as region,
            ['f', 'm'][1 + ({noise("sex")} > 0.5)::int] as sex,
            case when {noise("hole")} > 0.1 then round({noise("charge")} * 120, 2) end as "MonthlyCharges",
            ({noise("calls")} * 8)::int as "Support Calls", 'user' || i || '@example.com' as email,
            {numbers}, ({noise("tenure")} * 72)::int as tenure,
            case when {noise("y")} < 0.15 + 0.5 * ({noise("calls")} > 0.6)::int + 0.2 * ({noise("tenure")} < 0.2)::int
                then 'yes' else 'no' end as churned
        from range({rows}) t(i) order by i""",
    )


def incidents(path: Path, rows: int = 1200) -> Path:
    """Examples with a time: does a ticket breach its promise?"""
    return write(
        path,
        f"""
        select 1000 + i as ticket, strftime(timestamp '2023-01-02 08:00:00' + interval (i * 8) hour, '%d/%m/%Y %H:%M') as opened,
            ['mail', 'phone', 'web'][1 + ({noise("c")} * 2.99)::int % 3] as channel, ({noise("q")} * 30)::int as queue_length,
            ({noise("p")} * 4)::int + 1 as priority, ({noise("y")} < 0.1 + 0.02 * ({noise("q")} * 30)::int)::int as breached
        from range({rows}) t(i) order by i""",
    )


def flowers(path: Path, rows: int = 600, *, numbered: bool = False) -> Path:
    """Three classes, named or numbered."""
    kind = f"({noise('k')} * 2.99)::int % 3"
    label = f"1 + {kind}" if numbered else f"['iris', 'lily', 'rose'][1 + {kind}]"
    return write(
        path,
        f"""select round({kind} + {noise("a")}, 3) as petal_length, round(2 - {kind} * 0.5 + {noise("b")}, 3) as petal_width,
            round({noise("c")} * 7, 3) as stem, {label} as species from range({rows}) t(i) order by i""",
    )


def flats(path: Path, rows: int = 800) -> Path:
    """A regression: rents, with a decimal comma and semicolons."""
    rent = f"(250 + ({noise('m')} * 100)::int * 9 + 150 * ({noise('c')} > 0.5)::int + {noise('e')} * 90)"
    return write(
        path,
        f"""select 20 + ({noise("m")} * 100)::int as square_metres, replace(round({noise("d")} * 12, 2)::varchar, '.', ',') as distance_km,
            ['city', 'country'][1 + ({noise("c")} <= 0.5)::int] as place, replace(round({rent}, 2)::varchar, '.', ',') as rent
            from range({rows}) t(i) order by i""",
        "header, delimiter ';'",
    )


def searches(path: Path, rows: int = 900) -> Path:
    """Ranking: results of queries with grades."""
    return write(
        path,
        f"""select 'q' || (i // 6) as query_id, 'd' || i as document, round({noise("s")}, 4) as match, ({noise("a")} * 100)::int as age_days,
            least(3, ({noise("s")} * 2.5 + {noise("e")})::int) as grade from range({rows}) t(i) order by i""",
    )


def customers_and_orders(folder: Path, rows: int = 600) -> tuple[Path, Path]:
    """A parent and its children, both with a time; orders after the decision tell the outcome and must not count."""
    decided = "date '2023-06-01' + ((hash(i, 'd') % 90)::int)"
    parent = write(
        folder / "customers.csv",
        f"""select i + 1 as customer_id, {decided} as decided_on, ['a', 'b'][1 + ({noise("s")} > 0.5)::int] as segment,
            ({noise("y")} < 0.1 + 0.1 * (hash(i, 'n') % 8))::int as accepted from range({rows}) t(i) order by i""",
    )
    child = write(
        folder / "orders.csv",
        f"""select row_number() over (order by i, k) as order_no, i + 1 as customer_id,
            ({decided} - ((hash(i, k) % 200)::int) + 20)::date as ordered_on, round(5 + (hash(k, i) % 1000) / 10.0, 2) as amount,
            ['shop', 'web', 'post'][1 + (hash(k, i, 'c') % 3)::int] as channel
            from (select i, unnest(range((1 + hash(i, 'n') % 8)::bigint)) as k from range({rows}) t(i)) order by i, k""",
    )
    return parent, child


def visits(path: Path, customers: int = 150, last_day: str = "2022-12-31", days: int = 330) -> Path:
    """An event log: who buys, when, what, for how much. Some come often, some seldom; some rows have no customer."""
    return write(
        path,
        f"""select case when hash(i, k, 'guest') % 20 > 0 then i + 1 end as customer_id,
            strftime(date '{last_day}' - ((hash(i, k) % {days})::int) + interval (hash(k, i) % 1400) minute, '%Y-%m-%d %H:%M:%S') as visited_at,
            round(1 + (hash(i, k, 'a') % 5000) / 100.0, 2) as amount, ['north', 'south'][1 + (hash(i, 'city') % 2)::int] as city
            from (select i, unnest(range((2 + (hash(i, 'n') % 5) * (hash(i, 'n') % 9))::bigint)) as k from range({customers}) t(i))
            order by visited_at, customer_id""",
    )


HOSTILE = [
    "select",
    "order",
    "naïve",
    'a "quoted" one',
    "on",
    "NO",
    "1_000",
    "12:30",
    "😀 mood",
    "x: y",
    "# hash",
    "table",
    "label2",
    "col,umn",
]


def hostile_names(path: Path, rows: int = 500) -> Path:
    """Headers that SQL, YAML and people stumble over."""
    columns = ", ".join(
        'round({}, 3) as "{}"'.format(noise(f"h{k}"), name.replace('"', '""')) for k, name in enumerate(HOSTILE)
    )
    return write(
        path,
        f"select {columns}, case when {noise('h0')} + 0.2 * {noise('y')} > 0.6 then 'NO' else 'on' end as \"Y/N?\" from range({rows}) t(i) order by i",
    )


KINDS: dict[str, Callable[[Path], Path]] = {
    "churn": churn,
    "incidents": incidents,
    "flowers": flowers,
    "flats": flats,
    "searches": searches,
}
