"""`dg scaffold defs ml_assets.<kind> <folder>`: a new declaration to begin with."""

from __future__ import annotations

from typing import Any

import dagster as dg

from ml_assets.errors import DeclarationError
from ml_assets.graph.project import KINDS, PREFIX
from ml_assets.specs.commented import commented_document

_IN_PYTHON = """\
import dagster as dg
import yaml

from ml_assets import {kind}
from ml_assets.specs import {spec}

DECLARED = yaml.safe_load(
    \"\"\"
{document}\"\"\"
)


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> {kind}:
    return {kind}({spec}.model_validate(DECLARED["attributes"]))
"""


class DeclarationScaffolder(dg.Scaffolder[Any]):
    """Writes one commented document, named after its folder. Refuses to add to a file or to replace one."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write `defs.yaml`, or `component.py` for `--format python`, into the asked folder."""
        kind = request.type_name.rpartition(".")[2]
        path = request.target_path / ("defs.yaml" if request.scaffold_format == "yaml" else "component.py")
        if request.append or path.exists():
            raise DeclarationError(
                "there is a declaration already", place=path, expected="a folder of its own for each component",
                got=f"another {PREFIX}{kind} for the same folder", remedy="name another folder below the use case's",
            )  # fmt: skip
        document = commented_document(kind, KINDS[kind], request.target_path.name)
        if request.scaffold_format == "python":
            document = _IN_PYTHON.format(kind=kind, spec=KINDS[kind].__name__, document=document)
        path.write_text(document, encoding="utf-8")
