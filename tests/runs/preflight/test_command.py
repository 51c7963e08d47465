"""`manage.py preflight`: the same report in a terminal, with an exit status for scripts."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from apps.runs.models import Preflight
from apps.runs.preflight import selection

pytestmark = pytest.mark.django_db(transaction=True)


def preflight(*words: str) -> tuple[int, str]:
    """Exit status and output."""
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("preflight", *words, stdout=out, stderr=out)
    return int(end.value.code or 0), out.getvalue()


@pytest.fixture
def quiet(monkeypatch) -> None:
    """Without the checks that a test's folder cannot pass: git and mail."""
    own = tuple(each for each in selection.BUILT_IN if selection.kind_of(each) not in ("commit", "mail"))
    monkeypatch.setattr(selection, "BUILT_IN", own)


def test_ready_preflight_exits_with_0(shop, workers, quiet):
    status, said = preflight("--table", "daily.sales")

    assert status == 0
    assert "Ready: 11 of 11 run. Report " in said


def test_preflight_with_warnings_exits_with_2(shop, workers):
    status, said = preflight("--table", "daily.sales")

    assert status == 2
    assert "Ready with warnings: 12 of 13 run, 1 could not be asked." in said


def test_preflight_that_is_not_ready_exits_with_1_and_names_the_failures(shop, quiet):
    status, said = preflight("--phase", "2")

    assert status == 1
    assert "FAILURE  Workers: No worker of cluster main has reported yet." in said
    assert "$ .venv/bin/python manage.py serve" in said
    assert said.rstrip().endswith("In the way: Workers")


def test_unreachable_warehouse_exits_with_1_and_its_checks_are_unknown(shop, workers, quiet):
    shop.rename(shop.parent / "away")

    status, said = preflight()

    assert status == 1
    assert "UNKNOWN  The warehouse answers: Could not be asked." in said
    assert (
        "In the way: The warehouse answers, Tables and their columns, Calendar, Needs of the tables" in said
    )


def test_json_is_what_the_page_keeps(shop, workers):
    _, said = preflight("--json", "--quick", "--season", "winter")

    found = json.loads(said)
    report = Preflight.objects.get(pk=found["preflight"])
    assert found["verdict"] == report.get_verdict_display()
    assert [each["name"] for each in found["checks"]] == [each["name"] for each in report.results]
    assert (found["seasons"], found["quick"]) == (["winter"], True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--phase", "9"], 'There is no phase "9"'),
        (["--start", "2024-02-01", "--end", "2024-01-01"], "swap them"),
    ],
)
def test_wrong_arguments_end_with_2_and_a_sentence(shop, words, says):
    status, said = preflight(*words)

    assert status == 2 and says in said
    assert not Preflight.objects.exists()
