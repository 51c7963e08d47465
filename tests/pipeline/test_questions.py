"""What everybody asks of the pipeline."""

import pydantic
import pytest

from apps.pipeline import definition
from apps.pipeline.definition import UnknownName
from apps.pipeline.values import expand
from tests.conftest import day


@pytest.mark.parametrize("name", ["2", "phase 2", "Phase 2", "phase-2", "Daily", "daily"])
def test_a_phase_answers_to_its_number_and_its_title(pipeline, name):
    assert pipeline.phase(name).name == "2"


def test_an_unknown_name_is_refused_with_the_known_names(pipeline):
    with pytest.raises(
        UnknownName, match=r'There is no phase "phase 9" in the pipeline file. Known: 1, 2, 3.'
    ):
        pipeline.phase("phase 9")


def test_a_phase_whose_name_begins_with_phase_is_found(pipeline):
    renamed = pipeline.phases[0].model_copy(update={"name": "Phase One"})

    assert pipeline.model_copy(update={"phases": (renamed,)}).phase("Phase One") is renamed


def test_a_table_answers_to_its_short_name(pipeline):
    assert pipeline.table("sales") is pipeline.table("daily.sales")


def test_a_removed_table_does_not_get_the_short_name_of_an_existing_table(pipeline):
    assert pipeline.short_name("daily.sales") == "sales"
    assert pipeline.short_name("old.sales") == "old.sales"


def test_a_table_keeps_its_full_name_if_the_pipeline_file_is_broken(settings, tmp_path):
    settings.PIPELINE = tmp_path / "broken.toml"

    assert definition.short_name("daily.sales") == "daily.sales"


def test_tables_are_filled_phase_by_phase(pipeline):
    assert [table.short_name for table in pipeline.filled] == ["sales", "visits", "trend"]


@pytest.mark.parametrize(("date", "season"), [("01-20", "winter"), ("01-21", None), ("03-01", "spring")])
def test_a_date_belongs_to_one_season_or_none(pipeline, date, season):
    found = pipeline.season_of(day(date))

    assert (found.name if found else None) == season


def test_the_opening_is_the_first_day(pipeline):
    assert pipeline.season("winter").day(day("01-01")) == 1


def test_the_first_days_are_left_out(pipeline):
    trend, winter = pipeline.table("weekly.trend"), pipeline.season("winter")

    assert [trend.skips(day(date), winter) for date in ("01-01", "01-03", "01-04")] == [True, True, False]


def test_a_pipeline_cannot_be_changed(pipeline):
    with pytest.raises(pydantic.ValidationError):
        pipeline.name = "another"
    with pytest.raises(pydantic.ValidationError):
        pipeline.table("daily.sales").job.batch = 2
    with pytest.raises(TypeError):
        pipeline.table("daily.sales").job.env["A"] = "b"


@pytest.mark.parametrize(
    ("text", "is_"), [("${A}/x", "1/x"), ("${B:-2}", "2"), ("${B}", ""), ("$A {A}", "$A {A}")]
)
def test_variables_are_filled_in_from_the_environment(text, is_):
    assert expand(text, {"A": "1"}) == is_


def test_a_batch_may_be_left_to_the_console(change):
    assert change(("batch = 4", 'batch = "auto"')) == []
