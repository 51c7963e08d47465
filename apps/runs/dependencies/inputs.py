"""Whether the upstream inputs of a table are complete on a date, for plans and gates. It makes no query."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple

from apps.coverage.models import Partition
from apps.pipeline import definition
from apps.pipeline.sections import Input

State = Partition.State
DONE = (*Partition.SETTLED, State.UNEXPECTED)
UNCOUNTED = (State.ACCEPTED, State.NOT_EXPECTED, State.UNEXPECTED)  # not in the denominator of a share


class Gap(NamedTuple):
    """A date of an input that is not there and that no run is about to fill: "is missing", "failed ... in this run"."""

    date: dt.date
    verb: str
    when: str = ""


@dataclass(frozen=True)
class InputDates:
    """An input's dates, oldest first: those that count for a share, its gaps, those that a run is about to fill (with
    that run, None for the one that asks), and those that were never read."""

    counted: Sequence[dt.date] = ()
    gaps: Sequence[Gap] = ()
    coming: Sequence[dt.date] = ()
    unread: Sequence[dt.date] = ()
    filled_by: Mapping[dt.date, int | None] = field(default_factory=dict)

    def up_to(self, last: dt.date) -> InputDates:
        """These dates as if all that come after that date were there."""
        return replace(
            self,
            gaps=[gap for gap in self.gaps if gap.date <= last],
            unread=between(self.unread, dt.date.min, last),
        )


@dataclass(frozen=True)
class Answer:
    """What keeps a date from reading an input; empty if nothing does.

    `gaps` never go away by themselves, `coming` is waited for, and `unread` is not known.
    """

    gaps: Sequence[Gap] = ()
    coming: Sequence[dt.date] = ()
    unread: Sequence[dt.date] = ()
    counted: int = 0


def input_dates(
    calendar: Collection[dt.date],
    states: Mapping[dt.date, str],
    *,
    coming: Mapping[dt.date, int | None],
    undone: Mapping[dt.date, Gap],
) -> InputDates:
    """An input's dates from their states. `coming` are about to be filled, whatever is there now; `undone` are those
    that the asking run was to fill and did not. An expected date without a state was never read."""
    everything = dict.fromkeys(calendar, str(State.UNKNOWN)) | dict(states)
    counted, gaps, unread = [], [], []
    for date, state in sorted(everything.items()):
        if state not in UNCOUNTED:
            counted.append(date)
        if date in coming:
            continue
        if date in undone:
            gaps.append(undone[date])
        elif state == State.UNKNOWN:
            unread.append(date)
        elif state not in DONE:
            gaps.append(Gap(date, f"is {state}"))
    return InputDates(counted, gaps, sorted(coming), unread, coming)


def answer(needed: Input, date: dt.date, known: InputDates) -> Answer:
    """Whether a date may read this input: on the date itself, and on the share of its lookback that is needed."""
    first = date - dt.timedelta(days=needed.lookback)
    gaps = known.gaps[slice(*span(known.gaps, first, date))]
    coming = between(known.coming, first, date)
    unread = between(known.unread, first, date)
    if not (gaps or unread):
        return Answer(coming=coming)
    counted = len(between(known.counted, first, date))
    may_lack = needed.may_lack(counted)
    own = (gaps and gaps[-1].date == date) or (unread and unread[-1] == date)
    if not own and len(gaps) + len(unread) <= may_lack:
        return Answer(coming=coming)
    closes = len(gaps) > may_lack or (gaps and gaps[-1].date == date)
    return Answer(gaps=gaps if closes else (), coming=coming, unread=unread, counted=counted)


def span(gaps: Sequence[Gap], first: dt.date, last: dt.date) -> tuple[int, int]:
    """The places of the gaps from the first date to the last."""
    date = attrgetter("date")
    return bisect_left(gaps, first, key=date), bisect_right(gaps, last, key=date)


def between(dates: Sequence[dt.date], first: dt.date, last: dt.date) -> Sequence[dt.date]:
    return dates[bisect_left(dates, first) : bisect_right(dates, last)]


def sentence(name: str, gaps: Sequence[Gap]) -> str:
    """ "sales is missing on 2024-01-10 and 1 more", "base failed on 2024-02-28 in this run"."""
    first = gaps[0]
    more = f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""
    when = f" {first.when}" if first.when else ""
    return f"{definition.short_name(name)} {first.verb} on {first.date}{more}{when}"


def share_in_words(needed: Input, found: Answer) -> str:
    """ " (27 of 31 dates, at least 90 % are needed)"; empty if every date is needed."""
    if needed.at_least >= 1 or not found.counted:
        return ""
    there = found.counted - len(found.gaps) - len(found.unread)
    return f" ({there} of {found.counted} dates, at least {100 * needed.at_least:g} % are needed)"
