"""`manage.py verify`: an exit code for scripts, a table for people, JSON for programs, the page's own words."""

import html
import json
import re

import pytest
from django.core.management import CommandError, call_command

from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance
from apps.coverage.models import Verification
from apps.pipeline import definition
from tests.conftest import day
from tests.coverage.verifying import filled, history  # noqa: F401 (fixtures)

WEEK = ("2024-01-01", "2024-01-06")
SALES = (*WEEK, "--table", "sales")

pytestmark = pytest.mark.usefixtures("filled")


@pytest.fixture
def verified(shop, db, capsys):
    """Runs the command; answers its exit code, and what it printed and complained."""

    def run(*words: str) -> tuple[int, str, str]:
        try:
            call_command("verify", *words)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_verify_exits_0_if_all_partitions_are_complete(verified):
    code, said, _ = verified(*SALES)

    assert (code, said.splitlines()[-1]) == (0, "PASSED")


def test_page_csv_json_and_shell_report_rows_without_a_date(verified, ask, viewing):
    ask("INSERT INTO daily.sales SELECT NULL, i, NULL FROM range(5) rows(i)")
    _, said, _ = verified(*SALES)
    _, told, _ = verified(*SALES, "--json")

    address = Verification.objects.latest("pk").get_absolute_url()
    assert "sales: 5 rows have no date" in said.splitlines()
    assert [table["undated"] for table in json.loads(told)["tables"]] == [5]
    assert "5 rows have no date" in viewing.get(address).content.decode()
    csv = viewing.get(f"{address}verification.csv").getvalue().decode()
    assert "daily.sales,rows,no date,0,,,5 rows have no date" in csv


@pytest.fixture
def three_accepted(verified, ask) -> None:
    """Sales has nothing on the first three of six days, and olga accepted that."""
    ask("DELETE FROM daily.sales WHERE day <= '2024-01-03'")
    verified(*SALES)
    table = definition.current().table("daily.sales")
    accepting.accept(Acceptance((table,), day("01-01"), day("01-03")), reason="closed", by="olga")


def test_verify_passes_less_accepted_gaps(verified, three_accepted):
    code, said, _ = verified(*SALES)

    assert (code, said.splitlines()[-1]) == (0, "PASSED, LESS 3 ACCEPTED GAPS")
    assert "6 expected partitions, less 3 accepted gaps: 3, from 2024-01-01 to 2024-01-06" in said


def test_json_has_the_number_of_accepted_gaps(verified, three_accepted):
    found = json.loads(verified(*SALES, "--json")[1])

    assert (found["verdict"], found["accepted_gaps"], found["dates_expected"]) == ("passed", 3, 3)
    assert found["verdict_text"] == "passed, less 3 accepted gaps"


def test_page_list_and_csv_show_that_accepted_gaps_were_left_out(verified, three_accepted, viewing):
    verified(*SALES)
    made = Verification.objects.first()

    page, reports = viewing.get(f"/verify/{made.pk}/"), viewing.get("/verify/")
    lines = viewing.get(f"/verify/{made.pk}/verification.csv").getvalue().decode()

    for text in (page.content.decode(), lines):
        assert "6 expected partitions, less 3 accepted gaps: 3" in text
    for text in (page.content.decode(), reports.content.decode(), lines):
        assert "passed, less 3 accepted gaps" in text


def test_expected_partitions_are_summed_over_several_tables(verified, three_accepted, ask):
    """Twice six dates, of which three and four are accepted: more gaps than there are dates."""
    both = [*SALES, "--table", "daily.visits"]
    ask("DELETE FROM daily.visits WHERE day <= '2024-01-04'")
    verified(*both)
    visits = definition.current().table("daily.visits")
    accepting.accept(Acceptance((visits,), day("01-01"), day("01-04")), reason="closed", by="olga")

    said, found = verified(*both)[1], json.loads(verified(*both, "--json")[1])

    assert "12 expected partitions, less 7 accepted gaps: 5, from 2024-01-01 to 2024-01-06" in said
    assert found["expected_text"] == "12 expected partitions, less 7 accepted gaps: 5"
    assert found["partitions_expected"] == sum(table["expected"] for table in found["tables"]) == 5


def test_verify_does_not_pass_with_unconfirmed_removed_dates(verified, ask, first_scan):
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-03'")
    ask("DELETE FROM daily.sales WHERE day = DATE '2024-01-03'")

    code, said, _ = verified(*SALES)

    assert code == 1
    assert "- 1 date left the calendar since" in said
    assert ": 2024-01-03, and no person confirmed it." in said


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (
            "ALTER TABLE daily.sales RENAME COLUMN day TO date",
            "sales could not be asked: table daily.sales has no",
        ),
        ("ALTER TABLE daily.sales DROP COLUMN item", "table daily.sales has no column item"),
        ("DROP TABLE raw.days", "The warehouse could not be asked: "),
    ],
)
def test_verify_exits_1_if_a_table_or_the_calendar_cannot_be_queried(verified, ask, harm, says):
    ask(harm)

    code, said, _ = verified(*SALES)

    assert code == 1
    assert "COULD NOT RUN\n  ? " in said and says in said


