"""Which snapshots train, validate and test: by time, with the label's horizon kept free between the parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ml_assets.errors import TrainingError
from ml_assets.specs.splits import TimeSplitSpec
from ml_assets.specs.times import snapshot_time, span_length


@dataclass(frozen=True)
class SplitPlan:
    """Partition keys of each part, oldest first. `embargoed` ones lie too close to a later part and are left out."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    embargoed: tuple[str, ...]
    embargo: timedelta

    def part_of(self, key: str) -> str:
        """`train`, `validation`, `test` or `embargo`."""
        for part in ("train", "validation", "test"):
            if key in getattr(self, part):
                return part
        return "embargo"

    @property
    def parts(self) -> dict[str, str]:
        """Partition key → part, oldest first."""
        keys = sorted((*self.train, *self.validation, *self.test, *self.embargoed))
        return {key: self.part_of(key) for key in keys}


def plan_split(labelled: Sequence[str], spec: TimeSplitSpec, horizon: timedelta, place: str) -> SplitPlan:
    """Divide labelled snapshots. An outcome window never reaches into a later part: key + embargo <= first key there."""
    embargo = max(span_length(spec.embargo) if spec.embargo else horizon, horizon)
    keys = sorted(labelled)
    test = keys[-spec.test_snapshots :]
    before_test = (
        [key for key in keys if key < test[0] and snapshot_time(key) + embargo <= snapshot_time(test[0])]
        if test
        else []
    )
    validation = before_test[-spec.validation_snapshots :]
    train = (
        [
            key
            for key in before_test
            if key < validation[0] and snapshot_time(key) + embargo <= snapshot_time(validation[0])
        ]
        if validation
        else []
    )
    if not train:
        raise TrainingError(
            "too few labelled snapshots to split by time", place=place,
            expected=f"{spec.test_snapshots} test + {spec.validation_snapshots} validation + at least one training snapshot, "
            f"{embargo.days} days apart",
            got=f"{len(keys)} labelled snapshots from {keys[0] if keys else 'none'} to {keys[-1] if keys else 'none'}",
            remedy="wait for more labels to mature, widen `snapshots`, or ask for fewer test and validation snapshots",
        )  # fmt: skip
    used = {*train, *validation, *test}
    return SplitPlan(tuple(train), tuple(validation), tuple(test), tuple(k for k in keys if k not in used), embargo)
