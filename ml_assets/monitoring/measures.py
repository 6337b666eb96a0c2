"""What drift is measured by, as columns of its table are named."""

from __future__ import annotations

from collections.abc import Mapping

PSI, KS, JS, WASSERSTEIN, CHI2 = "psi", "ks", "js", "wasserstein", "chi2"
MISSING, NEW = "missing_shift", "new_share"
SHAPE_MEASURES = (PSI, KS, JS, WASSERSTEIN, CHI2)
MEASURES_SHOWN = (*SHAPE_MEASURES, MISSING, NEW)
MEASURES: Mapping[str, tuple[str, ...]] = {
    "number": (PSI, KS, JS, WASSERSTEIN, MISSING),
    "category": (CHI2, JS, MISSING, NEW),
}
# Logic of the reference, label's role and column.
REFERENCE_LOGIC = "reference/1"
LABEL = "label"
