"""13. A whole year was invisible because an end date was hard-coded; a new season crashed the monitor. Seasons are
configuration."""

import pytest

PAGES = ("/", "/coverage/", "/sources/", "/sources/windows/", "/runs/new/", "/verify/", "/preflight/")


@pytest.fixture
def add_season(rewrite):
    """Writes one more season into the pipeline file, and nothing else."""

    def write(name: str, start: str, end: str) -> None:
        rewrite("[[phase]]", f'[[season]]\nname = "{name}"\nstart = {start}\nend = {end}\n\n[[phase]]')

    return write


@pytest.fixture
def next_year(ask, add_season, console) -> None:
    """Five open days in 2025, all of them filled, and a season for them."""
    days = "SELECT unnest(generate_series(DATE '2025-01-01', DATE '2025-01-05', INTERVAL 1 DAY))::DATE"
    ask(f"INSERT INTO raw.days SELECT day, 4, true FROM ({days}) d(day)")
    for table in ("raw.orders", "raw.orders_backup"):
        ask(f"INSERT INTO {table} SELECT day, i FROM raw.days, range(4) r(i) WHERE year(day) = 2025")
    ask("INSERT INTO daily.sales SELECT day, i, NULL FROM raw.days, range(8) r(i) WHERE year(day) = 2025")
    add_season("next year", "2025-01-01", "2025-12-31")
    console.shell("scan")


def test_a_new_season_is_in_every_denominator(console, next_year):
    told = console.json("coverage", "--table", "sales")["tables"][0]

    assert (told["complete"], told["expected"]) == (5, 34)
    assert console.row("sales", "coverage").startswith("sales 5 34 14")
    assert "sales 5 / 34" in console.page("/")
    assert console.json("sources")["dates_expected"] == 34
    assert "34 of 34 (100 %)" in console.page("/sources/")


def test_a_new_season_has_its_own_page_command_and_json(console, next_year):
    told = console.json("coverage", "--season", "next year", "--table", "sales")["tables"][0]

    assert (told["complete"], told["expected"]) == (5, 5)
    assert console.row("sales", "coverage", "--season", "next year").startswith("sales 5 5 100")
    assert "sales 5 / 5" in console.page("/coverage/next%20year/")
    assert len(console.fetch("/coverage/next%20year/partitions.json?table=daily.sales")) == 5


def test_run_fills_the_gaps_of_a_new_season(console, next_year, workers):
    told = console.json("backfill", "--table", "visits", "--season", "next year", "--here", "--yes")

    assert (told["status"], told["succeeded"]) == ("succeeded", 5)


@pytest.mark.parametrize("scanned", [True, False])
def test_a_season_without_a_date_yet_breaks_nothing(console, add_season, scanned):
    add_season("far away", "2031-01-01", "2031-12-31")
    if scanned:
        assert console.shell("scan")[0] == 0

    for page in (*PAGES, "/coverage/far%20away/"):
        console.page(page)
    assert console.json("coverage", "--season", "far away")["tables"][0]["expected"] == 0
    assert console.shell("verify", "--season", "far away")[0] == 2
