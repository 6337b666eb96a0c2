"""LightGBM through its C interface: the library that the Python package carries, without what that package imports.

`import lightgbm` imports scikit-learn, SciPy and, where installed, pandas: 1.0 s and 150 MB for classes that nothing
here uses. Models are the same; a test compares them. Source: https://lightgbm.readthedocs.io/en/stable/C-API.html
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml_assets.errors import TrainingError, UnknownNameError
from ml_assets.training.rows import LabelledRows

Floats = npt.NDArray[np.float64]
Rows = LabelledRows | tuple[Floats, Floats]

# Metrics of which LightGBM wants more, https://lightgbm.readthedocs.io/en/stable/Parameters.html#metric-parameters
HIGHER_IS_BETTER = frozenset({"auc", "average_precision", "auc_mu", "ndcg", "map"})

_FLOAT32, _FLOAT64, _INT32 = 0, 1, 2
_PREDICTED, _RAW, _CONTRIBUTIONS = 0, 1, 3
_GAIN = 1
_WHOLE = -1  # every boosting round
_SPINS = "GOMP_SPINCOUNT"
_FILES = {"darwin": "lib_lightgbm.dylib", "win32": "lib_lightgbm.dll"}


@dataclass(frozen=True)
class TrainedTrees:
    """Model text of the first `rounds` rounds, and the validation loss there (None without validation rows).

    Of a metric that is to be high the loss is its negative.
    """

    text: str
    rounds: int
    loss: float | None


def train_trees(
    rows: Rows, parameters: Mapping[str, Any], rounds: int, *, categorical: Sequence[int] = (), validation: Rows | None = None,
    patience: int = 0, stops: Callable[[int, float], bool] | None = None,
) -> TrainedTrees:  # fmt: skip
    """Boost `rounds` times; with validation rows stop after `patience` rounds without gain there.

    The first metric of `parameters` judges. `stops` is told the number of the round and the loss there, and may end it.
    """
    text = _parameter_text({**parameters, "categorical_feature": list(categorical)})
    sign = -1.0 if str(parameters.get("metric", "")).partition("@")[0] in HIGHER_IS_BETTER else 1.0
    data = _dataset(LabelledRows(*rows), text, None)
    booster = _Handle("LGBM_BoosterFree")
    _call("LGBM_BoosterCreate", data.value, text, booster.out)
    if validation is not None:
        watched = _dataset(LabelledRows(*validation), text, data)
        _call("LGBM_BoosterAddValidData", booster.value, watched.value)
    best, lowest, finished = rounds, float("inf"), ctypes.c_int(0)
    for done in range(1, rounds + 1):
        _call("LGBM_BoosterUpdateOneIter", booster.value, ctypes.byref(finished))
        if validation is not None:
            loss = sign * _first_metric(booster)
            if loss < lowest:
                best, lowest = done, loss
            if done - best >= patience or (stops is not None and stops(done, loss)):
                break
        if finished.value:
            best = min(best, done)
            break
    return TrainedTrees(_saved(booster, best), best, lowest if validation is not None else None)


def _first_metric(booster: _Handle) -> float:
    """The first metric on the validation rows; the library fills an array with all of them."""
    count = ctypes.c_int(0)
    _call("LGBM_BoosterGetEvalCounts", booster.value, ctypes.byref(count))
    found = np.empty(max(count.value, 1), dtype=np.float64)
    _call("LGBM_BoosterGetEval", booster.value, ctypes.c_int(1), ctypes.byref(count), _pointer(found))
    return float(found[0])


class Trees:
    """A loaded model. Thread-safe for predicting; freed with the object."""

    def __init__(self, text: str) -> None:
        self._booster = _Handle("LGBM_BoosterFree")
        rounds = ctypes.c_int(0)
        _call("LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(rounds), self._booster.out)
        self.features = self._count("LGBM_BoosterGetNumFeature")
        self.outputs = self._count("LGBM_BoosterGetNumClasses")

    def predicted(self, matrix: Floats) -> Floats:
        """Probability, number or ranking score, shape (n_rows,); of several classes (n_rows, n_classes)."""
        return self._shaped(self._predicted(matrix, _PREDICTED, len(matrix) * self.outputs), len(matrix))

    def raw(self, matrix: Floats) -> Floats:
        """The sum of the trees before it becomes a prediction (log odds of a binary task), shaped as `predicted`."""
        return self._shaped(self._predicted(matrix, _RAW, len(matrix) * self.outputs), len(matrix))

    def contributions(self, matrix: Floats) -> Floats:
        """Exact TreeSHAP contributions to `raw`, shape (n_rows, n_features + 1); the last column is the mean.

        Of several classes: (n_rows, n_classes, n_features + 1).
        """
        width = self.features + 1
        found = self._predicted(matrix, _CONTRIBUTIONS, len(matrix) * width * self.outputs)
        shape = (len(matrix), width) if self.outputs == 1 else (len(matrix), self.outputs, width)
        return found.reshape(shape)

    def _shaped(self, found: Floats, rows: int) -> Floats:
        return found if self.outputs == 1 else found.reshape(rows, self.outputs)

    def _count(self, function: str) -> int:
        found = ctypes.c_int(0)
        _call(function, self._booster.value, ctypes.byref(found))
        return found.value

    def gains(self) -> Floats:
        """Total gain of the splits on each feature, shape (n_features,)."""
        found = np.empty(self.features, dtype=np.float64)
        _call(
            "LGBM_BoosterFeatureImportance",
            self._booster.value,
            ctypes.c_int(_WHOLE),
            ctypes.c_int(_GAIN),
            _pointer(found),
        )
        return found

    def _predicted(self, matrix: Floats, kind: int, size: int) -> Floats:
        found, length = np.empty(size, dtype=np.float64), ctypes.c_int64(0)
        if len(matrix):
            _call(
                "LGBM_BoosterPredictForMat", self._booster.value, *_matrix_arguments(matrix), ctypes.c_int(kind), ctypes.c_int(0),
                ctypes.c_int(_WHOLE), b"", ctypes.byref(length), _pointer(found),
            )  # fmt: skip
        return found


def known_parameters() -> dict[str, str]:
    """Every spelling of every training parameter → its main name."""
    length = ctypes.c_int64(0)
    _call("LGBM_DumpParamAliases", ctypes.c_int64(0), ctypes.byref(length), None)
    text = ctypes.create_string_buffer(length.value)
    _call("LGBM_DumpParamAliases", length, ctypes.byref(length), text)
    return {spelling: name for name, others in json.loads(text.value).items() for spelling in (name, *others)}


def refuse_parameters(declared: Mapping[str, Any], reserved: Sequence[str], place: str) -> None:
    """Raise on a parameter that LightGBM does not know (it would ignore it) or that is set elsewhere."""
    known = known_parameters()
    for name in declared:
        if name not in known:
            raise UnknownNameError("LightGBM parameter", name, known, place=place)
        if known[name] in reserved:
            raise TrainingError(
                f"LightGBM parameter {name} is not for `parameters`", place=place, got=declared[name],
                expected="a parameter that ml_assets does not set itself", remedy=f"remove {name}; max_rounds, early_stopping_rounds and seed are fields of the estimator",
            )  # fmt: skip


class _Handle:
    """A pointer that the library filled, freed when the object goes."""

    def __init__(self, free: str) -> None:
        self.value = ctypes.c_void_p()
        weakref.finalize(self, _freed, free, self.value)

    @property
    def out(self) -> Any:
        return ctypes.byref(self.value)


def _freed(function: str, pointer: ctypes.c_void_p) -> None:
    if pointer.value:
        getattr(_library(), function)(pointer)


@cache
def _library() -> ctypes.CDLL:
    found = importlib.util.find_spec("lightgbm")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("lightgbm is not installed")
    with patient_threads():
        library = ctypes.CDLL(str(Path(found.origin).parent / "lib" / _FILES.get(sys.platform, "lib_lightgbm.so")))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


@contextmanager
def patient_threads() -> Iterator[None]:
    """While OpenMP is loaded, which reads it only then: let a thread that waits give its core back soon.

    By default it spins, and where cores are shared the threads spin against each other: a fit of 0.6 s on two free cores
    took 2 to 33 s beside one busy process. With this it takes 0.8 s, and 1.8 s beside one.
    """
    if {"OMP_WAIT_POLICY", _SPINS} & set(os.environ):
        yield
        return
    os.environ[_SPINS] = "1000"
    try:
        yield
    finally:
        del os.environ[_SPINS]


def _call(function: str, *arguments: Any) -> None:
    library = _library()
    if getattr(library, function)(*arguments) != 0:
        problem = library.LGBM_GetLastError().decode(errors="replace")
        raise TrainingError(
            f"LightGBM refused {function.removeprefix('LGBM_')}", expected="valid rows and parameters", got=problem
        )


def _dataset(rows: LabelledRows, text: bytes, reference: _Handle | None) -> _Handle:
    matrix, label = rows.matrix, np.ascontiguousarray(rows.label, dtype=np.float32)
    data = _Handle("LGBM_DatasetFree")
    binned_like = reference.value if reference is not None else None
    _call("LGBM_DatasetCreateFromMat", *_matrix_arguments(matrix), text, binned_like, data.out)
    # Positions as names: the library refuses some characters that a column may have; the encoder keeps the real names.
    names = (ctypes.c_char_p * matrix.shape[1])(*(f"f{position}".encode() for position in range(matrix.shape[1])))
    _call("LGBM_DatasetSetFeatureNames", data.value, names, ctypes.c_int(matrix.shape[1]))
    _set_field(data, b"label", label, _FLOAT32)
    if rows.weight is not None:
        _set_field(data, b"weight", np.ascontiguousarray(rows.weight, dtype=np.float32), _FLOAT32)
    if (sizes := rows.query_sizes) is not None:
        _set_field(data, b"group", sizes, _INT32)
    return data


def _set_field(data: _Handle, name: bytes, values: npt.NDArray[Any], kind: int) -> None:
    _call(
        "LGBM_DatasetSetField", data.value, name, _pointer(values), ctypes.c_int(len(values)), ctypes.c_int(kind)
    )  # fmt: skip


def _saved(booster: _Handle, rounds: int) -> str:
    length = ctypes.c_int64(0)

    def save(size: ctypes.c_int64, buffer: Any) -> None:
        _call(
            "LGBM_BoosterSaveModelToString",
            booster.value,
            ctypes.c_int(0),
            ctypes.c_int(rounds),
            ctypes.c_int(0),
            size,
            ctypes.byref(length),
            buffer,
        )

    save(ctypes.c_int64(0), None)
    buffer = ctypes.create_string_buffer(length.value)
    save(length, buffer)
    return buffer.value.decode()


def _matrix_arguments(matrix: Floats) -> tuple[Any, ...]:
    """Pointer, element type, shape, and whether rows lie together; the caller keeps the matrix alive."""
    if not (matrix.dtype == np.float64 and (matrix.flags.c_contiguous or matrix.flags.f_contiguous)):
        raise ValueError(f"a contiguous float64 matrix is needed, got {matrix.dtype} with strides {matrix.strides}")
    rows, columns = matrix.shape
    return (
        _pointer(matrix),
        ctypes.c_int(_FLOAT64),
        ctypes.c_int32(rows),
        ctypes.c_int32(columns),
        ctypes.c_int(matrix.flags.c_contiguous),
    )


def _pointer(values: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)


def _parameter_text(parameters: Mapping[str, Any]) -> bytes:
    pairs = []
    for name, value in parameters.items():
        if isinstance(value, bool):
            pairs.append(f"{name}={str(value).lower()}")
        elif isinstance(value, list | tuple):
            pairs += [f"{name}={','.join(str(item) for item in value)}"] if value else []
        elif value is not None:
            pairs.append(f"{name}={value}")
    return " ".join(pairs).encode()
