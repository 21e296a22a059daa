"""Steps on all numbers at once, after the columns are joined: their main directions, the clusters of the rows, and which columns stay.

Each is fitted on the training rows of its fold, selection included: a column that was chosen by looking at all rows would
be worth more on the rows to judge by than it is. Categories that a family takes as they are go past the projections.
"""

from __future__ import annotations

from typing import Any

from pipeline.catalog import Param
from pipeline.features import Needs, step

BESIDE = Param(
    "beside", "bool", True, "Keep the numbers too", "Off: the new columns stand in for the numbers that they are made of.", tune=False
)
SAMPLE = "It is decided on at most {rows:,} of the training rows. "
SHARE = Param("keep", "float", 0.5, "Share to keep", "Of the columns; at least one is kept.", 0.01, 1.0, unit="share", tune=False)


@step(
    "pca",
    title="Main directions (PCA)",
    help="Principal components of the standardised numbers, gaps at the mean: a few columns that hold most of what many say together.",
    phase="matrix",
    order=80,
    params=(Param("components", "int", 10, "Directions", "At most this many.", 1, 500, tune=False), BESIDE),
)
def pca(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.projections import Directions

    return Directions(params["components"], params["beside"], centred=True)


@step(
    "svd",
    title="Main directions (truncated SVD)",
    help="As PCA, without moving the numbers to their mean: for wide and mostly empty tables, such as word counts.",
    phase="matrix",
    order=80,
    params=(Param("components", "int", 50, "Directions", "At most this many.", 1, 500, tune=False), BESIDE),
)
def svd(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.projections import Directions

    return Directions(params["components"], params["beside"], centred=False)


@step(
    "clusters",
    title="Clusters of rows",
    help="k-means on the standardised numbers: how far a row is from each centre, or which centre is nearest, as columns of 0 and 1.",
    phase="matrix",
    order=81,
    params=(
        Param("clusters", "int", 8, "Clusters", "Fewer where there are fewer rows.", 2, 200, tune=False),
        Param("gives", "choice", "distances", "Gives", choices=("distances", "nearest"), tune=False),
        BESIDE,
    ),
)
def clusters(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.projections import Clusters

    return Clusters(**params)


@step(
    "select_distinct",
    title="Drop needless columns",
    help="Drops columns that are (nearly) the same in every training row, and exact copies of another column. A matrix of very many "
    "columns that are mostly 0, such as words, stays as it is: words that always come together count together.",
    phase="matrix",
    selects=True,
    default=True,
    order=79,
    params=(
        Param("share", "float", 0.0005, "Nearly constant below", "This share of rows that differ from the usual value. "
              + SAMPLE.format(rows=20_000), 0.0, 0.5, unit="share", tune=False),
    ),
)  # fmt: skip
def select_distinct(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.selectors import ByDistinct

    return ByDistinct(**params)


@step(
    "select_variance",
    title="Drop nearly constant columns",
    help="Drops a column when fewer than this share of the training rows differ from its commonest value.",
    phase="matrix",
    selects=True,
    order=85,
    params=(Param("share", "float", 0.001, "Smallest share", "Of rows that differ.", 0.0, 0.5, unit="share", tune=False),),
)
def select_variance(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.selectors import ByVariance

    return ByVariance(**params)


@step(
    "select_correlation",
    title="Drop columns that repeat others",
    help="Of two numbers that are correlated more strongly than this, the later one goes. "
    + SAMPLE.format(rows=5_000)
    + "Sparse word counts stay.",
    phase="matrix",
    selects=True,
    order=86,
    params=(Param("most", "float", 0.98, "Strongest correlation", "Either sign.", 0.1, 1.0, tune=False),),
)
def select_correlation(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.selectors import ByCorrelation

    return ByCorrelation(**params)


@step(
    "select_information",
    title="Keep the most informative columns",
    help="Mutual information of each column, in sixteen bins, with the target. " + SAMPLE.format(rows=5_000) + "Each is looked at alone.",
    phase="matrix",
    selects=True,
    order=87,
    params=(SHARE,),
)
def select_information(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.selectors import ByInformation

    return ByInformation(**params)


@step(
    "select_l1",
    title="Keep what a sparse linear model uses",
    help="A linear model whose penalty (L1) sets the weights of needless columns to 0. "
    + SAMPLE.format(rows=10_000)
    + "Native categories stay.",
    phase="matrix",
    selects=True,
    order=88,
    params=(
        Param(
            "strength",
            "float",
            0.05,
            "Penalty",
            "1 would drop every column, 0.001 next to none.",
            0.001,
            0.999,
            log=True,
            unit="share",
            tune=False,
        ),
    ),
)
def select_l1(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.selectors import ByPenalty

    return ByPenalty(**params)


@step(
    "select_recursive",
    title="Recursive elimination",
    help="A forest of trees drops its least useful fifth of the columns, again and again. " + SAMPLE.format(rows=3_000),
    phase="matrix",
    selects=True,
    order=89,
    params=(SHARE,),
)
def select_recursive(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.selectors import ByElimination

    return ByElimination(**params)


@step(
    "select_permutation",
    title="Keep what a forest misses when it is shuffled",
    help="Permutation importance on a third of the training rows that the forest has not seen: a column stays when the forest gets "
    "clearly worse without it. " + SAMPLE.format(rows=3_000) + "Only the 300 columns that the forest uses most can stay.",
    phase="matrix",
    selects=True,
    order=89,
    params=(Param("repeats", "int", 4, "Shuffles", "Of each column.", 2, 50, tune=False),),
)
def select_permutation(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.selectors import ByPermutation

    return ByPermutation(**params)


@step(
    "select_boruta",
    title="Keep what beats shuffled copies (Boruta)",
    help="Every column gets a shuffled shadow; a column stays when forests find it more useful than the best shadow more often than chance "
    "would (Kursa and Rudnicki, 2010, Journal of Statistical Software 36(11)). " + SAMPLE.format(rows=2_000) + "Only the 500 columns that "
    "a first forest uses most can stay.",
    phase="matrix",
    selects=True,
    order=89,
    params=(
        Param("rounds", "int", 20, "Forests", "More forests decide more columns.", 10, 100, tune=False),
        Param(
            "undecided", "bool", True, "Keep the undecided", "Columns that are neither clearly better nor clearly no better.", tune=False
        ),
    ),
)
def select_boruta(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.selectors import ByShadows

    return ByShadows(**params)
