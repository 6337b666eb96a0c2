"""A fitted scikit-learn estimator as text: a skops file, made equal for equal models, that runs no code when loaded."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ml_assets.errors import PackageError
from ml_assets.training.lightgbm_library import patient_threads
from ml_assets.training.rows import Matrix, Vector

# Whatever a package names must come from these; of them skops makes objects without calling what the file could choose.
TRUSTED = ("numpy", "sklearn", "scipy")
# Functions that fitted estimators hold. Any other one could be made to do what the file's author wants.
_FUNCTIONS = ("sklearn.utils.validation.check_array",)
_PARTIAL = "functools.partial"
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ScikitLearn:
    """A fitted scikit-learn estimator. A classifier knows its classes by position: 0, 1, …"""

    kind = "sklearn"

    def __init__(self, skops: str) -> None:
        self.skops = skops

    @classmethod
    def of(cls, model: Any) -> ScikitLearn:
        """A fitted estimator, dumped; raises PackageError when it holds something that is not to be trusted."""
        with patient_threads():
            from skops.io import dumps

        found = cls(base64.b64encode(_canonical(dumps(model))).decode())
        _refuse_untrusted(found.content)
        return found

    @property
    def content(self) -> bytes:
        try:
            return base64.b64decode(self.skops, validate=True)
        except ValueError as problem:
            raise PackageError("the package's scikit-learn model is not base64", got=problem) from problem

    @cached_property
    def model(self) -> Any:
        """The fitted estimator; only types of numpy, scipy and scikit-learn are made."""
        with patient_threads():
            from skops.io import loads

        return loads(self.content, trusted=_refuse_untrusted(self.content))

    def predict(self, matrix: Matrix) -> Vector:
        if not hasattr(self.model, "predict_proba"):
            return np.asarray(self._answered("predict", matrix), dtype=np.float64)
        found = np.asarray(self._answered("predict_proba", matrix), dtype=np.float64)
        return found[:, 1] if found.shape[1] == 2 else found

    def _answered(self, method: str, matrix: Matrix) -> Any:
        # scikit-learn refuses a matrix without rows, and the shape of its answer is then only known from another.
        if len(matrix):
            return getattr(self.model, method)(matrix)
        return getattr(self.model, method)(np.zeros((1, matrix.shape[1])))[:0]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "skops": self.skops}


def _refuse_untrusted(content: bytes) -> list[str]:
    """The types that skops does not trust by itself; raises on any from elsewhere than numpy, scipy and scikit-learn."""
    from skops.io import get_untrusted_types

    try:
        named = set(get_untrusted_types(data=content))
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            called = named & set(_callables(json.loads(file.read("schema.json"))))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as problem:
        raise PackageError("the package's scikit-learn model cannot be read", got=problem) from problem
    types = named - called - {_PARTIAL}
    foreign = sorted({name for name in types if name.partition(".")[0] not in TRUSTED} | called - {*_FUNCTIONS})
    if foreign:
        raise PackageError(
            "the package's scikit-learn model names what is not trusted", expected=f"types of {', '.join(TRUSTED)} only",
            got=", ".join(foreign), remedy="use estimators and steps of scikit-learn alone",
        )  # fmt: skip
    return sorted(named)


def _callables(node: Any) -> Iterator[str]:
    """Names of all functions and methods below a node of the schema."""
    if isinstance(node, dict):
        if node.get("__loader__") in ("FunctionNode", "MethodNode", "OperatorFuncNode"):
            yield f"{node['__module__']}.{node['__class__']}"
        for child in node.values():
            yield from _callables(child)
    elif isinstance(node, list):
        for child in node:
            yield from _callables(child)


def _canonical(content: bytes) -> bytes:
    """The same skops file with memory addresses numbered in order and no clock in it."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        schema = source.read("schema.json").decode()
        numbers: dict[str, str] = {}

        def numbered(match: re.Match[str]) -> str:
            return match[1] + numbers.setdefault(match[2], str(len(numbers))) + match[3]

        # Ids are those of `__id__` and of the files that hold arrays, named after them.
        schema = re.sub(r'("__id__": )(\d+)(\b)', numbered, schema)
        schema = re.sub(r'("file": ")(\d+)(\.)', numbered, schema)
        schema = json.dumps(json.loads(schema), separators=(",", ":"))
        files = {"schema.json": schema.encode()}
        for name in source.namelist():
            if name != "schema.json":
                stem, dot, kind = name.partition(".")
                files[numbers[stem] + dot + kind] = source.read(name)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(files):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()
