"""Ready, ready with warnings, not ready: and what was not asked or not answered is never a pass."""

import pytest
from django.utils import timezone

from apps.runs.preflight import verdict
from apps.runs.preflight.finding import Finding, Level, Result
from apps.runs.preflight.verdict import Verdict


def result(level: Level, *, severity: str = "critical", is_built_in: bool = False) -> Result:
    found = (Finding(level, "it was looked at"),)
    return Result("a check", "file", severity, is_built_in, timezone.now(), 60, 0.1, found)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([Level.PASS, Level.PASS], Verdict.READY),
        ([Level.PASS, Level.WARNING], Verdict.WARNINGS),
        ([Level.PASS, Level.SKIPPED], Verdict.WARNINGS),
        ([Level.PASS, Level.UNKNOWN], Verdict.NOT_READY),
        ([Level.PASS, Level.FAILURE], Verdict.NOT_READY),
        ([], Verdict.NOT_READY),
    ],
)
def test_the_worst_of_the_critical_checks_decides(levels, expected):
    assert verdict.verdict([result(level) for level in levels]) == expected


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([Level.PASS, Level.SKIPPED], Level.SKIPPED),
        ([Level.SKIPPED, Level.WARNING], Level.WARNING),
        ([Level.PASS, Level.NOTE], Level.PASS),
        ([Level.NOTE], Level.SKIPPED),
        ([], Level.SKIPPED),
    ],
)
def test_a_check_that_was_skipped_in_part_has_not_passed(levels, expected):
    findings = tuple(Finding(level, "it was looked at") for level in levels)

    assert Result("a check", "file", "critical", False, timezone.now(), 60, 0.1, findings).level == expected


@pytest.mark.parametrize("level", [Level.UNKNOWN, Level.WARNING])
def test_a_check_that_is_not_critical_needs_a_look_at_most(level):
    assert verdict.verdict([result(Level.PASS), result(level, severity="warning")]) == Verdict.WARNINGS


def test_skipped_checks_are_counted_separately():
    results = [result(Level.PASS)] * 12 + [result(Level.SKIPPED)] * 2

    assert verdict.verdict_text(results) == "12 of 14 run, 2 skipped"


def test_unknown_checks_do_not_count_as_run():
    results = [result(Level.PASS), result(Level.UNKNOWN), result(Level.PASS, is_built_in=True)]

    assert verdict.verdict_text(results) == "1 of 2 run, 1 could not be asked; built in: 1 of 1 run"


def test_built_in_check_without_a_subject_is_omitted(checked, workers):
    told = checked(tables=["weekly.trend"])

    assert not {"must_contain", "python", "coverage"} & {each.kind for each in told.results}
