"""Failures whose messages differ by a name are one kind, wherever failures are listed, counted or retried."""

import re
from urllib.parse import quote

import pytest

from apps.alerts.report import Report
from apps.cli.management.commands import backfill
from apps.runs import control
from apps.runs.failures import failure_groups, signatures
from apps.runs.models import Run, Step
from apps.runs.results import outcomes
from tests.conftest import day
from tests.runs.pages.conftest import words

WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-06")}
NAMES = {"01-02": "Jokic", "01-03": "Murray", "01-05": "Gordon"}
KIND = "no box score for player … on …"


@pytest.fixture
def failed(launch, drive, fault) -> Run:
    """A run in which three dates failed, each of another player, and one of something else."""
    for date in (*NAMES, "01-06"):
        fault("daily.sales", date, "silent")
    run = drive(launch(**WEEK))
    for date, name in NAMES.items():
        say(run, date, f"no box score for player {name} on 2024-{date}")
    return run


def say(run: Run, date: str, message: str, **facts: str) -> None:
    run.steps.filter(date=day(date)).update(message=message, signature=signatures.signature(message), **facts)


def test_failures_of_one_kind_are_one_group_with_a_common_signature(failed):
    first, second = failure_groups.open_failures()

    assert (first.signature, first.dates) == (KIND, [day(date) for date in NAMES])
    assert second.dates == [day("01-06")]


def test_a_group_of_one_name_keeps_the_name(failed):
    say(failed, "01-03", "no box score for player Jokic on 2024-01-03")
    say(failed, "01-05", "the till is empty")

    assert failure_groups.open_failures()[0].signature == "no box score for player Jokic on …"


def test_page_mail_shell_and_json_count_them_alike(failed, read):
    assert [each["count"] for each in control.summary(failed.steps.failed())] == [3, 1]
    assert [each.count for each in failure_groups.groups_of(failed.steps.failed())] == [3, 1]
    assert [line.count for line in Report(failed, failed.events.latest("id")).failures.shown] == [3, 1]
    assert read("/failures/").count("no box score for player … on …") == 1


def test_json_result_lists_each_kind_of_failure_once(failed):
    told = backfill.result(failed)["signatures"]

    assert next((each["text"], each["count"]) for each in told) == (KIND, 3)


def test_retry_button_of_a_group_plans_all_its_failures(failed, operating):
    page = operating.get("/failures/").content.decode()
    keys = re.findall(r'name="signature" value="(\w+)"', page)

    assert "Launch 3 steps" in words(operating.get(f"/runs/new/?signature={keys[0]}").content.decode())


def test_a_retry_by_one_signature_takes_in_all_of_its_kind(failed, read):
    named = quote(failed.steps.get(date=day("01-03")).signature)

    assert "Launch 3 steps" in read(f"/runs/new/?retry={failed.pk}&signature={named}")


def test_retry_of_an_unknown_signature_plans_nothing(failed):
    assert failure_groups.to_retry(failed, ["never said"]) == []


def test_steps_skipped_behind_different_inputs_stay_apart(failed):
    say(failed, "01-02", "game_log is missing on 2024-01-02", status=Step.Status.SKIPPED)
    say(failed, "01-03", "team_log is missing on 2024-01-03", status=Step.Status.SKIPPED)

    texts = ["game_log is missing on …", "team_log is missing on …"]
    assert sorted(group.signature for group in outcomes.reasons_for_skips(failed)) == texts
    assert failure_groups.to_retry(failed, [signatures.key(texts[0])]) == [("daily.sales", day("01-02"))]


def test_the_timeline_has_a_new_failure_once_a_kind(launch, drive, fault):
    for date in ("01-02", "01-03"):
        fault("daily.sales", date, f"also SELECT error('no box score for player {NAMES[date]}')")
    fault("daily.sales", "01-06", "silent")

    run = drive(launch(**WEEK, batch=1))

    assert run.events.filter(kind="first failure").count() == 1
