"""What a person reads on the pages of the sources, and what the shell says of the same."""

import json
import re

import pytest
from django.core.management import call_command

from apps.coverage.models import Partition
from apps.coverage.sources import windows
from apps.runs.plans import presets
from tests.conftest import day

SOURCES = "/sources/"
WINDOWS = "/sources/windows/"


@pytest.fixture
def said(capsys):
    """What a command prints, as JSON."""

    def run(*words: str) -> dict:
        call_command(*words, "--json")
        return json.loads(capsys.readouterr().out)

    return run


def test_page_and_command_show_the_same_share_and_denominator(scan, lose_everywhere, read, said):
    lose_everywhere("01-05")
    scan()

    assert "<b>28 of 29 (96.55 %)</b>" in read(SOURCES)
    together = said("sources")["needs"][0]["together"]
    assert (together["dates"], together["of"], together["unknown"], together["percent"]) == (28, 29, 0, 96.55)


def test_the_page_shows_when_the_last_scan_finished(scan, read):
    done = scan()

    assert f"{done.finished_at:%Y-%m-%dT%H:%M:%SZ}" in read(SOURCES)


def test_a_season_is_chosen_by_its_tab(read, first_scan):
    text = read(f"{SOURCES}?season=spring")

    assert "10 expected dates" in text and "10 of 10 (100 %)" in text


def test_dates_missing_from_every_source_are_shown_with_the_gate_they_close(scan, lose_everywhere, read):
    lose_everywhere("01-05")
    scan()

    text = read(SOURCES)

    assert '<b>1</b>: <span class="nowrap">2024-01-05</span>' in text
    assert "Closed on 1 date: no source has the date" in text


def test_a_declared_source_that_does_not_exist_is_badged(scan, ask, read, said):
    ask("DROP TABLE raw.orders_backup")
    scan()

    assert "declared, does not exist</span>" in read(SOURCES)
    assert said("sources")["needs"][0]["sources"][1]["standing"] == "declared, does not exist"


def test_no_percentage_is_shown_while_the_warehouse_is_unreachable(outage, read):
    text = read(SOURCES)

    assert "unknown on all 29" in text and " %)" not in text
    assert "has not answered since" in text


def test_the_pages_show_that_nothing_is_known_before_the_first_scan(shop, read):
    assert "Nothing is known yet" in read(SOURCES)
    assert "Nothing is known yet" in read(WINDOWS)


def test_the_page_shows_the_effect_of_a_disabled_source(scan, lose, read):
    lose("raw.orders_backup", "01-05")
    scan()

    text = read(f"{SOURCES}?off=raw.orders")

    assert "Without orders" in text and "29 of 29 (100 %) before, <b>28 of 29 (96.55 %)</b> without" in text
    assert "<b>1</b> date, 1 of them not filled yet: no source has the date" in text


def test_disabling_a_redundant_source_closes_no_gate(read, first_scan):
    assert "No gate would close" in read(f"{SOURCES}?off=raw.orders_backup")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/sources/?off=daily.sales", "daily.sales serves no need. Sources are: orders, orders_backup."),
        ("/sources/?off=raw.nobody", "There is no table &quot;raw.nobody&quot;"),
        ("/sources/?season=summer", "There is no season &quot;summer&quot;"),
        ("/sources/windows/?days=0", "A window of 0 dates is not possible"),
        ("/sources/windows/?days=many", "&quot;many&quot; is no number of dates"),
        ("/sources/windows/?start=soon", "&quot;soon&quot; is no date"),
        ("/sources/windows/?start=2024-01-19", "Only 2 expected dates of winter are left"),
    ],
)
def test_an_invalid_request_shows_a_message(read, address, says, first_scan):
    assert says in read(address)


def test_a_named_window_is_shown_beside_the_best_window(read, said, first_scan):
    text = " ".join(read(f"{WINDOWS}?days=5&start=2024-01-02").split())

    assert '<span class="tag">named</span>' in text and '<span class="tag">1. best</span>' in text
    found = said("windows", "--days", "5", "--start", "2024-01-02")
    assert (found["named"]["start"], found["best"][0]["start"]) == ("2024-01-02", "2024-03-06")


