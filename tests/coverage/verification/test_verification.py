"""A verification says what is there, what is not, and what nobody could tell."""

import json
from collections import Counter

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from apps.coverage.counts import rollup
from apps.coverage.models import CalendarDate, Partition, Verification
from apps.coverage.scanning import warehouses
from apps.coverage.verification import json_objects, verifier
from apps.coverage.verification.report import Report, spans_text
from apps.pipeline import definition
from tests.conftest import day
from tests.coverage.verifying import WEEK

SALES = {"tables": ["daily.sales"], **WEEK}


def said(report: Report) -> list[str]:
    return [reason.text for reason in report.reasons]


def table(report: Report, name: str = "daily.sales"):
    return next(each for each in report.tables if each.name == name)


# What is there ------------------------------------------------------------------------------------


def test_a_complete_range_passes(filled, verify):
    report = verify(phases=["1", "2"])

    assert (report.verdict, report.reasons, report.dates_expected) == ("passed", (), 29)


def test_missing_dates_are_not_passed(filled, verify, ask):
    ask("DELETE FROM daily.sales WHERE day BETWEEN '2024-01-02' AND '2024-01-04'")

    report = verify(**SALES)

    assert report.verdict == "not passed"
    assert said(report) == ["sales is missing on 3 of 6 dates: 2024-01-02 to 2024-01-04."]


def test_rows_without_a_date_are_reported_without_an_extra_query(filled, verify, ask):
    queries = verify(**SALES).queries
    ask("INSERT INTO daily.sales SELECT NULL, i, NULL FROM range(5) rows(i)")

    report = verify(**SALES)

    assert (table(report).undated, table(report).undated_in_words) == (5, "5 rows have no date")
    assert (report.verdict, report.queries, table(report).rows) == ("passed", queries, 6 * 8)
    assert not Partition.objects.filter(date__lt=day("01-01")).exists()


def test_rows_without_a_date_are_unknown_if_the_table_cannot_be_read(filled, verify, ask):
    ask("ALTER TABLE daily.sales RENAME COLUMN item TO thing")

    assert table(verify(**SALES)).undated is None


def test_duplicated_rows_are_reported_as_an_excess_and_as_duplicate_keys(filled, verify, ask):
    ask("INSERT INTO daily.sales SELECT * FROM daily.sales WHERE day = '2024-01-02'")

    assert said(verify(**SALES)) == [
        "sales has an excess of rows on 1 of 6 dates: 2024-01-02.",
        "sales has 8 rows too many of the same key (item): 2024-01-02.",
    ]


def test_the_right_number_of_rows_with_too_few_keys_is_thin(filled, verify, ask):
    ask("UPDATE daily.sales SET item = 1 WHERE day = '2024-01-02' AND item < 3")

    report = verify(**SALES)

    assert table(report).counts["complete"] == 5
    assert said(report) == [
        "sales is thin on 1 of 6 dates: 2024-01-02.",
        "sales has 2 rows too many of the same key (item): 2024-01-02.",
    ]


@pytest.mark.parametrize("date", ["01-07", "02-10"])
def test_rows_where_none_should_be_are_unexpected(filled, fill, verify, date):
    fill("daily.sales", date)

    report = verify(tables=["daily.sales"])

    assert said(report) == [f"sales has rows on 1 date without any expected: 2024-{date}."]


def test_rows_on_a_bootstrap_date_are_unexpected(filled, verify, ask):
    ask("INSERT INTO weekly.trend VALUES ('2024-01-02', 90)")

    report = verify(tables=["weekly.trend"], start=day("01-01"), end=day("01-03"))

    assert (report.verdict, table(report, "weekly.trend").expected) == ("not passed", 0)
    assert said(report) == ["trend has rows on 1 date without any expected: 2024-01-02."]


def test_nulls_in_a_not_null_column_are_reported_with_their_share(rewrite, filled, verify, ask):
    rewrite('key = ["item"]', 'key = ["item"]\nnot_null = ["item"]')
    ask("UPDATE daily.sales SET item = NULL WHERE day = '2024-01-02' AND item = 1")

    report = verify(**SALES)

    assert said(report) == ["sales has no item in 1 of 48 rows (2.1 %): 2024-01-02."]


