"""2. One row made a date green: 2 of 16 teams, 1,896 times the rows, all "100 %". Rows against expected, both ways."""

import pytest

from apps.coverage.models import Verification


@pytest.fixture
def wrong(rows, scan) -> None:
    """Visits should have 4 to 12 rows a date: one date has one, one has four times as many, one 1,896 times."""
    rows("daily.sales", 8)
    rows("daily.visits", 1, "01-02")
    rows("daily.visits", 48, "01-03")
    rows("daily.visits", 8 * 1896, "01-04")
    rows("daily.visits", 8, "01-05")
    scan()


def test_page_command_and_json_count_the_same_dates_as_wrong(console, wrong):
    table = console.json("coverage", "--table", "visits")["tables"][0]
    found = [table[state] for state in ("complete", "thin", "excess", "missing")]

    assert found == [1, 1, 2, 25]
    assert console.row("visits", "coverage").startswith("visits 1 29 3 1 2 25")
    assert "visits 1 / 29" in console.page("/")


@pytest.mark.parametrize(
    ("date", "state", "found"),
    [("2024-01-02", "thin", 1), ("2024-01-03", "excess", 48), ("2024-01-04", "excess", 15_168)],
)
def test_partition_page_shows_actual_and_expected_rows(console, wrong, date, state, found):
    page = console.page(f"/coverage/partition/daily.visits/{date}/")
    told = {each["date"]: each for each in console.fetch("/coverage/partitions.json?table=daily.visits")}

    assert (told[date]["state"], told[date]["rows"]) == (state, found)
    assert f"{found:,}" in page and "4 to 12" in page and state in page.lower()


def test_verification_with_thin_and_excess_dates_does_not_pass_and_lists_them(console, wrong):
    code, printed = console.shell("verify", "2024-01-02", "2024-01-05", "--table", "visits")
    report = Verification.objects.get().get_absolute_url()
    told = console.fetch(f"{report}verification.json")

    assert code == 1
    for reason in (
        "visits is thin on 1 of 4 dates: 2024-01-02.",
        "visits has an excess of rows on 2 of 4 dates: 2024-01-03 to 2024-01-04.",
    ):
        assert reason in printed and reason in console.page(report)
        assert reason in [each["text"] for each in told["reasons"]]
