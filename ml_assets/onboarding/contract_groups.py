"""The columns of a contract as text: one a line where they are few, alike ones together where they are many."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

from ml_assets.onboarding.contracts import Contract
from ml_assets.onboarding.yaml_text import Pair, field

_NEVER = math.inf
# More different contracts than this are first made coarser, so that merging stays quick.
_MOST_CONTRACTS = 60
_MANY_COLUMNS = 24


@dataclass(frozen=True)
class _Group:
    """Columns with one contract: name → header, where it differs. `own`: what it costs to join it, where it is better left alone."""

    names: dict[str, str]
    contract: Contract
    own: float = 0.0

    @cached_property
    def lines(self) -> list[str]:
        if len(self.names) == 1:
            [(name, header)] = self.names.items()
            return field(name, ({} if header == name else {"source": header}) | self.contract, 6)
        names = [name if name == header else Pair(name, header) for name, header in self.names.items()]
        return field("", self.contract | {"names": names}, 6, lead="- ")


def contract_lines(contracts: Mapping[str, Contract], own: Mapping[str, float], most_lines: int) -> list[str]:
    """`columns:` and `alike:` of a contract, in at most `most_lines` lines if contracts of equal types can be had for it.

    Alike columns are joined only as far as needed; joined contracts allow what either allowed. Of many columns,
    whose names alone take more lines, each contract counts as one. `own` columns stay alone as long as possible: a number
    says what it costs to join one.
    """
    groups = [
        _Group(
            {name: str(contract.get("source", name))},
            {k: v for k, v in contract.items() if k != "source"},
            own.get(name, 0.0),
        )
        for name, contract in contracts.items()
    ]
    if _length(groups) <= most_lines:
        return _rendered(groups)
    groups = _joined_equals(groups)
    if len(groups) > _MOST_CONTRACTS:
        groups = _joined_equals([_coarser(group) for group in groups])
    merged = _merged(groups, most_lines)
    return _rendered([replace(g, names={n: g.names[n] for n in contracts if n in g.names}) for g in merged])


def _rendered(groups: Collection[_Group]) -> list[str]:
    single = [line for group in groups if len(group.names) == 1 for line in group.lines]
    alike = [line for group in groups if len(group.names) > 1 for line in group.lines]
    return [*(["    columns:", *single] if single else []), *(["    alike:", *alike] if alike else [])]


def _length(groups: Collection[_Group]) -> int:
    if sum(len(group.names) for group in groups) > _MANY_COLUMNS:
        return len(groups) + 2
    return len(_rendered(groups))


def _joined_equals(groups: Collection[_Group]) -> list[_Group]:
    found: dict[str, _Group] = {}
    for group in groups:
        key = f"{next(iter(group.names))}" if group.own else repr(sorted(group.contract.items(), key=str))
        known = found.get(key)
        found[key] = group if known is None else _Group(known.names | group.names, known.contract)
    return list(found.values())


def _coarser(group: _Group) -> _Group:
    """Bounds as powers of ten, few shares of missing values, no listed values."""
    if group.own:
        return group
    contract = {k: v for k, v in group.contract.items() if k not in ("allowed", "unit")}
    for word, sign in (("min", -1), ("max", 1)):
        bound = contract.get(word)
        if isinstance(bound, int | float) and bound * sign > 0:
            power = math.ceil(math.log10(abs(bound)) - 1e-9)
            contract[word] = sign * (10**power if power >= 0 else 1 / 10**-power)
    if "max_null_share" in contract:
        contract["max_null_share"] = (
            0.1 if contract["max_null_share"] <= 0.1 else 0.5 if contract["max_null_share"] <= 0.5 else 0.95
        )
    return _Group(group.names, contract)


def _merged(groups: list[_Group], most_lines: int) -> list[_Group]:
    alive = dict(enumerate(groups))
    costs = {(a, b): cost for a, b in combinations(alive, 2) if (cost := _cost(alive[a], alive[b])) < _NEVER}
    while costs and _length(alive.values()) > most_lines:
        first, second = min(costs, key=lambda pair: (costs[pair], pair))
        alive[first] = _both(alive[first], alive.pop(second))
        costs = {pair: cost for pair, cost in costs.items() if second not in pair and first not in pair}
        for other, group in alive.items():
            if other != first and (cost := _cost(alive[first], group)) < _NEVER:
                costs[min(first, other), max(first, other)] = cost
    return list(alive.values())


def _cost(a: _Group, b: _Group) -> float:
    """How much is lost by one contract for both; infinite where they cannot share one."""
    one, other = a.contract, b.contract
    if any(one.get(word) != other.get(word) for word in ("type", "format", "pii")):
        return _NEVER
    return sum(_losses(one, other)) + a.own + b.own


def _losses(one: Contract, other: Contract) -> Iterator[float]:
    if one.get("allowed") != other.get("allowed"):
        yield 1.5
    yield 0.5 * (one.get("severity") != other.get("severity"))
    yield 0.5 * (one.get("unit") != other.get("unit"))
    yield 0.7 * (one.get("nullable", True) != other.get("nullable", True))
    yield 0.2 * (one.get("max_null_share") != other.get("max_null_share"))
    for word in ("min", "max"):
        left, right = one.get(word), other.get(word)
        if isinstance(left, int | float) and isinstance(right, int | float):
            yield 0.4 * abs(_signed_log(left) - _signed_log(right))
        elif left != right:
            yield 0.4 if isinstance(left, str) and isinstance(right, str) else 1.5


def _signed_log(value: float) -> float:
    """Decades above a thousandth, with the sign."""
    return math.copysign(math.log10(1 + abs(value) * 1000), value)


def _both(a: _Group, b: _Group) -> _Group:
    """Both groups under a contract that allows what either does."""
    one, other = a.contract, b.contract
    found: Contract = {"type": one["type"]}
    if "format" in one:
        found["format"] = one["format"]
    if one.get("nullable", True) is False and other.get("nullable", True) is False:
        found["nullable"] = False
    elif all("max_null_share" in c or c.get("nullable", True) is False for c in (one, other)):
        found["max_null_share"] = max(c.get("max_null_share", 0.0) for c in (one, other))
    for word, widest in (("min", min), ("max", max)):
        if word in one and word in other:
            found[word] = widest(one[word], other[word])
    for word in ("allowed", "severity", "unit"):
        if word in one and one.get(word) == other.get(word):
            found[word] = one[word]
    return _Group(a.names | b.names, found | ({"pii": True} if one.get("pii") else {}), a.own + b.own)
