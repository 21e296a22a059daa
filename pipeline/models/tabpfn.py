"""TabPFN: a network trained in advance on made-up tables, which learns a new table by reading it.

Mind the licence of the weights: those of version 2.5 and later are for non-commercial use.
"""

from __future__ import annotations

from typing import Any

from pipeline.models.pretrained import Pretrained, plug_in


class TabPFN(Pretrained):
    package, classifier, regressor = "tabpfn", "TabPFNClassifier", "TabPFNRegressor"
    variable = "TRAINYARD_TABPFN_CHECKPOINT"
    max_rows = 10_000

    def options(self) -> dict[str, Any]:
        return {"ignore_pretraining_limits": True}


plug_in(
    TabPFN, "tabpfn", title="TabPFN (pretrained)", order=95, missing=True,
    help="A network trained in advance on made-up tables; it learns a new table by reading it. Strong on small tables, "
    "slow to predict without a GPU. Mind the licence of its weights.",
)  # fmt: skip
