"""Who serves a need on which dates, what nobody has, and what that closes."""

import json
from dataclasses import replace

import pytest
from django.core.management import call_command

from apps.coverage.counts import rollup, serving
from apps.coverage.counts.serving import Share
from apps.coverage.models import Partition
from apps.coverage.sources import need_coverage
from apps.runs.plans import planning, selections
from tests.conftest import day

SALES = "daily.sales"


@pytest.fixture
def orders(scan, pipeline):
    """The report of the shop's one need, from a fresh scan."""

    def make(**kwargs):
        scan()
        return need_coverage.report(pipeline, **kwargs).needs[0]

    return make


@pytest.fixture
def at_least(pipeline):
    """The shop's pipeline with another `at_least` of its need."""

    def make(share: float):
        need = pipeline.needs[0].model_copy(update={"at_least": share})
        return pipeline.model_copy(update={"needs": (need,)})

    return make


def mark(table: str, *dates: str, state: str) -> None:
    Partition.objects.filter(table=table, date__in=[day(date) for date in dates]).update(state=state)


# Who serves -----------------------------------------------------------------------------------------


def test_the_first_source_that_has_a_date_serves_it(orders, lose):
    lose("raw.orders", "01-05", "01-06")

    need = orders()

    assert need.served.by_source == (27, 2)
    assert need.served.together == Share(29, 29)


def test_together_is_the_union_and_not_a_sum(orders, lose):
    lose("raw.orders", "01-05", "01-06")
    lose("raw.orders_backup", "01-06", "01-08")

    need = orders()

    assert [line.has.part for line in need.sources] == [27, 27]
    assert need.served.together.in_words == "28 of 29 (96.55 %)"


def test_dates_missing_from_every_source_are_ranges_that_closed_days_do_not_split(orders, lose_everywhere):
    lose_everywhere("01-05", "01-06", "01-08", "03-02")

    assert orders().residual == "2024-01-05 to 2024-01-08, 2024-03-02"


def test_each_season_has_its_own_denominator(orders, lose_everywhere):
    lose_everywhere("03-02")

    shares = {each.season.name: each.served.together.in_words for each in orders().seasons}

    assert shares == {"winter": "19 of 19 (100 %)", "spring": "9 of 10 (90 %)"}


def test_a_date_is_unknown_if_the_only_source_left_for_it_cannot_be_read(orders, ask, lose):
    lose("raw.orders", "01-05")
    ask("ALTER TABLE raw.orders_backup RENAME day TO date")

    need = orders()

    assert (need.served.by_source, need.served.not_served, need.served.unknown) == ((28, 0), 0, 1)
    assert need.served.together.in_words == "28 of 29 (96.55 %), 1 unknown"
    assert need.unknown_dates == "2024-01-05" and need.residual == ""


def test_with_no_source_read_there_is_no_percentage(orders, shop):
    orders()
    shop.rename(shop.with_suffix(".gone"))

    assert orders().served.together.in_words == "unknown on all 29"


def test_a_declared_source_that_does_not_exist_is_reported_as_such(orders, ask):
    ask("DROP TABLE raw.orders_backup")

    backup = orders().sources[1]

    assert backup.standing == "declared, does not exist"
    assert "raw.orders_backup does not exist" in backup.problem


@pytest.mark.parametrize(
    ("harm", "standing"),
    [
        ("DELETE FROM raw.orders_backup", "declared, empty"),
        ("ALTER TABLE raw.orders_backup RENAME COLUMN day TO days", "could not be read"),
    ],
    ids=["without rows", "its column is gone"],
)
def test_a_source_that_has_nothing_is_reported_with_what_is_known(orders, ask, harm, standing):
    ask(harm)

    assert orders().sources[1].standing == standing


def test_the_sources_command_shows_accepted_gaps_left_out_of_the_denominator(
    orders, lose_everywhere, pipeline, capsys
):
    lose_everywhere("01-05")
    orders()
    mark("raw.orders", "01-05", state="accepted")

    call_command("sources")
    call_command("sources", "--json")

    said, _, program = capsys.readouterr().out.partition("{")
    assert "1 left out (accepted gaps): 2024-01-05" in said
    assert json.loads("{" + program)["needs"][0]["together"]["accepted"] == 1


def test_an_accepted_gap_leaves_the_denominator(orders, lose_everywhere, pipeline):
    lose_everywhere("01-05")
    orders()
    mark("raw.orders", "01-05", state="accepted")

    served = need_coverage.report(pipeline).needs[0].served

    assert served.together.in_words == "28 of 28 (100 %)"
    assert served.left_out == "1 left out (accepted gaps)"


def test_too_few_rows_do_not_serve(orders, pipeline):
    orders()
    mark("raw.orders", "01-05", state="thin")

    assert need_coverage.report(pipeline).needs[0].served.by_source == (28, 1)


def test_a_share_is_rounded_down_and_100_means_all():
    assert Share(99_999, 100_000).percent == "99.99"
    assert Share(100_000, 100_000).percent == "100"
    assert Share(5, 5, unknown=5).percent is None


# What a need closes ---------------------------------------------------------------------------------