def test_the_launch_form_offers_the_best_test_window_as_a_preset(pipeline, first_scan):
    preset = presets.presets(pipeline, presets.gaps(pipeline))[0]

    assert (preset.label, preset.query) == ("Test window, Phase 2", "phase=2&start=2024-01-06&end=2024-01-20")
    assert preset.note == "2024-01-06 to 2024-01-20: every need on all 14 dates, 56 orders"


@pytest.mark.parametrize("words", [["sources", "--off", "nobody"], ["windows", "--days", "0"]])
def test_wrong_arguments_exit_2(words, capsys, first_scan):
    with pytest.raises(SystemExit) as end:
        call_command(*words)

    assert end.value.code == 2 and capsys.readouterr().err


def test_the_sources_command_shows_how_many_dates_each_source_serves(scan, lose, capsys):
    lose("raw.orders", "01-05")
    scan()
    call_command("sources")

    said = capsys.readouterr().out

    assert "Orders: 29 of 29 (100 %) together" in said
    assert [line.split()[-1] for line in said.splitlines() if " raw" in line or "orders" in line][:2] == [
        "28",
        "1",
    ]


def test_queries_do_not_grow_with_the_dates(scan, lose, read, django_assert_max_num_queries):
    scan()
    with django_assert_max_num_queries(16) as few:
        read(SOURCES)
    lose("raw.orders", *(f"01-{date:02}" for date in range(1, 20, 2)))
    scan()

    with django_assert_max_num_queries(len(few)):
        read(SOURCES)


# While the warehouse is away ------------------------------------------------------------------------


def test_whether_a_need_closes_a_date_is_unknown_while_the_warehouse_is_unreachable(outage, read):
    text = read(SOURCES)

    assert "Whether it closes a date now is not known." in text
    assert "Now it closes no date" not in text


def test_a_need_with_an_unknown_date_closes_no_date_that_is_known(read, first_scan):
    Partition.objects.filter(table__startswith="raw.orders", date=day("01-05")).update(state="unknown")

    assert "Now it closes no date that is known" in read(SOURCES)


def test_whether_a_gate_would_close_is_unknown_while_the_warehouse_is_unreachable(outage, read, capsys):
    text = read(f"{SOURCES}?off=raw.orders_backup")
    call_command("sources", "--off", "raw.orders_backup")

    assert "No gate would close" not in text
    assert "whether any gate would close. The other sources are unknown on 29 dates" in text
    assert "not known: whether any gate would close; the other sources are unknown" in capsys.readouterr().out


def test_a_window_of_which_nothing_is_known_is_headed_unknown(outage, read):
    text = read(f"{WINDOWS}?days=5&start=2024-01-08")

    heading = re.search(
        r'<span class="badge state-(\w+)">.*?</span>\s*<span class="small">([^<]*)', text, re.DOTALL
    )
    assert heading and heading.groups() == ("unknown", "worst need: unknown on all 5")
    assert "not complete" not in text and "1. best" not in text


def test_a_window_with_an_unknown_date_is_not_shown_as_not_complete(read, first_scan):
    Partition.objects.filter(table__startswith="raw.orders", date=day("01-09")).update(state="unknown")

    text = read(f"{WINDOWS}?days=5&season=winter&start=2024-01-08")

    card = text[text.index("named") : text.index("1. best")]
    assert "4 of 5 (80 %), 1 unknown" in card and "not complete" not in card


def test_no_window_is_recommended_of_which_nothing_is_known(pipeline, first_scan):
    Partition.objects.filter(table__startswith="raw.orders", date__gte=day("03-01")).update(state="unknown")

    found = windows.best(windows.facts_of(pipeline), days=10)

    assert {window.season.name for window in found} == {"winter"}
