"""How to look for better configurations: strategies propose the next one, pruners end one that cannot win, studies look back.

    make = strategy_of(plan.search)
    for family, params in propose_many(make, space, past, plan.seed, count=2): ...
    decide = pruner_of(plan.search)
    reason = decide(scores_of_this_trial, scores_of_the_others)      # a sentence, or None to go on

Nothing here keeps a state: what is proposed depends on the space, the past and the seed alone, so a run that was killed
goes on exactly where it stopped.
"""

from pipeline.strategies import bayes, evolution, grid, halving, pruners  # noqa: F401  (each registers its entries)
from pipeline.strategies.entry import Past, StrategyFacts, propose_many, strategy, strategy_of
from pipeline.strategies.grid import grid_size, grid_sizes
from pipeline.strategies.pruners import pruner, pruner_of
from pipeline.strategies.space import space_of
from pipeline.strategies.study import Study

__all__ = [
    "Past", "StrategyFacts", "Study", "grid_size", "grid_sizes", "propose_many", "pruner", "pruner_of", "space_of", "strategy", "strategy_of",
]  # fmt: skip
