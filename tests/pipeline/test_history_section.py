"""Where the run history is and which columns may not be NULL: read, or refused with a sentence."""

import pytest

from apps.pipeline import definition
from apps.pipeline.definition import PipelineError

SECTION = """
[history]
table = "ops.runs"
processor = "who"
date = "day"
status = "status"
started = "begun"
"""


@pytest.fixture
def read(shop, settings):
    """The shop's pipeline file with something in front of its seasons."""
    text = settings.PIPELINE.read_text()

    def change(added: str, *, old: str = "[[season]]"):
        settings.PIPELINE.write_text(text.replace(old, f"{added}\n{old}", 1))
        return definition.read(settings.PIPELINE)

    return change


def test_a_file_without_a_run_history_has_none(pipeline):
    assert pipeline.history is None


def test_success_is_recognised_regardless_of_case_and_spaces(read):
    history = read(SECTION).history

    assert (history.is_success(" Success"), history.is_success("failed"), history.is_success("")) == (
        True,
        False,
        False,
    )


def test_another_word_may_mean_success(read):
    assert read(f'{SECTION}success = ["done", "skipped"]').history.is_success("DONE")


def test_columns_that_may_not_be_null_belong_to_a_table(read):
    pipeline = read('not_null = ["item"]', old='key = ["item"]')

    assert pipeline.table("daily.sales").not_null == ("item",)


def test_a_table_can_configure_the_name_of_its_processor(read):
    pipeline = read('processor = "SalesProcessor"', old='key = ["item"]')

    assert pipeline.by_processor["SalesProcessor"].name == "daily.sales"
    assert "sales" not in pipeline.by_processor and "daily.sales" not in pipeline.by_processor


def test_the_name_of_a_processor_defaults_to_that_of_its_table(pipeline):
    assert pipeline.by_processor["sales"] == pipeline.by_processor["daily.sales"]


def test_two_tables_have_no_processor_in_common(read):
    source = '[[table]]\nname = "raw.{}"\nphase = "1"\ndate_column = "day"\nprocessor = "loader"\n'

    with pytest.raises(PipelineError) as refused:
        read(source.format("a") + source.format("b"), old="[[table]]")

    assert 'processor "loader" is there twice; rename or remove one' in refused.value.problems


@pytest.mark.parametrize(
    ("added", "old", "says"),
    [
        (SECTION.replace('status = "status"', ""), "[[season]]", "history > status is missing; add it"),
        (SECTION + "success = []", "[[season]]", "history > success = [] is empty; fill it in"),
        (SECTION + 'sucess = ["ok"]', "[[season]]", "history > sucess: unknown key; did you mean success?"),
        (
            SECTION.replace('"begun"', '"begun at"'),
            "[[season]]",
            'history > started = "begun at" is not a column\'s name',
        ),
        ('not_null = "item"', 'key = ["item"]', 'table "daily.sales" > not_null = "item" is not a list'),
    ],
)
def test_a_mistake_in_the_history_or_in_not_null_is_reported_with_its_key(read, added, old, says):
    with pytest.raises(PipelineError) as refused:
        read(added, old=old)

    assert refused.value.problems[0].startswith(says)
