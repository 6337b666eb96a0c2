"""What is understood of ordinary data: task, roles, shape, and what is said about each conclusion."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import MlAssetsError
from ml_assets.onboarding.sources import gather
from ml_assets.onboarding.understanding import Understanding
from ml_assets_tests.onboarding.looking import lines, looked_at, said


def table(columns: dict[str, Any], rows: int = 300, *, seed: int = 1) -> str:
    """A CSV of columns that are functions of the row number and a seeded random generator."""
    draw = random.Random(seed)
    return lines(",".join(columns), [",".join(str(make(n, draw)) for make in columns.values()) for n in range(rows)])


BASE: dict[str, Any] = {
    "customer_no": lambda n, r: f"K{n:04}",
    "age": lambda n, r: r.randint(18, 90),
    "spend": lambda n, r: round(r.random() * 100, 2),
}


def understood(folder: Path, more: dict[str, Any], *, rows: int = 300, **wished: Any) -> Understanding:
    return looked_at(folder, {"shop.csv": table({**BASE, **more}, rows)}, **wished)


TASKS = {
    "yes and no": (lambda n, r: r.choice(["yes", "no", "no"]), "binary", "yes", ()),
    "two texts, the rarer": (lambda n, r: r.choice(["red", "blue", "blue", "blue"]), "binary", "red", ()),
    "0 and 1": (lambda n, r: r.randint(0, 1), "binary", None, ()),
    "0.0 and 1.0": (lambda n, r: float(r.randint(0, 1)), "binary", None, ()),
    "1 and 2": (lambda n, r: r.choice([1, 1, 2]), "binary", 2, ()),
    "true and false": (lambda n, r: r.choice(["True", "False"]), "binary", None, ()),
    "three texts": (lambda n, r: r.choice(["a", "b", "c"]), "multiclass", None, ("a", "b", "c")),
    "few whole numbers": (lambda n, r: r.randint(1, 5), "multiclass", None, (1, 2, 3, 4, 5)),
    "many whole numbers": (lambda n, r: r.randint(1, 500), "regression", None, ()),
    "numbers": (lambda n, r: round(r.gauss(0, 1), 3), "regression", None, ()),
}  # fmt: skip


@pytest.mark.parametrize("kind", TASKS)
def test_task_follows_from_the_values_of_the_target(kind: str, tmp_path: Path) -> None:
    make, task, positive, classes = TASKS[kind]
    found = understood(tmp_path, {"goal": make}, target="GOAL")
    assert (found.shape, found.task, found.target, found.positive, found.classes) == (
        "flat",
        task,
        "goal",
        positive,
        classes,
    )
    assert found.entity == "customer_no"
    assert "goal" in said(found)


def test_classes_of_numbers_are_a_doubt_that_a_flag_answers(tmp_path: Path) -> None:
    found = understood(tmp_path, {"goal": lambda n, r: r.randint(1, 5)}, target="goal")
    assert "[--task]" in said(found, doubts=True)
    assert (
        understood(tmp_path, {"goal": lambda n, r: r.randint(1, 5)}, target="goal", task="regression").task
        == "regression"
    )


def test_positive_value_is_as_wished_and_rows_without_outcome_are_said(tmp_path: Path) -> None:
    found = understood(
        tmp_path, {"goal": lambda n, r: "" if n < 30 else r.choice(["yes", "no"])}, target="goal", positive="NO"
    )
    assert found.positive == "no"
    assert "missing in 30 rows (10.0%), because these rows are scored and not learnt from" in said(found)


def test_columns_that_know_the_outcome_are_left_out_until_they_are_kept(tmp_path: Path) -> None:
    outcome = [random.Random(n).random() < 0.3 for n in range(300)]
    more = {
        "churn": lambda n, r: "yes" if outcome[n] else "no",
        "churn_date": lambda n, r: "2024-05-01" if outcome[n] else "",
        "final_score": lambda n, r: r.random() + (2 if outcome[n] else 0),
        "status": lambda n, r: r.choice(["left", "gone"]) if outcome[n] else r.choice(["here", "well"]),
        "honest": lambda n, r: r.random() + (0.5 if outcome[n] else 0),
    }
    found = understood(tmp_path, more, target="churn")
    suspicious = {column.name for column in found.tables[0].columns if column.suspicious}
    assert suspicious == {"churn_date", "final_score", "status"} == suspicious & found.left_out.keys()
    assert "filled where the target is yes" in found.left_out["churn_date"]
    assert "[--keep final_score]" in said(found, doubts=True)
    kept = understood(tmp_path, more, target="churn", keep=("final_score",))
    assert "final_score" not in kept.left_out
    assert "status" in kept.left_out


def test_columns_that_are_the_target_in_disguise_are_left_out_of_a_regression(tmp_path: Path) -> None:
    price = [random.Random(n).random() * 100 for n in range(300)]
    more = {
        "price": lambda n, r: f"{price[n]:.2f}",
        "price_gross": lambda n, r: f"{price[n] * 1.19:.2f}",
        "near": lambda n, r: f"{price[n] + r.gauss(0, 20):.2f}",
    }
    found = understood(tmp_path, more, target="price")
    assert {name for name, why in found.left_out.items() if "too good" in why} == {"price_gross"}


PERSONAL = {
    "E-Mail": (lambda n, r: f"a{n}@b.de", "e-mail"), "contact": (lambda n, r: f"x.{n}@shop.example.com", "e-mail"),
    "Nachname": (lambda n, r: r.choice(["Meier", "Schmidt", "Kurz"]) + str(n % 40), "person's name"), "name": (lambda n, r: f"Ann {n}", "person's name"),
    "telefon": (lambda n, r: f"0{r.randint(100, 999)} {r.randint(10000, 99999)}", "phone"), "call_me": (lambda n, r: f"+49 30 {r.randint(100000, 999999)}", "phone"),
    "konto": (lambda n, r: f"DE{r.randint(10, 99)}{r.randint(10**17, 10**18 - 1)}", "IBAN"), "host": (lambda n, r: f"10.0.{r.randint(0, 255)}.{r.randint(1, 254)}", "IP"),
    "paid_with": (lambda n, r: card(r), "card"), "Geburtsdatum": (lambda n, r: f"{r.randint(1950, 2000)}-0{r.randint(1, 9)}-11", "birth"),
    "Straße": (lambda n, r: f"Hauptstr. {n}", "address"),
}  # fmt: skip


def card(draw: random.Random) -> str:
    """Sixteen digits with a right check digit."""
    digits = [draw.randint(0, 9) for _ in range(15)]
    doubled = [d if position % 2 else sum(divmod(2 * d, 10)) for position, d in enumerate(digits)]
    return "".join(map(str, [*digits, -sum(doubled) % 10]))


@pytest.mark.parametrize("header", PERSONAL)
def test_personal_data_is_found_and_never_shown(header: str, tmp_path: Path) -> None:
    make, word = PERSONAL[header]
    found = understood(tmp_path, {header: make, "goal": lambda n, r: r.choice(["yes", "no"])}, target="goal")
    (column,) = [column for column in found.tables[0].columns if column.header == header]
    assert word in column.personal
    assert (column.examples, column.values) == ((), ())
    assert column.name in found.left_out
    first = make(0, random.Random(1))
    assert str(first) not in said(found)


@pytest.mark.parametrize(
    "header", ["email_count", "phone_brand", "product", "has_phone", "number_of_cards", "street_width"]
)
def test_harmless_columns_are_not_taken_for_personal_data(header: str, tmp_path: Path) -> None:
    found = understood(
        tmp_path, {header: lambda n, r: r.randint(0, 3), "goal": lambda n, r: r.choice(["yes", "no"])}, target="goal"
    )
    assert [column.header for column in found.tables[0].columns if column.personal] == []


def test_time_is_found_and_a_choice_among_several_is_a_doubt(tmp_path: Path) -> None:
    def day(n: int, r: random.Random) -> str:
        return f"{r.randint(1, 28):02}/{r.randint(1, 12):02}/2024"

    goal = {"goal": lambda n, r: r.choice(["yes", "no"])}
    one = understood(tmp_path, {"signup": day, "birth_date": day, **goal}, target="goal")
    assert (one.time, one.tables[0].event_time, one.tables[0].column("signup").format) == (
        "signup",
        "signup",
        "%d/%m/%Y",
    )
    two = understood(tmp_path, {"shipped": day, "ordered": day, **goal}, target="goal")
    assert two.time == "ordered"
    assert "[--time]" in said(two, doubts=True)
    assert (
        understood(tmp_path, {"shipped": day, "ordered": day, **goal}, target="goal", time="Shipped").time == "shipped"
    )


def test_order_of_day_and_month_that_nothing_decides_is_a_doubt(tmp_path: Path) -> None:
    more = {
        "day": lambda n, r: f"{r.randint(1, 12)}/{r.randint(1, 12)}/2024",
        "goal": lambda n, r: r.choice(["yes", "no"]),
    }
    found = understood(tmp_path, more, target="goal")
    assert "every value would fit %d/%m/%Y as well" in said(found, doubts=True)
    more["day"] = lambda n, r: f"{r.randint(1, 12)}/{r.randint(1, 28)}/2024"
    assert "fit" not in said(understood(tmp_path, more, target="goal"), doubts=True)


def test_repeated_id_of_somebody_groups_the_split(tmp_path: Path) -> None:
    more = {"patient_id": lambda n, r: f"P{r.randint(1, 60)}", "goal": lambda n, r: r.choice(["yes", "no"])}
    found = understood(tmp_path, more, target="goal")
    assert (found.group, found.left_out["patient_id"]) == ("patient_id", "names the group")
    assert understood(tmp_path, more, target="goal", entity="patient_id").group == "patient_id"


def test_sensitive_columns_and_wishes_are_resolved_in_any_spelling(tmp_path: Path) -> None:
    found = understood(
        tmp_path,
        {"Home Town": lambda n, r: r.choice(["a", "b"]), "goal": lambda n, r: r.randint(0, 1)},
        target="Goal",
        sensitive=("home town", "AGE"),
    )
    assert found.sensitive == ("home_town", "age")


def test_useless_columns_are_left_out_with_their_reasons(tmp_path: Path) -> None:
    more = {
        "one": lambda n, r: "x", "none": lambda n, r: "", "ref": lambda n, r: f"{r.randrange(16**12):012x}", "text": lambda n, r: f"this is what happened on day {n} of {r.random()}",
        "goal": lambda n, r: r.randint(0, 1),
    }  # fmt: skip
    left = understood(tmp_path, more, target="goal").left_out
    assert {name: left[name].partition(":")[0] for name in more if name != "goal"} == {
        "one": "the same value in every row", "none": "always missing", "ref": "names things", "text": "free text"
    }  # fmt: skip


def test_several_tables_are_related_by_their_keys(tmp_path: Path) -> None:
    files = {
        "customers.csv": table({"id": lambda n, r: 1000 + n, "city": lambda n, r: r.choice("abc"), "level": lambda n, r: r.randint(0, 5), "churned": lambda n, r: r.choice(["yes", "no"])}),
        "orders.csv": table({"order_no": lambda n, r: f"A{n}", "customer_id": lambda n, r: 1000 + r.randrange(300), "product": lambda n, r: f"p{r.randrange(40)}",
                             "at": lambda n, r: f"2024-0{r.randint(1, 9)}-11 08:26:00"}, 900),
        "products.csv": table({"code": lambda n, r: f"p{n}", "price": lambda n, r: r.randint(1, 9)}, 40),
    }  # fmt: skip
    found = looked_at(tmp_path, files, target="churned")
    assert (found.shape, found.main, found.entity) == ("related", "customers", "id")
    assert {(r.child, r.child_column, r.parent, r.parent_column) for r in found.relations} == {
        ("orders", "customer_id", "customers", "id"), ("orders", "product", "products", "code")
    }  # fmt: skip
    assert found.table("orders").event_time == "at"


def events(rows: int = 2000) -> str:
    return table({
        "order": lambda n, r: f"o{n}", "pieces": lambda n, r: r.randint(1, 9), "customer_id": lambda n, r: r.randint(1, 90), "amount": lambda n, r: round(r.random() * 50, 2),
        "at": lambda n, r: f"2023-{r.randint(1, 12):02}-{r.randint(1, 28):02} 12:00",
    }, rows)  # fmt: skip


def test_log_of_events_is_understood_without_a_target(tmp_path: Path) -> None:
    found = looked_at(tmp_path, {"log.csv": events()})
    assert (found.shape, found.task, found.target, found.entity, found.time, found.horizon_days) == (
        "event_log",
        "binary",
        None,
        "customer_id",
        "at",
        14,
    )
    assert "median gap" in said(found, doubts=True)


def test_target_of_a_log_with_a_horizon_is_summed(tmp_path: Path) -> None:
    found = looked_at(tmp_path, {"log.csv": events()}, target="amount", horizon_days=30, entity="customer_id")
    assert (found.shape, found.task, found.target, found.horizon_days) == ("event_log", "regression", "amount", 30)
    flat = looked_at(tmp_path, {"log.csv": events()}, target="amount", entity="customer_id")
    assert (flat.shape, flat.group) == ("flat", "customer_id")
    with pytest.raises(MlAssetsError, match="span too few days"):
        looked_at(tmp_path, {"log.csv": events()}, horizon_days=200)


def test_graded_rows_of_queries_are_ranked(tmp_path: Path) -> None:
    text = table(
        {"qid": lambda n, r: n // 10, "bm25": lambda n, r: round(r.random(), 3), "grade": lambda n, r: r.randint(0, 3)}
    )
    found = looked_at(tmp_path, {"rank.csv": text}, target="grade")
    assert (found.shape, found.task, found.query) == ("ranking", "ranking", "qid")
    assert looked_at(tmp_path, {"rank.csv": text}, target="grade", task="multiclass").task == "multiclass"


def test_files_of_one_layout_are_one_table(tmp_path: Path) -> None:
    for name in ("sales-2024-01-01.csv", "sales-2024-01-02.csv", "stock_1.csv", "stock_2.csv", "notes.csv"):
        (tmp_path / name).write_text(f"id,{name[:3]}\n1,2\n")
    found = gather([str(tmp_path / "*.csv")])
    assert {name: [path.name for path in files] for name, files in found.items()} == {
        "notes": ["notes.csv"], "sales": ["sales-2024-01-01.csv", "sales-2024-01-02.csv"], "stock": ["stock_1.csv", "stock_2.csv"]
    }  # fmt: skip


def test_large_file_is_sampled_and_its_key_proved_on_all_rows(tmp_path: Path) -> None:
    rows = [f"{n},{n % 97},{'yes' if n % 3 else 'no'}" for n in range(1_700_000)]
    rows[1_234_567] = rows[1_234_566]
    found = looked_at(tmp_path, {"big.csv": lines("id,visits,again", rows)}, target="again")
    (big,) = found.tables
    assert (big.rows, big.counted, big.sampled, big.key) == (1_700_000, True, True, ())
    assert "evenly spread, were looked at" in said(found)
    assert big.column("id").rows < 300_000
