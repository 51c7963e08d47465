"""Performs checks one after another, each within its time limit; one without an answer is unknown, with the reason."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import TypeVar

from django.db import connections
from django.utils import timezone

from apps.pipeline.check_kinds import Check
from apps.runs.preflight import remedies
from apps.runs.preflight.facts import Asked, Facts
from apps.runs.preflight.finding import Finding, Level, Result, skipped, unknown
from apps.runs.preflight.registry import KINDS, Kind
from apps.runs.preflight.selection import SLOW, is_built_in, kind_of

log = logging.getLogger(__name__)

T = TypeVar("T")

WAREHOUSE_SECONDS = 120.0


class TooLate(Exception):
    """Something did not answer in its time."""


def perform_all(checks: Sequence[Check], facts: Facts, *, quick: bool, until: float) -> Iterator[Result]:
    """A result for each check, in order. `until` is when time is over for all of them, on the monotonic clock."""
    if any(KINDS[kind_of(check)].asks_warehouse for check in checks):
        facts.asked = ask_warehouse(facts)
    for check in checks:
        left = until - time.monotonic()
        if quick and kind_of(check) == SLOW:
            yield result(check, facts, 0, [skipped("Left out of a quick pre-flight.")])
        elif left <= 0:
            yield result(check, facts, 0, [unknown("Could not be asked: the time for all checks was over.")])
        else:
            yield perform(check, facts, left=left)


def ask_warehouse(facts: Facts) -> Asked:
    try:
        return within(WAREHOUSE_SECONDS, facts.ask_warehouse)
    except TooLate:
        return Asked(facts.now, problem=f"The warehouse did not answer within {WAREHOUSE_SECONDS:.0f} s.")
    except Exception as error:
        log.exception("The warehouse could not be asked")
        return Asked(facts.now, problem=f"The warehouse could not be asked: {error_text(error)}.")


def perform(check: Check, facts: Facts, *, left: float) -> Result:
    began = time.monotonic()
    kind = KINDS[kind_of(check)]
    within_left = check.model_copy(update={"timeout": max(int(min(check.timeout, left)), 1)})
    found = findings(kind, within_left, facts)
    if kind.asks_warehouse:
        found = [remedies.add_remedy(each, facts.pipeline) for each in found]
    return result(check, facts, time.monotonic() - began, [judged(each, check) for each in found])


def findings(kind: Kind, check: Check, facts: Facts) -> list[Finding]:
    if kind.asks_warehouse and facts.asked.problem:
        return [unknown(f"Could not be asked. {facts.asked.problem}")]
    try:
        return within(check.timeout + kind.grace, lambda: list(kind.perform(check, facts)))
    except TooLate:
        return [unknown(f"Did not answer within {check.timeout} s.", threshold=f"{check.timeout} s")]
    except Exception as error:
        log.exception("Check %s could not be asked", check.name)
        return [unknown(f"Could not be asked: {error_text(error)}.")]


def error_text(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")


def judged(finding: Finding, check: Check) -> Finding:
    """A failure of a check that is not critical becomes a warning."""
    if finding.level == Level.FAILURE and not check.is_critical:
        return replace(finding, level=Level.WARNING)
    return finding


def result(check: Check, facts: Facts, seconds: float, found: list[Finding]) -> Result:
    kind = KINDS[kind_of(check)]
    return Result(
        name=check.name,
        kind=kind_of(check),
        severity=check.severity,
        is_built_in=is_built_in(check),
        asked_at=facts.asked.at if kind.asks_warehouse else timezone.now(),
        valid_for=kind.valid_for,
        seconds=round(seconds, 2),
        findings=tuple(found),
    )


# Time limits ----------------------------------------------------------------------------------------


def within(seconds: float, question: Callable[[], T]) -> T:
    """The answer, or its exception; TooLate if there was none in time."""
    answer: Future[T] = Future()
    # A thread of its own, which nothing waits for if it hangs.
    threading.Thread(target=ask, args=(question, answer), daemon=True).start()
    if not wait([answer], seconds).done:
        raise TooLate
    return answer.result()


def ask(question: Callable[[], T], answer: Future[T]) -> None:
    try:
        found = question()
    except Exception as error:
        connections.close_all()
        answer.set_exception(error)
    else:
        connections.close_all()
        answer.set_result(found)