def test_a_closed_day_does_not_split_a_range(verify):
    report = verify(tables=["daily.sales"], start=day("01-05"), end=day("01-09"))

    assert spans_text(table(report).dates["missing"]) == "2024-01-05 to 2024-01-09"
    assert table(report).counts["missing"] == 4


# Sources ------------------------------------------------------------------------------------------


def test_a_missing_source_date_passes_if_the_fallback_has_it(verify, ask):
    ask("DELETE FROM raw.orders WHERE day = '2024-01-02'")

    report = verify(phases=["1"])

    assert (report.verdict, table(report, "raw.orders").counts["missing"]) == ("passed", 1)


def test_a_date_missing_from_every_source_is_reported_against_the_need(verify, ask):
    ask("DELETE FROM raw.orders WHERE day = '2024-01-02'")
    ask("DELETE FROM raw.orders_backup WHERE day = '2024-01-02'")

    (reason,) = said(verify(phases=["1"]))

    assert reason == "Orders (some source needed on every date): 28 of 29 (96.55 %), not 2024-01-02."


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({}, "2 of 10 (20 %) in spring"),
        ({"start": day("03-01"), "end": day("03-03")}, "2 of 3 (66.66 %) on these dates of spring"),
    ],
)
def test_a_need_for_a_share_is_held_to_it_in_each_season_and_in_a_part(verify, ask, rewrite, wanted, says):
    rewrite("at_least = 1.0", "at_least = 0.9")
    for table in ("raw.orders", "raw.orders_backup"):
        ask(f"DELETE FROM {table} WHERE day >= '2024-03-03'")

    (reason,) = said(verify(phases=["1"], **wanted))

    assert reason.startswith(f"Orders (some source needed on 90 % of a season): {says}")


def test_a_source_verified_by_itself_does_not_pass_with_missing_dates(verify, ask):
    ask("DELETE FROM raw.orders WHERE day = '2024-01-02'")

    assert verify(tables=["raw.orders"]).verdict == "not passed"


# Quality ------------------------------------------------------------------------------------------


@pytest.fixture
def trend(rewrite, verify, ask):
    """Verifies a quality on 10 January, the tenth day of its season."""
    rewrite('{ column = "score" }', '{ column = "score", bands = [{ from_day = 4, between = [60, 95] }] }')

    def judge(score: float | None) -> Report:
        ask("INSERT INTO weekly.trend VALUES ('2024-01-10', ?)", score)
        return verify(tables=["weekly.trend"], start=day("01-10"), end=day("01-10"))

    return judge


@pytest.mark.parametrize(
    ("score", "reasons"),
    [
        (60, []),
        (59.5, ["trend: score is below its band on 1 date: 2024-01-10."]),
        (96, ["trend: score is above its band on 1 date: 2024-01-10."]),
        (None, ["trend: score has no value on 1 date: 2024-01-10."]),
    ],
)
def test_quality_outside_its_band_is_reported(trend, score, reasons):
    assert said(trend(score)) == reasons


def test_quality_is_reported_by_day_of_season(trend):
    (found,) = trend(70).quality

    assert found.points == ((day("01-10"), "winter", 10, 70, 60, 95),)


# The run history ----------------------------------------------------------------------------------


def test_a_failed_latest_attempt_is_reported(history, filled, verify):
    history("sales", "01-02", "failed", errors="numeric overflow")

    report = verify(**SALES)

    assert said(report) == ["sales: the latest attempt failed on 1 date: 2024-01-02."]
    assert report.history.failures[0].errors == "numeric overflow"


def test_an_older_failure_that_was_made_good_is_none(history, filled, verify):
    history("sales", "01-02", "failed", at="06:00")
    history("sales", "01-02", "success", at="07:00")

    assert (verify(**SALES).verdict, verify(**SALES).history.failures) == ("passed", ())


