"""A warehouse that is moved away or unreadable, or lacks a table or column: nobody claims to know."""

import os
import re

import pytest

from apps.coverage.models import Verification
from apps.runs.models import Preflight

PAGES = (
    "/",
    "/coverage/",
    "/coverage/winter/",
    "/sources/",
    "/sources/?off=raw.orders",
    "/sources/windows/",
    "/runs/",
    "/runs/new/?phase=2",
    "/verify/",
    "/preflight/",
    "/failures/",
)
# What was known last is shown, and says that it is that.
AS_LAST_KNOWN = re.compile(r"\d %\) complete(?: on all \d tables)?, as last known")
# What a check wants is no claim, and neither is what a need's rule says.
WANTED = re.compile(r"(wanted:? at least|at least|less than) \d+ %")

pytestmark = pytest.mark.usefixtures("workers")


@pytest.fixture
def once(console, rows, scan) -> None:
    """A warehouse that was fine: sales were complete, and everything was scanned."""
    rows("daily.sales", 8)
    scan()
    assert "100 %" in console.page("/sources/") and "sales 29 / 29" in console.page("/")


def move_away(shop, ask):
    shop.rename(shop.with_suffix(".away"))


def make_garbage(shop, ask):
    shop.write_bytes(b"no database at all" * 1000)


def forbid(shop, ask):
    if os.geteuid() == 0:
        pytest.skip("root may read everything; the file of garbage stands in for it")
    shop.chmod(0)


def drop_calendar(shop, ask):
    ask("DROP TABLE raw.days")


@pytest.fixture(params=[move_away, make_garbage, forbid, drop_calendar], ids=lambda harm: harm.__name__)
def harmed(request, once, shop, ask, console) -> None:
    """Nothing can be asked any more; a scan and both kinds of reports were made since."""
    request.param(shop, ask)
    assert console.shell("scan")[0] == 1
    assert console.shell("preflight")[0] == 1
    assert console.shell("verify", "--season", "winter")[0] == 1


def test_preflight_lists_every_unknown_check(console, harmed):
    report = Preflight.objects.get()
    told = console.fetch(f"/preflight/{report.pk}.json")
    unknown = [check["name"] for check in told["checks"] if check["level"] == "unknown"]

    assert set(unknown) >= {"The warehouse answers", "Tables and their columns", "Calendar"}
    assert "Needs of the tables" in unknown
    assert all(name in console.page(report.get_absolute_url()) for name in unknown)
    assert told["verdict"] == "not ready"


def test_verification_page_shows_why_it_could_not_run(console, harmed):
    report = Verification.objects.get()

    assert report.verdict == "could not run"
    assert "The warehouse could not be asked: " in console.page(report.get_absolute_url())


def test_no_page_shows_a_percentage_unless_it_is_marked_as_last_known(console, harmed):
    reports = [Preflight.objects.get().get_absolute_url(), Verification.objects.get().get_absolute_url()]

    for page in (*PAGES, *reports):
        shown = AS_LAST_KNOWN.sub("", WANTED.sub("", console.page(page)))
        claims = re.findall(r".{30}\d %", shown)
        assert not claims, (page, claims)


def test_no_command_prints_a_percentage_if_the_warehouse_cannot_be_read(console, harmed):
    assert "(last known)" in console.row("sales", "coverage")
    for words in (["coverage"], ["sources"], ["windows"], ["verify", "--season", "winter"], ["preflight"]):
        claims = re.findall(r"\d %", WANTED.sub("", console.shell(*words)[1]))
        assert not claims, (words, claims)


def test_only_the_unreadable_table_is_shown_as_last_known(once, ask, console):
    ask("ALTER TABLE daily.visits RENAME day TO date")
    assert console.shell("scan")[0] == console.shell("verify", "--phase", "2")[0] == 1
    assert console.shell("preflight", "--phase", "2")[0] in (1, 2)

    for report in (Preflight.objects.get(), Verification.objects.get()):
        assert "daily.visits has no column day" in console.page(report.get_absolute_url())
    assert silences(console) == {"daily.visits": "table daily.visits has no column day"}
    assert "sales 29 / 29 visits 0 / 29" in console.page("/")
    assert "0 of 29 dates (0 %) complete on all 2 tables, as last known" in console.page("/")


def test_dropped_table_is_shown_as_missing_and_not_as_last_known(once, ask, console):
    ask("DROP TABLE daily.sales")
    console.shell("scan")

    assert silences(console) == {}
    assert "sales 0 / 29" in console.page("/")
    assert "as last known" not in console.page("/")


def silences(console) -> dict[str, str]:
    """Why a table could not be read, by table."""
    tables = console.json("coverage")["tables"]
    return {each["name"]: each["silence"]["reason"] for each in tables if each["silence"]}