def test_verify_exits_1_without_percentages_if_the_warehouse_is_unreachable(verified, shop):
    verified(*SALES)
    shop.unlink()

    code, said, _ = verified(*SALES)

    row = next(line.split() for line in said.splitlines() if line.startswith("sales "))
    assert (code, row[:3]) == (1, ["sales", "6", "unknown"])
    assert "does not exist" in said and "%" not in said


@pytest.mark.parametrize("dates", [("2024-01-07", "2024-01-07"), ("2024-02-05", "2024-02-06")])
def test_an_empty_range_exits_2(verified, dates):
    code, said, _ = verified(*dates)

    assert code == 2
    assert "NOTHING TO VERIFY" in said


def test_range_of_accepted_gaps_only_exits_2_with_that_reason(verified, ask):
    ask("DELETE FROM daily.sales WHERE day <= '2024-01-03'")
    verified(*SALES)
    sales = (definition.current().table("daily.sales"),)
    accepting.accept(Acceptance(sales, day("01-01"), day("01-03")), reason="no till", by="olga")

    code, said, _ = verified("2024-01-01", "2024-01-03", "--table", "sales")

    assert code == 2
    assert "All 3 expected dates are accepted gaps: 2024-01-01 to 2024-01-03." in said
    assert "No date is expected" not in said


def test_running_attempt_is_reported_but_does_not_count_as_a_failure(history, verified):  # noqa: F811
    history("sales", "01-02", "running", at="08:00")

    code, said, _ = verified(*SALES, "--detailed")

    assert (code, said.splitlines()[-1]) == (0, "PASSED")
    assert "Run history: sales 2024-01-02 is still running since 2024-02-01 08:00 UTC" in said
    assert "Run history: 1 latest attempts, 0 of them failures" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["2024-01-01"], "Give the last date too"),
        (["2024-01-06", "2024-01-01"], "swap them"),
        ([*WEEK, "--table", "nowhere.at_all"], 'There is no table "nowhere.at_all"'),
        ([*WEEK, "--phase", "9"], 'There is no phase "9"'),
        (["--season", "autumn"], 'There is no season "autumn"'),
        ([*WEEK, "--season", "spring"], "lie outside the season spring"),
    ],
)
def test_invalid_arguments_exit_2_with_a_message(verified, words, sentence):
    code, said, complaint = verified(*words)

    assert (code, said) == (2, "")
    assert sentence in complaint
    assert not Verification.objects.exists()


def test_invalid_date_is_rejected(verified):
    with pytest.raises(CommandError, match="'soon' is no date; write it like 2024-01-15"):
        verified("soon", "2024-01-06")


def test_season_alone_selects_all_of_its_dates(verified):
    assert json.loads(verified("--season", "spring", "--table", "sales", "--json")[1])["dates_expected"] == 10


def test_output_is_plain_text_in_a_pipe(verified):
    assert "\x1b" not in verified(*SALES)[1]


def test_detailed_output_lists_every_date(verified, ask):
    ask("DELETE FROM daily.sales WHERE day IN ('2024-01-02', '2024-01-04')")

    assert "sales, missing on 2: 2024-01-02, 2024-01-04" in verified(*SALES, "--detailed")[1]
    assert "missing on 2: " not in verified(*SALES)[1]


def test_detailed_output_shows_the_run_history(history, verified):  # noqa: F811
    history("sales", "01-02", "failed", errors="numeric overflow")

    assert "sales 2024-01-02: failed. numeric overflow" in verified(*SALES, "--detailed")[1]


def test_report_records_who_requested_it(verified):
    verified(*SALES)

    found = Verification.objects.get()
    assert found.requested_by.endswith("(shell)")
    assert (found.tables, found.verdict) == (["daily.sales"], "passed")


FAULTS = [
    ("DELETE FROM daily.sales WHERE day = '2024-01-02'", "sales is missing on 1 of 6 dates: 2024-01-02."),
    (
        "DELETE FROM daily.sales WHERE day = '2024-01-02' AND item > 0",
        "sales is thin on 1 of 6 dates: 2024-01-02.",
    ),
    (
        "INSERT INTO daily.sales SELECT day, item + 8, NULL FROM daily.sales WHERE day = '2024-01-02'",
        "sales has an excess of rows on 1 of 6 dates: 2024-01-02.",
    ),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS)
def test_page_command_and_json_report_the_same_reasons(verified, ask, viewing, fault, reason):
    ask(fault)

    code, printed, _ = verified(*SALES)
    found = Verification.objects.get()
    page = viewing.get(f"/verify/{found.pk}/").content.decode()
    told = viewing.get(f"/verify/{found.pk}/verification.json").json()

    assert code == 1
    assert f"NOT PASSED\n  - {reason}\n" in printed
    assert (told["verification"], told["verdict"]) == (found.pk, "not passed")
    assert reason in html.unescape(re.sub(r"<[^>]+>", "", page))
    assert [each["text"] for each in told["reasons"]] == [reason]
    assert json.loads(verified(*SALES, "--json")[1])["reasons"] == told["reasons"]
