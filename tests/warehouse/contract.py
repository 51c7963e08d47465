"""What every warehouse must do. An engine's test module inherits `Contract` and says how to fill its warehouse."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from apps.warehouse.base import (
    EMPTY,
    NO_DATE,
    Count,
    HistoryQuestion,
    Interrupted,
    QueryFailed,
    Question,
    Warehouse,
)

Ask = Callable[..., list[tuple]]
SALES = Question("shop.sales", "day")
SCORES = Question(
    "shop.scores", "moment", quality_column="score", written_column="made", fallback_column="spare"
)
HISTORY = HistoryQuestion("shop.history", "who", "day", "status", "begun", "seconds", "said")
FIRST, SECOND, THIRD = (dt.date(2024, 1, number) for number in (1, 2, 3))


def never() -> bool:
    return False


class Contract:
    """Fixtures that an engine gives: `warehouse`, and `ask`, which performs SQL without the console.

    Tables there: shop.sales (day DATE, item BIGINT), with 2, 3 and 0 rows on the first three days of 2024 and one
    row without a day; shop.scores (moment TIMESTAMP, score, made TIMESTAMP, spare BOOLEAN), with two rows on the first;
    shop.history (who VARCHAR, day DATE, status VARCHAR, begun TIMESTAMP, seconds DOUBLE, said VARCHAR), in which sales
    failed on the first and then succeeded, and failed on the third.
    """

    @pytest.fixture
    def fill(self, warehouse: Warehouse) -> Callable[..., int]:
        """Performs a script for the first of January."""

        def run(sql: str, **changes: Any) -> int:
            known = {"start": FIRST, "end": FIRST, "timeout": 30, "stopped": never} | changes
            return warehouse.run_sql(sql, **known)

        return run

    def test_the_connection_check_makes_no_query(self, warehouse):
        warehouse.check_connection()

        assert (warehouse.queries, warehouse.bytes_billed) == (0, 0)

    # Counting -------------------------------------------------------------------------------------

    def test_different_keys_are_counted(self, warehouse, fill):
        fill("INSERT INTO shop.sales SELECT * FROM shop.sales WHERE day = DATE '2024-01-02'")

        asked = warehouse.count([Question("shop.sales", "day", key_columns=("day", "item"))])

        assert (asked.of("shop.sales", SECOND).rows, asked.of("shop.sales", SECOND).keys) == (6, 3)

    def test_keys_are_not_counted_unless_requested(self, warehouse):
        assert warehouse.count([SALES]).of("shop.sales", FIRST).keys is None

    def test_keys_without_a_value_are_one_key(self, warehouse, fill):
        fill("INSERT INTO shop.sales VALUES (DATE '2024-01-03', NULL), (DATE '2024-01-03', NULL)")

        asked = warehouse.count([Question("shop.sales", "day", key_columns=("item",))])

        assert (asked.of("shop.sales", THIRD).rows, asked.of("shop.sales", THIRD).keys) == (2, 1)

    def test_rows_without_a_date_are_counted_if_requested(self, warehouse):
        found = warehouse.count([replace(SALES, undated=True)]).counts["shop.sales"]

        assert {date: count.rows for date, count in found.items()} == {NO_DATE: 1, FIRST: 2, SECOND: 3}

    def test_rows_without_a_date_are_kept_apart_from_the_requested_dates(self, warehouse):
        found = warehouse.count([replace(SALES, undated=True), SCORES], dates=[SECOND])

        assert found.take_undated() in ({"shop.sales": 1}, {})
        assert set(found.counts["shop.sales"]) == {SECOND}

    def test_rows_without_a_value_are_counted_by_column(self, warehouse, fill):
        fill("INSERT INTO shop.sales VALUES (DATE '2024-01-02', NULL)")

        asked = warehouse.count([Question("shop.sales", "day", not_null=("day", "item"))])

        assert asked.of("shop.sales", SECOND).nulls == (0, 1)
        assert asked.of("shop.sales", FIRST).nulls == (0, 0)

    def test_many_tables_are_counted_in_one_query(self, warehouse):
        reading = warehouse.count([SALES, SCORES])

        assert reading.queries == 1
        assert reading.of("shop.sales", SECOND).rows == 3
        assert reading.of("shop.scores", FIRST).rows == 2

    def test_a_date_without_rows_has_an_empty_count(self, warehouse):
        assert warehouse.count([SALES]).of("shop.sales", THIRD) == EMPTY

    def test_a_table_that_was_not_queried_is_unknown(self, warehouse):
        assert warehouse.count([SALES]).of("shop.scores", FIRST) is None

    def test_rows_without_a_date_count_for_none(self, warehouse):
        counts = warehouse.count([SALES]).counts["shop.sales"]

        assert {date: count.rows for date, count in counts.items()} == {FIRST: 2, SECOND: 3}

    def test_both_ends_of_a_range_are_counted(self, warehouse):
        assert set(warehouse.count([SALES], start=FIRST, end=SECOND).counts["shop.sales"]) == {FIRST, SECOND}
        assert set(warehouse.count([SALES], start=SECOND).counts["shop.sales"]) == {SECOND}
        assert set(warehouse.count([SALES], end=FIRST).counts["shop.sales"]) == {FIRST}

    def test_only_the_requested_dates_are_counted(self, warehouse):
        assert set(warehouse.count([SALES], dates=[SECOND, THIRD]).counts["shop.sales"]) == {SECOND}

    def test_an_empty_list_of_dates_has_no_counts(self, warehouse):
        assert warehouse.count([SALES], dates=[]).counts["shop.sales"] == {}

    def test_a_timestamp_counts_for_its_date(self, warehouse):
        assert set(warehouse.count([SCORES]).counts["shop.scores"]) == {FIRST}

    def test_quality_is_the_mean_and_fallback_the_share(self, warehouse):
        found = warehouse.count([SCORES]).of("shop.scores", FIRST)

        assert (found.quality, found.fallback_share) == (75.0, 0.5)

    def test_the_last_write_is_reported_in_utc(self, warehouse):
        written = warehouse.count([SCORES]).of("shop.scores", FIRST).written_at

        assert written == dt.datetime(2024, 1, 2, 12, 30, tzinfo=dt.UTC)

    def test_values_that_were_not_requested_are_empty(self, warehouse):
        assert warehouse.count([SALES]).of("shop.sales", FIRST) == Count(rows=2)

    # What cannot be counted -----------------------------------------------------------------------

    def test_a_missing_table_is_reported_and_the_others_are_counted(self, warehouse):
        reading = warehouse.count([Question("shop.nothing", "day"), SALES])

        assert reading.problems == {"shop.nothing": "table shop.nothing does not exist in the warehouse"}
        assert reading.is_absent("shop.nothing") and not reading.is_absent("shop.sales")
        assert reading.of("shop.nothing", FIRST).rows == 0
        assert reading.of("shop.sales", FIRST).rows == 2

    def test_a_missing_column_is_reported_and_the_other_tables_are_counted(self, warehouse):
        reading = warehouse.count([Question("shop.scores", "moment", quality_column="grade"), SALES])

        assert reading.problems == {"shop.scores": "table shop.scores has no column grade"}
        assert reading.of("shop.sales", FIRST).rows == 2

    def test_a_date_column_without_dates_is_reported_and_the_other_tables_are_counted(self, warehouse):
        reading = warehouse.count([Question("shop.words", "day"), SALES])

        assert "table shop.words cannot be counted" in reading.problems["shop.words"]
        assert reading.of("shop.sales", FIRST).rows == 2

    def test_a_column_that_must_have_values_is_missing_like_any_other(self, warehouse):
        reading = warehouse.count([Question("shop.sales", "day", not_null=("price",)), SCORES])

        assert reading.problems == {"shop.sales": "table shop.sales has no column price"}

    def test_tables_that_are_missing_cost_the_others_no_query_each(self, warehouse):
        nothing = [Question(f"shop.nothing_{number}", "day") for number in range(5)]

        assert warehouse.count([*nothing, SALES, SCORES]).queries <= 3

    def test_a_column_that_is_wanted_twice_is_missing_once(self, warehouse):
        twice = Question("shop.scores", "moment", quality_column="grade", not_null=("grade",))

        assert warehouse.count([twice]).problems == {"shop.scores": "table shop.scores has no column grade"}

    # The run history ------------------------------------------------------------------------------

    def test_the_latest_attempt_at_a_date_counts(self, warehouse):
        tries = warehouse.history(HISTORY, start=FIRST, end=THIRD)

        assert [(each.processor, each.date, each.status) for each in tries] == [
            ("sales", FIRST, "success"),
            ("sales", THIRD, "failed"),
        ]

    def test_an_attempt_has_its_start_its_duration_and_its_errors(self, warehouse):
        (failed,) = warehouse.history(HISTORY, start=THIRD, end=THIRD)

        assert failed.started_at == dt.datetime(2024, 1, 4, 6, 30, tzinfo=dt.UTC)
        assert (failed.seconds, failed.errors) == (1.5, "overflow")

    def test_a_history_without_durations_and_errors_has_none(self, warehouse):
        (failed,) = warehouse.history(
            HistoryQuestion("shop.history", "who", "day", "status", "begun"), start=THIRD, end=THIRD
        )

        assert (failed.status, failed.seconds, failed.errors) == ("failed", None, "")

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"table": "shop.past"}, "table shop.past does not exist in the warehouse"),
            ({"status_column": "state"}, "table shop.history has no column state"),
        ],
    )
    def test_an_unreadable_history_is_refused_with_the_reason(self, warehouse, changes, says):
        with pytest.raises(QueryFailed, match=says):
            warehouse.history(replace(HISTORY, **changes), start=FIRST, end=THIRD)

    # The calendar ---------------------------------------------------------------------------------

    def test_the_calendar_has_units_by_date(self, warehouse):
        query = "SELECT day AS date, count(*) AS units FROM shop.sales GROUP BY 1"

        assert warehouse.calendar(query) == {FIRST: 2, SECOND: 3}

    @pytest.mark.parametrize(
        ("query", "says"),
        [
            ("SELECT day FROM shop.sales", "must answer the columns date and units"),
            ("SELECT day AS date, 1 AS units FROM shop.sales", "answers 2024-01-0. twice; GROUP BY the date"),
            ("SELECT '2024-01-01' AS date, 1 AS units", "answers '2024-01-01' for a date; CAST it AS DATE"),
            ("SELECT DATE '2024-01-01' AS date, NULL AS units", "answers None units for 2024-01-01"),
            ("SELECT nonsense", "nonsense"),
        ],
    )
    def test_a_calendar_that_is_not_plain_is_refused(self, warehouse, query, says):
        with pytest.raises(QueryFailed, match=says):
            warehouse.calendar(query)

    # Scripts --------------------------------------------------------------------------------------

    def test_a_script_gets_its_dates(self, fill, ask):
        fill(
            "INSERT INTO shop.sales SELECT @start_date, 9; INSERT INTO shop.sales SELECT @end_date, 9",
            end=THIRD,
        )

        assert ask("SELECT day FROM shop.sales WHERE item = 9 ORDER BY 1") == [(FIRST,), (THIRD,)]

    def test_only_the_two_date_parameters_are_replaced_in_a_script(self, fill, ask):
        fill("CREATE TABLE shop.mails AS SELECT 'anna@shop.example' AS address")

        assert ask("SELECT address FROM shop.mails") == [("anna@shop.example",)]

    @pytest.mark.parametrize("script", ["BEGIN TRANSACTION; {}; COMMIT", "{}"])
    def test_a_script_that_fails_leaves_nothing_behind(self, fill, ask, script):
        with pytest.raises(QueryFailed, match="nonsense"):
            fill(script.format("DELETE FROM shop.sales WHERE TRUE; INSERT INTO shop.sales SELECT nonsense"))

        assert ask("SELECT count(*) FROM shop.sales") == [(6,)]

    def test_a_script_without_its_commit_is_refused(self, fill, ask):
        with pytest.raises(QueryFailed, match="add COMMIT"):
            fill("BEGIN; DELETE FROM shop.sales WHERE TRUE")

        assert ask("SELECT count(*) FROM shop.sales") == [(6,)]

    def test_a_script_that_takes_too_long_is_ended(self, fill, ask):
        with pytest.raises(Interrupted):
            fill(f"DELETE FROM shop.sales WHERE TRUE; {self.endless}", timeout=0.1)

        assert ask("SELECT count(*) FROM shop.sales") == [(6,)]

    def test_a_stopped_script_is_interrupted(self, fill, ask):
        with pytest.raises(Interrupted):
            fill(f"DELETE FROM shop.sales WHERE TRUE; {self.endless}", stopped=lambda: True)

        assert ask("SELECT count(*) FROM shop.sales") == [(6,)]