def test_an_older_success_hides_no_failure(history, filled, verify):
    history("sales", "01-02", "success", at="06:00")
    history("sales", "01-02", "failed", at="07:00")

    assert verify(**SALES).verdict == "not passed"


def test_a_failure_where_nothing_is_expected_does_not_count(history, filled, verify):
    history("sales", "01-07", "failed")

    report = verify(tables=["daily.sales"], start=day("01-06"), end=day("01-08"))

    assert (report.verdict, report.history.failures[0].excused) == ("passed", "not expected")


def test_failures_of_other_tables_are_only_counted(history, filled, verify):
    history("visits", "01-02", "failed")

    report = verify(**SALES)

    assert (report.verdict, report.history.others) == ("passed", 1)


def test_a_history_that_is_gone_could_not_run(history, filled, verify, ask):
    ask("DROP TABLE ops.history")

    report = verify(**SALES)

    assert report.verdict == "could not run"
    assert said(report) == [
        "The run history could not be asked: table ops.history does not exist in the warehouse."
    ]


def test_verification_reports_a_history_table_without_its_status_column(history, filled, verify, ask):
    ask("ALTER TABLE ops.history DROP COLUMN status")

    assert said(verify(**SALES)) == [
        "The run history could not be asked: table ops.history has no column status."
    ]


# What could not be asked --------------------------------------------------------------------------


def test_a_table_that_is_gone_did_not_pass_and_the_others_are_verified(filled, verify, ask):
    ask("DROP TABLE daily.visits")

    report = verify(phases=["2"])

    assert report.verdict == "not passed"
    assert said(report)[0] == "visits is not there: table daily.visits does not exist in the warehouse."
    assert said(report)[1].startswith("visits is missing on 29 of 29 dates")
    assert table(report).counts["complete"] == 29


def test_a_column_that_is_gone_could_not_run(filled, verify, ask):
    ask("ALTER TABLE daily.sales DROP COLUMN item")

    report = verify(**SALES)

    assert said(report) == ["sales could not be asked: table daily.sales has no column item."]
    assert (table(report).is_unknown, table(report).duplicates.extra) == (True, None)


def test_rows_and_duplicates_are_counted_even_if_the_reference_table_cannot_be_read(
    filled, verify, ask, rewrite
):
    rewrite(
        'like = "daily.sales", at_least = 0.5 }', 'like = "daily.sales", at_least = 0.5 }\nkey = ["item"]'
    )
    ask("UPDATE daily.visits SET item = 1 WHERE day = '2024-01-02'")
    ask("ALTER TABLE daily.sales DROP COLUMN item")

    visits = table(verify(tables=["daily.visits"], **WEEK), "daily.visits")

    assert visits.counts["unknown"] == 6
    assert visits.rows > 6 and visits.duplicates.extra > 0


@pytest.mark.parametrize("scanned_before", [True, False])
def test_verification_could_not_run_if_the_warehouse_is_unreachable(filled, verify, shop, scanned_before):
    if scanned_before:
        verify(phases=["2"])
    shop.unlink()

    report = verify(phases=["2"])

    assert report.verdict == "could not run"
    assert said(report) == [f"The warehouse could not be asked: the warehouse file {shop} does not exist."]
    assert table(report).counts["unknown"] == table(report).expected


def test_verification_could_not_run_if_the_warehouse_file_is_invalid(filled, verify, shop):
    shop.write_text("not a database")

    assert verify(**SALES).verdict == "could not run"


def test_a_known_fault_outranks_an_unknown_table_in_the_verdict(filled, verify, ask):
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")
    ask("DELETE FROM daily.sales WHERE day = '2024-01-02'")

    report = verify(phases=["2"], **WEEK)

    assert (report.verdict, len(report.wrong), len(report.not_asked)) == ("not passed", 1, 1)


@pytest.mark.parametrize("dates", [("01-07", "01-07"), ("02-05", "02-06")])
def test_dates_on_which_nothing_is_expected_are_nothing_to_verify(filled, verify, dates):
    report = verify(start=day(dates[0]), end=day(dates[1]))

    assert (report.verdict, report.reasons) == ("nothing to verify", ())


