"""The source that serves a need on each date: the union of what its sources have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from apps.pipeline.sections import Need, Season

# A letter a date. ① is served by the need's first source, ② by its second, and so on; the others are a grid's.
FIRST = ord("①")
MOST_SOURCES = 1000  # of one need
NOT_SERVED, UNKNOWN, ACCEPTED, NOT_EXPECTED = "m", "u", "a", "n"

NO_SOURCE = "no source has the date"

SERVED = {FIRST + rank: "c" for rank in range(MOST_SOURCES)}

# A source that is off has nothing, and that is certain; what is not expected of it stays that.
OFF = str.maketrans("cu", "mm")


@dataclass(frozen=True)
class Share:
    """A number of dates out of those that count, of which some are unknown."""

    part: int
    whole: int
    unknown: int = 0

    @property
    def percent(self) -> str | None:
        """ "93.77", rounded down: 100 means all. None where nothing is expected, or nothing is known."""
        if self.whole <= self.unknown:
            return None
        return f"{10_000 * self.part // self.whole / 100:g}"

    @property
    def in_words(self) -> str:
        """ "633 of 675 (93.77 %), 4 unknown"."""
        if not self.whole:
            return "no date counts"
        if self.percent is None:
            return f"unknown on all {self.whole:,}"
        unknown = f", {self.unknown:,} unknown" if self.unknown else ""
        return f"{self.part:,} of {self.whole:,} ({self.percent} %){unknown}"

    @property
    def is_all(self) -> bool:
        return 0 < self.whole == self.part


@dataclass(frozen=True)
class Served:
    """A need over some dates. `by_source` says for each source, in order, on how many of them it is the one."""

    by_source: tuple[int, ...]
    not_served: int = 0
    unknown: int = 0
    accepted: int = 0
    not_expected: int = 0

    @property
    def together(self) -> Share:
        """The union. What was accepted or is not expected leaves the denominator."""
        served = sum(self.by_source)
        return Share(served, served + self.not_served + self.unknown, self.unknown)

    @property
    def by_fallback(self) -> int:
        return sum(self.by_source[1:])

    @property
    def left_out(self) -> str:
        """ "13 left out (accepted gaps)": what the denominator does not have, and why."""
        reasons = {"accepted gaps": self.accepted, "not expected": self.not_expected}
        return ", ".join(f"{number:,} left out ({why})" for why, number in reasons.items() if number)


def serving(need: Need, states: Mapping[str, str], *, off: Collection[str] = ()) -> str:
    """A letter a date for the need, from the letters that a grid has of its sources; those `off` serve nothing."""
    rows = [states[name].translate(OFF) if name in off else states[name] for name in need.sources]
    return "".join(map(server, zip(*rows, strict=True)))


@lru_cache(maxsize=4096)  # the same few combinations, hundreds of times
def server(letters: tuple[str, ...]) -> str:
    """The first source that is complete: too few rows or too many are not the date.

    A source that was not read neither serves nor counts as absent.
    """
    if "c" in letters:
        return chr(FIRST + letters.index("c"))
    for letter in (UNKNOWN, ACCEPTED):
        if letter in letters:
            return letter
    return NOT_EXPECTED if all(letter in "nxw" for letter in letters) else NOT_SERVED


def as_states(letters: str) -> str:
    """The need's dates as if it were a table: complete where any source serves it."""
    return letters.translate(SERVED)


def tally(need: Need, letters: str) -> Served:
    return Served(
        by_source=tuple(letters.count(chr(FIRST + rank)) for rank in range(len(need.sources))),
        not_served=letters.count(NOT_SERVED),
        unknown=letters.count(UNKNOWN),
        accepted=letters.count(ACCEPTED),
        not_expected=letters.count(NOT_EXPECTED),
    )


def closed(need: Need, letters: str, seasons: Iterable[tuple[Season, slice]]) -> dict[int, str]:
    """The places of the dates that the need's `at_least` keeps from being planned, each with the reason.

    A need that must always be met closes the dates that no source has. One that need not closes a whole season, in
    which its sources together fall short of the share. What is unknown may be there: it closes nothing.
    """
    if need.at_least >= 1:
        return {place: NO_SOURCE for place, letter in enumerate(letters) if letter == NOT_SERVED}
    found: dict[int, str] = {}
    for season, part in seasons:
        if reason := falls_short(need, tally(need, letters[part]).together):
            places = range(*part.indices(len(letters)))
            found |= dict.fromkeys(places, f"{reason} in {season.name}")
    return found


def falls_short(need: Need, share: Share) -> str:
    """ "need Shot zones has 90 % of 94 %"; empty where the share is reached, or may be."""
    if share.part + share.unknown >= need.at_least * share.whole:
        return ""
    return f"need {need.name} has {share.percent} % of {100 * need.at_least:g} %"
