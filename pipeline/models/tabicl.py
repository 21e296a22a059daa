"""TabICL: a network trained in advance on made-up tables, which learns a new table by reading it."""

from __future__ import annotations

from typing import Any

from pipeline.models.pretrained import Pretrained, plug_in


class TabICL(Pretrained):
    package, classifier, regressor = "tabicl", "TabICLClassifier", "TabICLRegressor"
    variable = "TRAINYARD_TABICL_CHECKPOINT"
    max_rows = 50_000

    def options(self) -> dict[str, Any]:
        return {"allow_auto_download": False, "n_jobs": self.resources.threads}


plug_in(
    TabICL, "tabicl", title="TabICL (pretrained)", order=90, missing=True,
    help="A network trained in advance on made-up tables; it learns a new table by reading it. Strong up to some ten "
    "thousand rows, slow to predict without a GPU.",
)  # fmt: skip
