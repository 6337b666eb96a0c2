"""The exported JSON schemas take what the library takes, and no misspelt field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from ml_assets.cli import main
from ml_assets.graph.project import KINDS
from ml_assets.specs.commented import commented_document
from ml_assets.specs.examples import EXAMPLES, FLAT_EXAMPLES
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.e2e.task_projects import CASES
from ml_assets_tests.example import uncommented
from ml_assets_tests.tiny import DECLARATIONS


def schema(*words: str) -> Result:
    return CliRunner().invoke(main, ["schema", *words])


@lru_cache
def validator(kind: str = "") -> Draft202012Validator:
    found = json.loads(schema(*([kind] if kind else [])).stdout)
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every declaration that stands in the repository, and those of the tests' projects."""
    for path in sorted((ROOT / "ml_assets" / "defs").rglob("defs.yaml")):
        yield path.relative_to(ROOT).as_posix(), yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, text in FLAT_EXAMPLES.items():
        yield f"flat {name}", yaml.safe_load(text)
    for name, text in {**EXAMPLES, **DECLARATIONS, **{name: case.declaration for name, case in CASES.items()}}.items():
        yield name, yaml.safe_load(text)
    for kind, spec in KINDS.items():
        yield f"scaffold {kind}", yaml.safe_load(uncommented(commented_document(kind, spec, "made")))


DOCUMENTS = dict(documents())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_declaration_is_valid_by_both_schemas(name: str) -> None:
    document = DOCUMENTS[name]
    kind = document["type"].removeprefix("ml_assets.")
    for found in (validator(), validator(kind)):
        assert [error.message for error in found.iter_errors(document)] == []


def _nested(value: Any) -> Iterator[dict[str, Any]]:
    """Mappings with fields of a spec; names of columns and the like are free."""
    if isinstance(value, dict):
        yield value
        for name, member in value.items():
            free = name in ("columns", "parameters", "tags", "monotone", "space", "class_weights")
            for part in member.values() if free and isinstance(member, dict) else [member]:
                if name not in ("parameters", "tags"):
                    yield from _nested(part)
    elif isinstance(value, list):
        for member in value:
            yield from _nested(member)


@pytest.mark.parametrize("kind", KINDS)
def test_a_misspelt_field_anywhere_is_not_valid(kind: str) -> None:
    found = (validator(), validator(kind))
    count = len(list(_nested(yaml.safe_load(EXAMPLES[kind]))))
    assert count > 2
    for position in range(count):
        document = yaml.safe_load(EXAMPLES[kind])
        place = list(_nested(document))[position]
        place["misspelt"] = 1
        assert not any(each.is_valid(document) for each in found), place


def test_a_variant_has_to_say_its_kind_where_the_library_asks_for_it() -> None:
    document = yaml.safe_load(EXAMPLES["RawTable"])
    del document["attributes"]["format"]["kind"]
    with pytest.raises(ValidationError):
        KINDS["RawTable"].model_validate(document["attributes"])
    assert not validator("RawTable").is_valid(document)
    document = yaml.safe_load(EXAMPLES["Model"])
    del document["attributes"]["split"]["kind"]
    KINDS["Model"].model_validate(document["attributes"])
    assert validator("Model").is_valid(document)


def test_an_unknown_type_of_ours_is_not_valid_and_another_packages_is() -> None:
    assert not validator().is_valid({"type": "ml_assets.Modle", "attributes": {}})
    assert validator().is_valid({"type": "other.Thing", "attributes": {"anything": 1}})
    assert not validator().is_valid({"attributes": {}})


def test_keys_beside_the_attributes_are_those_of_dagster() -> None:
    from dagster.components.core.defs_module import ComponentFileModel

    for kind in KINDS:
        assert set(json.loads(schema(kind).stdout)["properties"]) == set(ComponentFileModel.model_fields)


def test_schemas_are_written_one_a_type_and_one_for_all(tmp_path: Path) -> None:
    result = schema("--write", str(tmp_path / "schemas"))
    assert result.exit_code == 0
    names = {"ml_assets.schema.json", *(f"ml_assets.{kind}.schema.json" for kind in KINDS)}
    assert {path.name for path in (tmp_path / "schemas").iterdir()} == names
    assert {Path(line).name for line in result.stdout.splitlines()} == names
    written = json.loads((tmp_path / "schemas" / "ml_assets.Model.schema.json").read_text(encoding="utf-8"))
    assert written == json.loads(schema("model").stdout)


def test_every_field_is_described_for_the_editor() -> None:
    definitions = json.loads(schema().stdout)["$defs"]
    bare = [
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, said in definition.get("properties", {}).items()
        if not said.get("description") and field != "kind"
    ]
    assert bare == []


def test_an_unknown_type_is_refused_with_a_near_name() -> None:
    result = schema("Modle")
    assert result.exit_code == 2
    assert "did you mean Model?" in result.stderr
