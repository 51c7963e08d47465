"""Ready, ready with warnings, or not ready: what all results together come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from apps.runs.models import Preflight
from apps.runs.preflight.finding import Level, Result

Verdict = Preflight.Verdict

RUN = (Level.FAILURE, Level.WARNING, Level.PASS)


def verdict(results: Sequence[Result]) -> Preflight.Verdict:
    """A critical check that failed, or could not be asked, is in the way; anything else but a pass needs a look."""
    if not results or any(each.is_in_the_way for each in results):
        return Verdict.NOT_READY
    is_clean = all(each.level == Level.PASS for each in results)
    return Verdict.READY if is_clean else Verdict.WARNINGS


def verdict_text(results: Sequence[Result]) -> str:
    """ "12 of 14 run, 2 skipped; built in: 8 of 8 run"."""
    own = [each for each in results if not each.is_built_in]
    built_in = [each for each in results if each.is_built_in]
    if not own:
        return counted(built_in)
    return f"{counted(own)}; built in: {counted(built_in)}" if built_in else counted(own)


def counted(results: Sequence[Result]) -> str:
    levels = Counter(each.level for each in results)
    said = [f"{sum(levels[level] for level in RUN)} of {len(results)} run"]
    if levels[Level.UNKNOWN]:
        said.append(f"{levels[Level.UNKNOWN]} could not be asked")
    if levels[Level.SKIPPED]:
        said.append(f"{levels[Level.SKIPPED]} skipped")
    return ", ".join(said)