def test_a_need_that_must_always_be_met_closes_the_dates_that_no_source_has(orders, lose_everywhere):
    lose_everywhere("01-05", "01-06")

    assert orders().closed_reasons == [("no source has the date", 2, "2024-01-05 to 2024-01-06")]


def test_a_need_that_falls_short_of_its_share_closes_the_season(scan, lose_everywhere, at_least):
    lose_everywhere("03-01", "03-02")
    scan()

    plan = plan_of(at_least(0.85))

    assert plan.left_out_counts == {"need Orders has 80 % of 85 % in spring": 10}
    assert len(plan.steps) == 19


def test_a_need_that_reaches_its_share_closes_nothing(scan, lose_everywhere, at_least):
    lose_everywhere("03-01", "03-02")
    scan()

    assert len(plan_of(at_least(0.8)).steps) == 29


def test_a_plan_of_a_few_dates_uses_the_share_of_their_whole_season(scan, lose_everywhere, at_least):
    lose_everywhere("03-01", "03-02")
    scan()

    plan = plan_of(at_least(0.85), start=day("03-05"), end=day("03-06"))

    assert plan.left_out_counts == {"need Orders has 80 % of 85 % in spring": 2}


def test_a_need_that_may_reach_its_share_with_unknown_dates_closes_nothing(at_least, first_scan):
    for table in ("raw.orders", "raw.orders_backup"):
        mark(table, "03-01", "03-02", state="unknown")

    assert len(plan_of(at_least(0.85)).steps) == 29


def plan_of(pipeline, **kwargs):
    chosen = selections.select(pipeline, tables=[SALES], **kwargs)
    found = planning.plan(pipeline, chosen)
    return replace(
        found, left_out={why: some for why, some in found.left_out.items() if why != "off the calendar"}
    )


# What if --------------------------------------------------------------------------------------------


def test_disabling_a_source_recounts_what_the_fallback_and_all_sources_serve(orders, lose, pipeline):
    lose("raw.orders_backup", "01-05")

    need = orders(off=[pipeline.table("raw.orders")])

    assert need.served.by_source == (0, 28)
    assert (need.served.together.part, need.before.together.part) == (28, 29)


def test_without_a_source_the_gates_that_close_are_named_with_their_dates(scan, lose, pipeline):
    lose("raw.orders_backup", "01-05")
    scan()

    effects = need_coverage.report(pipeline, off=[pipeline.table("raw.orders")]).effects

    assert [(each.table.short_name, each.closed_dates) for each in effects[:2]] == [
        ("sales", "2024-01-05"),
        ("visits", "2024-01-05"),
    ]


def test_downstream_tables_wait_for_a_closed_date_in_their_lookback(scan, lose, pipeline):
    lose("raw.orders_backup", "01-05")
    scan()

    trend = need_coverage.report(pipeline, off=[pipeline.table("raw.orders")]).effects[2]

    assert (trend.table.short_name, trend.behind_dates) == ("trend", "2024-01-05 to 2024-01-08")


def test_a_closed_date_that_is_filled_already_leaves_nothing_to_fill(scan, lose, fill, pipeline):
    lose("raw.orders_backup", "01-05")
    fill("daily.sales", "01-05")
    fill("daily.visits", "01-05")
    scan()

    effects = need_coverage.report(pipeline, off=[pipeline.table("raw.orders")]).effects

    assert [(each.table.short_name, len(each.to_fill)) for each in effects] == [("sales", 0), ("visits", 0)]


def test_disabling_a_source_closes_nothing_if_the_other_sources_are_complete(pipeline, first_scan):
    assert need_coverage.report(pipeline, off=[pipeline.table("raw.orders_backup")]).effects == ()


# How much it takes ----------------------------------------------------------------------------------


def test_a_report_takes_seven_queries_at_most_however_much_there_is(
    pipeline, django_assert_max_num_queries, first_scan
):
    with django_assert_max_num_queries(7):
        need_coverage.report(pipeline)
    with django_assert_max_num_queries(8):
        need_coverage.report(pipeline, off=[pipeline.table("raw.orders")])


def test_partitions_that_were_filled_from_a_fallback_are_listed(pipeline, first_scan):
    table = pipeline.table(SALES).model_copy(update={"fallback_column": "used_fallback"})
    tables = tuple(table if each.name == SALES else each for each in pipeline.tables)
    Partition.objects.filter(table=SALES).update(fallback_share=0)
    Partition.objects.filter(table=SALES, date=day("01-05")).update(fallback_share=0.255)

    vars(pipeline).pop("filled", None)  # what was looked up before would go along
    (found,) = need_coverage.report(pipeline.model_copy(update={"tables": tables})).fallbacks

    assert (found.dates, found.of.in_words, found.most_percent) == ("2024-01-05", "1 of 29 (3.44 %)", "25.5")


def test_the_source_phase_and_the_need_have_the_same_number_of_complete_dates(
    scan, lose_everywhere, pipeline
):
    lose_everywhere("01-05")
    scan()

    need = need_coverage.report(pipeline).needs[0]

    assert rollup.coverage(pipeline).phase("1").tally.complete == need.served.together.part == 28
    assert serving.as_states(need.letters).count("c") == 28
