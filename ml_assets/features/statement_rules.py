"""What a statement may not do: answer differently at another time, or read what nobody declared.

Function names are looked for among the words of the text and not in the parsed tree, because the parser renames and
reshapes what it knows; a word also knows its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlglot import Token, TokenType, exp

from ml_assets.errors import SqlError
from ml_assets.warehouse.names import SCHEMAS

# What DuckDB itself lists as not consistent (`duckdb_functions().stability`): the snapshot and the injected clock are the
# only times, and nothing is drawn by lot. `test_statement_refuses_every_unstable_function` compares with the engine.
UNREPEATABLE = frozenset({
    "current_connection_id", "current_database", "current_date", "current_query", "current_query_id",
    "current_schema", "current_schemas", "current_setting", "current_transaction_id", "current_time",
    "current_timestamp", "current_localtime", "current_localtimestamp", "currval", "error", "gen_random_uuid",
    "get_current_time", "get_current_timestamp", "getvariable", "in_search_path", "localtime",
    "localtimestamp", "nextval", "now", "rand", "random", "setseed", "setval", "sleep_ms", "stats", "today",
    "transaction_timestamp", "txid_current", "uuid", "uuidv4", "uuidv7", "vector_type", "write_log", "getenv",
})  # fmt: skip
# These need no parentheses.
_BARE = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
# Rows from elsewhere than declared tables would hide a dependency, so only these may stand in FROM.
TABLE_FUNCTIONS = frozenset(
    {"generate_series", "generate_subscripts", "json_each", "json_tree", "range", "repeat_row", "unnest"}
)
_READABLE = tuple(schema for schema in SCHEMAS if schema != "ops")


@dataclass(frozen=True)
class Words:
    """The words of a file, and where they stand."""

    path: str
    text: str
    tokens: Sequence[Token]

    def place(self, token: Token | None) -> str:
        """`path:line`; counted here, because the tokenizer counts lines twice behind a `$`."""
        return f"{self.path}:{1 if token is None else 1 + self.text.count(chr(10), 0, token.start)}"

    def place_of(self, *words: str) -> str:
        """Place of the first of these words, the first line when there is none."""
        wanted = {word.lower() for word in words}
        return self.place(next((token for token in self.tokens if token.text.lower() in wanted), None))


def refuse_what_is_not_allowed(tree: exp.Query, words: Words) -> None:
    """Raise a `SqlError` at the line of the first thing that is not allowed."""
    _refuse_unrepeatable(words)
    _refuse_samples(tree, words)
    _refuse_other_parameters(words)
    _refuse_foreign_rows(tree, words)
    _refuse_undeclared_tables(tree, words)


def _calls(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Position and lower-case name of everything that is called like a function."""
    for position, (word, after) in enumerate(pairwise(tokens)):
        if after.token_type is TokenType.L_PAREN and word.token_type is not TokenType.STRING:
            yield position, word.text.lower()


def _refuse_unrepeatable(words: Words) -> None:
    tokens = words.tokens
    called = dict(_calls(tokens))
    for position, token in enumerate(tokens):
        name = token.text.lower()
        named = position > 0 and tokens[position - 1].token_type is TokenType.DOT
        bare = name in _BARE and not named and token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
        since_today = name == "age" and position in called and _arguments(tokens, position + 1) == 1
        if bare or since_today or (position in called and name in UNREPEATABLE):
            raise SqlError(
                f"{name}() gives another answer at another time", place=words.place(token),
                expected="the same rows whenever it runs", got=f"{name}()",
                remedy="use $snapshot (features, labels) or a column; order or hash on a key instead of random()",
            )  # fmt: skip


def _arguments(tokens: Sequence[Token], opening: int) -> int:
    """How many arguments stand between the parenthesis at `opening` and its partner."""
    depth, commas = 0, 0
    for token in tokens[opening:]:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        commas += token.token_type is TokenType.COMMA and depth == 1
        if depth == 0:
            break
    return commas + 1


def _refuse_samples(tree: exp.Query, words: Words) -> None:
    if tree.find(exp.TableSample):
        raise SqlError(
            "a sample gives other rows each time", place=words.place_of("tablesample", "sample"),
            expected="the same rows whenever it runs", got="a sample",
            remedy="keep rows by a hash of their key, as in `where hash(customer_id) % 10 = 0`",
        )  # fmt: skip


def _refuse_other_parameters(words: Words) -> None:
    for sign, name in pairwise(words.tokens):
        if sign.token_type is TokenType.PLACEHOLDER or (
            sign.token_type is TokenType.PARAMETER and name.text.lower() != "snapshot"
        ):
            got = sign.text + (name.text if sign.token_type is TokenType.PARAMETER else "")
            raise SqlError(
                f"unknown parameter {got}", place=words.place(sign), expected="$snapshot alone", got=got,
                remedy="write the value into the statement",
            )  # fmt: skip


def _refuse_foreign_rows(tree: exp.Query, words: Words) -> None:
    for table in tree.find_all(exp.Table):
        source = table.this
        if not isinstance(source, exp.Func):
            continue
        name = (source.name if isinstance(source, exp.Anonymous) else source.sql_name()).lower()
        if name not in TABLE_FUNCTIONS:
            raise SqlError(
                f"{name}() reads outside the declared tables", place=words.place_of(name),
                expected="declared tables only, so that lineage is complete", got=f"{name}()",
                remedy="declare the file as a RawTable and read raw.<name>",
            )  # fmt: skip


def _refuse_undeclared_tables(tree: exp.Query, words: Words) -> None:
    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        wrong = (
            f"{table.catalog}.{table.db}.{table.name}" if table.catalog
            else table.name if not table.db and table.name and table.name.lower() not in own
            else f"{table.db}.{table.name}" if table.db and table.db.lower() not in _READABLE else None
        )  # fmt: skip
        if wrong:
            raise SqlError(
                f"{wrong!r} is not a table of the graph", place=words.place_of(table.name),
                expected="schema.table with schema raw or staging, or the name of a CTE", got=wrong,
                remedy="write the schema (raw.orders), or declare the table",
            )  # fmt: skip
