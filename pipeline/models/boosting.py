"""What the boosters share: their common parameters, and which rows and how many rounds a fit gets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from pipeline.catalog import Param
from pipeline.models.early_stopping import fixed_rounds, inner_split
from pipeline.models.estimator import Estimator

MANY_COLUMNS, FEW_ROWS = 200, 20_000
MOST_KEPT = 3  # tables of bins in one process: a byte for each cell
_KEPT: OrderedDict[Hashable, Any] = OrderedDict()
EARLY_STOPPING = Param(
    "early_stopping", "bool", True, "Stop early", tune=False,
    help="Hold back a part of the training rows and stop when the model no longer gets better on them. "
    "When off, the model learns from all rows for exactly the given number of rounds.",
)  # fmt: skip

TEXT_AS = Param(
    "text_as", "choice", "scores", "Text as", choices=("scores", "directions", "both"), tune=False,
    help="scores: what the text alone says of the target, made out of fold. directions: the main directions of its word counts.",
)  # fmt: skip


def rounds(default: int) -> Param:
    """The parameter `n_estimators`: not searched, because early stopping finds it."""
    text = "The fit stops here at the latest; as a rule it stops earlier, when more trees no longer help."
    return Param("n_estimators", "int", default, "Most trees", text, low=1, high=10_000, log=True, unit="trees", tune=False)


def learning_rate(default: float) -> Param:
    text = "How much each tree may correct. Smaller is often a little better and takes proportionally longer."
    return Param("learning_rate", "float", default, "Learning rate", text, low=0.005, high=0.2, log=True)


def share(name: str, default: float, title: str, help: str, low: float = 0.4) -> Param:
    """A share of rows or columns that each tree sees."""
    return Param(name, "float", default, title, help, low=low, high=1.0, unit="share")


def bins(matrix: Any) -> int:
    """Into how many parts the values of a column are divided at most.

    On a table of few rows and many columns the time goes into looking at the parts: 63 were 2.7 times as quick as 255 and as good (1,000 x 3,000).
    """
    rows, columns = matrix.shape
    return 63 if columns > MANY_COLUMNS and rows < FEW_ROWS else 255


class Boosted(Estimator):
    """A booster. After a fit, `best_round_` is the number of rounds that the model keeps: a refit on all rows takes
    `early_stopping=False` and about 1.1 times as many."""

    best_round_: int

    def _once(self, make: Callable[[], Any], *settings: Hashable) -> Any:
        """What `make` gives, or gave to an earlier fit of this process on the same rows with the same settings.

        Dividing the values of 230,000 rows into bins is a tenth of a fit (measured), and all configurations of a fold divide them alike.
        """
        if self._content is None:
            return make()
        key = (type(self).__name__, self._content, self.resources, self.params["early_stopping"], *settings)
        if key not in _KEPT:
            while len(_KEPT) >= MOST_KEPT:
                _KEPT.popitem(last=False)
            _KEPT[key] = make()
        _KEPT.move_to_end(key)
        return _KEPT[key]

    def _parts(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the rows to learn from and of those held back (possibly none)."""
        if self.params["early_stopping"]:
            return inner_split(y, self.resources.seed, self._origin)
        return np.arange(len(y)), np.arange(0)

    def _most_rounds(self, held_back: int) -> int:
        most = self.params["n_estimators"]
        if held_back or not self.params["early_stopping"]:
            return most
        return fixed_rounds(self.params["learning_rate"], most)

    def _min_leaf(self, wanted: int, rows: int) -> int:
        """At most a tenth of the rows, so that a small table can be split at all."""
        return max(1, min(wanted, rows // 10))

    def _objective(self, names: dict[str, Any]) -> Any:
        """The entry of `names` ("binary", "multiclass", "regression") that fits the classes seen in training."""
        if self.task == "regression":
            return names["regression"]
        return names["binary" if len(self.classes_) == 2 else "multiclass"]
