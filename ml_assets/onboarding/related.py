"""Several tables: one row of the main table an example, what belongs to it from the others computed in one statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ml_assets.onboarding import flat
from ml_assets.onboarding.contracts import Contract, is_personal
from ml_assets.onboarding.sql import categories, exact, fresh, identifier, numbers, statement
from ml_assets.onboarding.understanding import ColumnFacts, Relation, TableFacts, Understanding
from ml_assets.onboarding.yaml_text import comment, document
from ml_assets.onboarding.yaml_text import field as yaml_field
from ml_assets.specs.models import ROW_ID

_MOST_NUMBERS, _MOST_CATEGORIES = 10, 6


@dataclass
class _Examples:
    """The staging table as it grows: columns with their contracts, what is selected, the CTEs and joins."""

    u: Understanding
    main: TableFacts
    columns: dict[str, Contract] = field(default_factory=dict)
    facts: list[ColumnFacts] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)
    ctes: list[str] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)

    def add(self, name: str, contract: Contract, sql: str, facts: ColumnFacts | None = None) -> None:
        self.columns[name] = contract
        self.selected.append(sql)
        self.facts.append(
            replace(facts, name=name) if facts is not None
            else ColumnFacts(name, name, contract["type"], self.main.rows, 0, self.main.rows)
        )  # fmt: skip


def tables_in_use(u: Understanding) -> Iterator[TableFacts]:
    """The main table and those with a relation to it."""
    near = {r.parent for r in u.relations if r.child == u.main} | {r.child for r in u.relations if r.parent == u.main}
    return (table for table in u.tables if table.name == u.main or table.name in near)


def files(u: Understanding, base: str) -> dict[str, str]:
    """The staging table with its SQL, the model and the scores."""
    name = f"{u.name}_examples"
    examples = _examples(u)
    entity = u.entity if u.entity is not None else ROW_ID
    path = f"{u.name}/staging/{name}.sql"
    candidates = flat.feature_candidates(
        replace_main(u, examples.facts), replace(examples.main, columns=tuple(examples.facts))
    )
    return {
        f"{base}/staging/{name}/defs.yaml": _declaration(u, name, path, examples, entity),
        f"sql/{path}": _statement(u, examples, entity),
        f"{base}/model/defs.yaml": flat.model(u, f"staging.{name}", candidates, entity),
        f"{base}/scores/defs.yaml": flat.scores(u),
    }


def replace_main(u: Understanding, facts: list[ColumnFacts]) -> Understanding:
    """With the staging table's columns in place of the main table's."""
    tables = tuple(replace(t, columns=tuple(facts)) if t.name == u.main else t for t in u.tables)
    return replace(u, tables=tables)


def _examples(u: Understanding) -> _Examples:
    main = u.table(u.main)
    examples = _Examples(u, main)
    if u.entity is None:
        examples.add(ROW_ID, {"type": "string", "nullable": False}, f"m._file || ':' || m._row as {ROW_ID}")
    for column in main.columns:
        if is_personal(u, main, column) and column.name not in (u.entity, u.group):
            continue
        contract: Contract = {"type": column.type} | ({"nullable": False} if column.name == u.entity else {})
        examples.add(column.name, contract, f"m.{identifier(column.name)}", column)
        examples.read.add(column.name)
    children = {relation.child for relation in u.relations if relation.parent == u.main}
    for position, relation in enumerate(r for r in u.relations if r.child == u.main and r.parent not in children):
        _look_up(examples, relation, f"p{position + 1}")
    for position, relation in enumerate(r for r in u.relations if r.parent == u.main and r.child != u.main):
        _sum_up(examples, relation, f"c{position + 1}")
    return examples


def _equal(examples: _Examples, child: str, relation: Relation, parent: str) -> str:
    """The join condition; keys of different types are compared as text."""
    types = [
        examples.u.table(table).column(column).type
        for table, column in ((relation.child, relation.child_column), (relation.parent, relation.parent_column))
    ]
    cast = "::varchar" if types[0] != types[1] else ""
    examples.read |= {relation.child_column, relation.parent_column}
    ours, theirs = identifier(relation.child_column), identifier(relation.parent_column)
    return f"{child}.{ours}{cast} = {parent}.{theirs}{cast}"


def _look_up(examples: _Examples, relation: Relation, alias: str) -> None:
    """Columns of the one row of another table that a main row belongs to."""
    parent = examples.u.table(relation.parent)
    equal = _equal(examples, "m", relation, alias)
    condition = f" on {equal}"
    if examples.main.event_time and parent.event_time:
        examples.read.add(parent.event_time)
        not_later = f"m.{identifier(examples.main.event_time)} >= {alias}.{identifier(parent.event_time)}"
        condition = f"\n    on\n        {equal}\n        and {not_later}"
        examples.notes.append(f"A row of {parent.name} counts only if it is not later than the row that it belongs to.")
    examples.joins.append(f"left join raw.{parent.name} as {alias}{condition}")
    for column in parent.columns:
        dated = column.type in ("date", "timestamp")
        if column.name == relation.parent_column or column.personal or column.free_text or column.id_like or dated:
            continue
        name = fresh(f"{parent.name}_{column.name}", examples.columns)
        examples.read.add(column.name)
        examples.add(name, {"type": column.type}, f"{alias}.{identifier(column.name)} as {name}", column)


def _sum_up(examples: _Examples, relation: Relation, alias: str) -> None:
    """Counts, sums and means over the rows of another table that belong to a main row."""
    child, main = examples.u.table(relation.child), examples.main
    cte = f"{child.name}_of_{main.name}"
    key = identifier(relation.parent_column)
    both = child.event_time is not None and main.event_time is not None
    terms = list(_terms(examples, child, relation))
    body = [f"        m.{key}", *(f"        {sql} as {name}" for name, sql, _ in terms)]
    lines = [f"{cte} as (", "    select", ",\n".join(body), f"    from raw.{child.name} as c"]
    lines.append(f"    inner join raw.{main.name} as m on {_equal(examples, 'c', relation, 'm')}")
    if both:
        assert child.event_time is not None
        assert main.event_time is not None
        examples.read |= {child.event_time, main.event_time}
        lines.append(f"    where c.{identifier(child.event_time)} < m.{identifier(main.event_time)}")
        examples.notes.append(
            f"Rows of {child.name} count only before the {main.event_time} of the row that they belong to."
        )
    elif child.event_time is not None:
        examples.notes.append(
            f"{main.name} has no time of its own, so all rows of {child.name} count: see that none is later than the outcome."
        )
    lines += [f"    group by m.{key}", ")"]
    examples.ctes.append("\n".join(lines))
    examples.joins.append(f"left join {cte} as {alias} on m.{key} = {alias}.{key}")
    for name, _, contract in terms:
        counted = contract.get("nullable") is False
        sql = f"coalesce({alias}.{name}, 0) as {name}" if counted else f"{alias}.{name}"
        examples.add(name, contract, sql)


def _terms(examples: _Examples, child: TableFacts, relation: Relation) -> Iterator[tuple[str, str, Contract]]:
    """Name, SQL and contract of each aggregate."""
    taken = set(examples.columns)

    def named(name: str) -> str:
        found = fresh(f"{child.name}_{name}", taken)
        taken.add(found)
        return found

    count: Contract = {"type": "integer", "nullable": False, "min": 0}
    yield named("count"), "count(*)", count
    without = {relation.child_column, child.event_time, *child.key}
    for column in numbers(child, without, _MOST_NUMBERS):
        examples.read.add(column.name)
        plain = f"c.{identifier(column.name)}"
        number = exact(column, plain)
        if number is not None:
            yield named(f"{column.name}_sum"), f"sum({number})::double", {"type": "float", "nullable": False}
            yield named(f"{column.name}_mean"), f"avg({number})::double", {"type": "float"}
        largest = f"{plain}::integer" if column.type == "boolean" else plain
        yield named(f"{column.name}_max"), f"max({largest})::double", {"type": "float"}
    for column in categories(child, without, _MOST_CATEGORIES):
        examples.read.add(column.name)
        yield named(f"distinct_{column.name}"), f"count(distinct c.{identifier(column.name)})", count
    if child.event_time is not None and examples.main.event_time is not None:
        newest = f"max(c.{identifier(child.event_time)})"
        since = f"date_diff('day', {newest}, any_value(m.{identifier(examples.main.event_time)}))"
        yield named("days_since_last"), since, {"type": "integer", "min": 0}
    elif child.event_time is not None:
        time = f"c.{identifier(child.event_time)}"
        yield named("days_spanned"), f"date_diff('day', min({time}), max({time}))", {"type": "integer", "min": 0}


def _statement(u: Understanding, examples: _Examples, entity: str) -> str:
    ctes = "with " + ",\n\n".join(examples.ctes) + "\n\n" if examples.ctes else ""
    selected = ",\n".join(f"    {line}" for line in examples.selected)
    joins = "\n".join(examples.joins)
    body = f"{ctes}select\n{selected}\nfrom raw.{u.main} as m\n{joins}"
    time = f"{u.time}, of {u.main}" if u.time else "none: rows are taken as they are"
    notes = [*examples.notes]
    personal = [column.name for column in examples.main.columns if column.name not in examples.columns]
    if personal:
        notes.append(f"Left out as personal data: {', '.join(personal)}.")
    return statement(
        f"each row of {u.main} with what the other tables know about it", f"one row of {u.main}", entity, time, notes, body,
        examples.read,
    )  # fmt: skip


def _declaration(u: Understanding, name: str, path: str, examples: _Examples, entity: str) -> str:
    lines = [
        *yaml_field("name", name),
        *yaml_field("description", f"Rows of {u.main} with what the other tables know about them."),
        *yaml_field("sql", path),
    ]
    if u.time is not None:
        lines += yaml_field("event_time", u.time)
    lines += [*yaml_field("key", [entity]), "  columns:"]
    for column, contract in examples.columns.items():
        lines += yaml_field(column, contract, 4)
    unused = [table.name for table in u.tables if table not in list(tables_in_use(u))]
    if unused:
        lines += comment(f"not used, because nothing ties them to {u.main}: {', '.join(unused)}", 2)
    head = [
        f"staging.{name}: the table that the model learns from. Written by `ml-assets init {u.name}`, now yours to edit.",
        f"A feature more is a column more in sql/{path} and here.",
    ]
    return document(head, "SqlTable", lines)
