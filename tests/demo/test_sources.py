"""The demo's sources cover exactly the dates that the product tells of."""

import json
import re
from datetime import date, timedelta

import pytest
from django.core.management import call_command

from apps.coverage.models import Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.coverage.sources import windows
from apps.pipeline import definition
from apps.runs.plans import planning, selections
from tests.demo.reference import DEMO, PIPELINE, days

TEST_WINDOW = set(days("2024-01-15", "2024-01-28"))

COVERED = {
    "nbac_gamebook_player_stats": 675,
    "bdl_player_boxscores": 633,
    "nbac_team_boxscore": 640,
    "bigdataball_play_by_play": 635,
    "nbac_play_by_play": 1,
    "odds_api_player_points_props": 270,
    "bettingpros_player_points_props": 673,
}
TOGETHER = {"Player stats": 675, "Team stats": 675, "Shot zones": 635, "Props": 673}


@pytest.mark.parametrize("source", COVERED)
def test_a_source_has_its_share_of_the_expected_dates(built, source):
    dates = set(built.rows(source))

    assert len(dates) == COVERED[source]
    assert dates <= set(built.units())


@pytest.mark.parametrize("need", PIPELINE["need"], ids=lambda need: need["name"])
def test_need_is_met_on_every_date_covered_by_any_of_its_sources(built, need):
    dates = set().union(*(built.rows(source.split(".")[1]) for source in need["sources"]))

    assert len(dates) == TOGETHER[need["name"]]
    assert len(dates) / 675 >= need["at_least"]


def test_every_source_is_complete_in_the_test_window(built):
    for source in COVERED.keys() - {"nbac_play_by_play"}:
        assert set(built.rows(source)) >= TEST_WINDOW


@pytest.mark.parametrize("season", PIPELINE["season"], ids=lambda season: season["name"])
def test_the_first_two_weeks_of_a_season_lack_shot_zones(built, season):
    window = {season["opening"] + timedelta(days=n) for n in range(14)} & set(built.units())

    assert not set(built.rows("bigdataball_play_by_play")) >= window


def test_two_dates_have_no_props_at_all(built):
    with_props = {*built.rows("odds_api_player_points_props"), *built.rows("bettingpros_player_points_props")}

    assert set(built.units()) - with_props == {date(2021, 10, 19), date(2022, 10, 18)}


def test_the_gamebook_has_about_24_players_a_game(built):
    units, rows = built.units(), built.rows("nbac_gamebook_player_stats")

    assert all(20 <= rows[day] / units[day] <= 28 for day in units)
    assert sum(rows.values()) / sum(units.values()) == pytest.approx(24, abs=0.5)


# What the console says of it -------------------------------------------------------------------------

# Out of 675, rounded down to hundredths: 93.8 and 94.8 percent, 94.0 and 0.1, 40 and 99.7 in the product's words.
SHARES = {
    "Player stats": ("675 of 675 (100 %)", ["675 of 675 (100 %)", "633 of 675 (93.77 %)"]),
    "Team stats": ("675 of 675 (100 %)", ["640 of 675 (94.81 %)", "675 of 675 (100 %)"]),
    "Shot zones": ("635 of 675 (94.07 %)", ["635 of 675 (94.07 %)", "1 of 675 (0.14 %)"]),
    "Props": ("673 of 675 (99.7 %)", ["270 of 675 (40 %)", "673 of 675 (99.7 %)"]),
}


@pytest.fixture
def console(built, db, settings, monkeypatch):
    """The console on the demo's warehouse, scanned once."""
    monkeypatch.setenv("DEMO_WAREHOUSE", str(built.path))
    settings.PIPELINE = DEMO / "pipeline.toml"
    definition.load.cache_clear()
    pipeline = definition.current()
    full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), Scan.objects.create())
    yield pipeline
    definition.load.cache_clear()


def cards(page: str) -> dict[str, str]:
    """The text of each need's card."""
    found = re.findall(r'<section class="card" id="need-.*?</section>', page, re.DOTALL)
    return {
        re.search(r"<h2[^>]*>(.*?)<", card)[1]: " ".join(re.sub(r"<[^>]+>", " ", card).split())
        for card in found
    }


def test_page_and_command_show_the_shares_of_every_need(console, client, viewer, capsys):
    client.force_login(viewer)
    page = cards(client.get("/sources/").content.decode())
    call_command("sources", "--json")
    told = {need["name"]: need for need in json.loads(capsys.readouterr().out)["needs"]}

    assert page.keys() == told.keys() == SHARES.keys()
    for name, (together, sources) in SHARES.items():
        assert f"{together} of the expected dates together" in page[name]
        assert in_words(told[name]["together"]) == together
        assert [in_words(source["has"]) for source in told[name]["sources"]] == sources
        assert all(share in page[name] for share in sources)


def in_words(share: dict) -> str:
    return f"{share['dates']} of {share['of']} ({share['percent']:g} %)"


def test_the_dates_without_props_are_named_on_page_and_command(console, client, viewer, capsys):
    client.force_login(viewer)
    page = cards(client.get("/sources/").content.decode())
    call_command("sources", "--json")
    told = {need["name"]: need for need in json.loads(capsys.readouterr().out)["needs"]}

    assert told["Props"]["no_source"] == "2021-10-19, 2022-10-18"
    assert "No source has 2 : 2021-10-19 , 2022-10-18" in page["Props"]


def test_plan_leaves_out_no_date_of_the_demo_for_an_unmet_need(console):
    plan = planning.plan(console, selections.select(console, phases=["3"]))

    assert plan.left_out_counts.keys() == {"complete", "off the calendar"}


def test_the_test_window_is_complete_and_the_best_one_is_not_at_a_season_s_start(console):
    facts = windows.facts_of(console)

    told = windows.starting(facts, date(2024, 1, 15))
    best, *others = windows.best(facts)

    assert (told.end, told.is_complete, told.excluded) == (date(2024, 1, 28), True, 0)
    assert (best.is_complete, len(others)) == (True, 2)
    assert {(each.start, each.end) for each in (best, *others)} == {
        (date(2024, 2, 7), date(2024, 2, 24)),
        (date(2024, 4, 1), date(2024, 4, 17)),
        (date(2022, 4, 2), date(2022, 4, 18)),
    }
    assert all(each.day_of_season > 30 and each.excluded == 0 for each in (best, *others))


def test_no_window_at_a_season_s_start_is_complete(console):
    facts = windows.facts_of(console)

    for season in PIPELINE["season"]:
        assert not windows.starting(facts, season["opening"]).is_complete, season["name"]
