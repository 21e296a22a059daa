"""One thing written in several ways: spellings of a category (DQ013), and blanks that nobody sees (DQ014)."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from pipeline.data.wording import spelling, tidied
from pipeline.plan import Fix
from pipeline.quality.entry import Verdict, add_step, check_entry, not_applicable, passed
from pipeline.quality.gaps import TOKENS
from pipeline.quality.subject import Subject, arrow, counted, like, some

FOLDED = r"[ßẞς\x{13A0}-\x{13FF}\x{AB70}-\x{ABBF}]"  # letters whose small one is not what they are compared by
MAYBE_BLANKS = r"^ | $|  |[^ -~]"  # blanks in a wrong place, or anything beside the plain characters
LETTER = re.compile(r"[^\W\d_]")


@check_entry(
    code="DQ013",
    title="One category in several spellings",
    help="Finds categories that are the same apart from capitals, blanks, dots, hyphens or accents: NY, 'ny ' and N.Y. "
    "A model takes each spelling for a category of its own.",
    severity="Warning: the rows of one category are divided among its spellings.",
)
def variants(subject: Subject, params: dict) -> Verdict:
    columns = _worded(subject, "categorical")
    if not columns:
        return not_applicable("No column has categories in words.")
    found = {name: groups for name in columns if (groups := subject.once(same_spelling, name))}
    if not found:
        return passed("Every category is written in one way.")
    masks = {name: np.isin(subject.codes(name)[0], [code for group in groups for code in group[1:]]) for name, groups in found.items()}
    seen = (_spelled(subject, name, groups, int(masks[name].sum())) for name, groups in found.items())
    mend = [name for name in found if name != subject.target]
    return Verdict(
        f"{some(seen)}.{_in_the_target(subject, found)}", "warning", tuple(found), np.any(list(masks.values()), axis=0),
        {name: [_counts(subject, name, group) for group in groups[:20]] for name, groups in found.items()},
        (add_step("DQ013", "Give every category its commonest spelling", "merge_spellings", mend),) if mend else (), safe=bool(mend),
    )  # fmt: skip


def same_spelling(subject: Subject, name: str) -> list[list[int]]:
    """Codes of the values that are the same word, the commonest spelling first; one list for each word with several."""
    values, counts = subject.codes(name)[1], subject.counts(name)
    groups = defaultdict(list)
    for code in _maybe_twins(values):
        text = str(values[code])
        if LETTER.search(text) and text.strip().lower() not in TOKENS:
            groups[spelling(text)].append(code)
    return [sorted(group, key=lambda code: (-counts[code], str(values[code]))) for group in groups.values() if len(group) > 1]


def _maybe_twins(values: pd.Index) -> np.ndarray:
    """Codes of the values that share their letters and digits with another one: no others can be the same word."""
    if len(like(values, FOLDED)):
        return np.arange(len(values))
    plain = pc.replace_substring_regex(pc.utf8_normalize(arrow(values), "NFKD"), r"[^\p{L}\p{N}]+", "")
    return np.flatnonzero(pd.Series(pc.utf8_lower(plain).to_numpy(zero_copy_only=False)).duplicated(keep=False))


def _worded(subject: Subject, *kinds: str) -> list[str]:
    return [name for name in subject.names if subject.kind(name) in kinds and subject.is_text(name)]


def _spelled(subject: Subject, name: str, groups: list[list[int]], rows: int) -> str:
    values = subject.codes(name)[1]
    words = ", ".join(repr(str(values[code])[:40]) for code in groups[0][:4])
    return f"{name!r} has {counted(len(groups), 'category')} in more than one spelling ({words}); {counted(rows, 'row')} in the rarer ones".replace(
        "categorys", "categories"
    )


def _counts(subject: Subject, name: str, group: list[int]) -> dict[str, int]:
    values, counts = subject.codes(name)[1], subject.counts(name)
    return {str(values[code])[:80]: int(counts[code]) for code in group[:20]}


def _in_the_target(subject: Subject, found: dict) -> str:
    if subject.target not in found:
        return ""
    return f" The target {subject.target!r} is never changed by a recipe: correct it in the file, or these count as different classes."


@check_entry(
    code="DQ014",
    title="Blanks around values",
    help="Looks for blanks at the ends, doubled blanks, and characters that nobody sees (no-break and zero-width blanks, tabs). "
    "They make two values of one as soon as somebody writes the value without them.",
    severity="Warning when some cells have them; information when all do.",
)
def blanks(subject: Subject, params: dict) -> Verdict:
    columns = _worded(subject, "categorical", "id")
    if not columns:
        return not_applicable("No column has categories or codes in words.")
    found = {name: codes for name in columns if (codes := _untidy(subject, name))}
    if not found:
        return passed("No value has blanks at its ends or within that should not be there.")
    masks = {name: np.isin(subject.codes(name)[0], codes) for name, codes in found.items()}
    seen = (
        f"{name!r}: {counted(int(masks[name].sum()), 'row')}, such as {str(subject.codes(name)[1][codes[0]])[:40]!r}"
        for name, codes in found.items()
    )
    everywhere = all(int(masks[name].sum()) == int((~subject.missing(name)).sum()) for name in found)
    mend = [name for name in found if name != subject.target]
    fixes: tuple[Fix, ...] = (add_step("DQ014", "Take the blanks away", "tidy_text", mend),) if mend else ()
    return Verdict(
        f"Blanks that do not belong to the value in {some(seen)}.", "info" if everywhere else "warning", tuple(found),
        np.any(list(masks.values()), axis=0), {"rows": {name: int(mask.sum()) for name, mask in masks.items()}}, fixes, safe=bool(mend),
    )  # fmt: skip


def _untidy(subject: Subject, name: str) -> list[int]:
    """Codes of values that change when tidied; those with a twin are another spelling of it and belong to DQ013."""
    twins = {code for group in subject.once(same_spelling, name) for code in group}
    values = subject.codes(name)[1]
    texts = [(int(code), str(values[code])) for code in like(values, MAYBE_BLANKS) if code not in twins]
    return [code for code, text in texts if tidied(text) not in (text, "") and text.strip().lower() not in TOKENS]