# Asked anew, and kept -----------------------------------------------------------------------------


class Counting:
    """The shop's warehouse, and how often it was asked what."""

    def __init__(self, warehouse):
        self.warehouse = warehouse
        self.asked = Counter()

    def __getattr__(self, name):
        def ask(*args, **kwargs):
            self.asked[name] += 1
            return getattr(self.warehouse, name)(*args, **kwargs)

        return ask


def test_each_kind_of_question_is_one_query_for_all_tables(history, filled, db):
    pipeline = definition.current()
    warehouse = Counting(warehouses.open_warehouse(pipeline))

    report = verifier.verify(pipeline, warehouse, verifier.scope(pipeline))

    assert warehouse.asked == {"calendar": 1, "count": 1, "history": 1}
    assert (report.queries, len(report.tables)) == (3, 5)


def test_an_unreachable_warehouse_is_not_queried_again_for_the_history(history, filled, shop, db):
    pipeline = definition.current()
    warehouse = Counting(warehouses.open_warehouse(pipeline))
    shop.unlink()

    report = verifier.verify(pipeline, warehouse, verifier.scope(pipeline))

    assert "history" not in warehouse.asked
    assert report.history.problem == f"the warehouse file {shop} does not exist"


def test_verification_updates_the_stored_partitions_and_coverage(filled, verify, ask, pipeline, first_scan):
    ask("DELETE FROM daily.sales WHERE day = '2024-01-02'")

    report = verify(**SALES)

    assert rollup.coverage(pipeline).table("daily.sales").tally.missing == table(report).counts["missing"]
    assert Partition.objects.get(table="daily.sales", date=day("01-02")).state == "missing"


def test_partitions_outside_the_verified_range_keep_their_state(filled, verify, ask, first_scan):
    ask("DELETE FROM daily.sales WHERE day = '2024-01-15'")

    verify(**SALES)

    assert Partition.objects.get(table="daily.sales", date=day("01-15")).state == "complete"
    assert CalendarDate.objects.count() == 29


def test_a_report_is_unchanged_by_storing_it_as_json(history, trend):
    history("trend", "01-10", "failed")
    report = trend(50)

    stored = json.loads(json.dumps(json_objects.dump(report), cls=DjangoJSONEncoder))

    asked_at = report.asked_at.replace(microsecond=report.asked_at.microsecond // 1000 * 1000)
    assert json_objects.load(Report, stored) == verifier.replace(report, asked_at=asked_at)


def test_a_verification_is_performed_once(filled, pipeline, db):
    found = verifier.request(pipeline, verifier.scope(pipeline, **SALES), by="olga")
    warehouse = Counting(warehouses.open_warehouse(pipeline))

    verifier.perform(pipeline, warehouse, found)
    verifier.perform(pipeline, warehouse, found)

    stored = Verification.objects.get()
    assert (stored.status, stored.verdict, warehouse.asked["count"]) == ("finished", "passed", 1)


def test_a_verification_fails_with_a_message_if_its_table_left_the_pipeline_file(pipeline, db):
    found = verifier.request(pipeline, verifier.scope(pipeline), by="olga")
    Verification.objects.update(tables=["daily.returns"])
    found.refresh_from_db()

    verifier.perform(pipeline, warehouses.open_warehouse(pipeline), found)

    found.refresh_from_db()
    assert (found.status, found.verdict) == ("failed", "")
    assert 'There is no table "daily.returns"' in found.problem


def test_upstream_tables_are_read_along_with_the_verified_table(filled, verify, ask):
    ask("DELETE FROM daily.sales WHERE day = '2024-01-05'")
    ask("INSERT INTO daily.sales (day) VALUES (NULL)")

    report = verify(tables=["weekly.trend"], start=day("01-04"), end=day("01-06"))

    assert Partition.objects.get(table="daily.sales", date=day("01-05")).state == "missing"
    assert [each.name for each in report.tables] == ["weekly.trend"]
