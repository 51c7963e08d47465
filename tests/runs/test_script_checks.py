"""Scripts are BigQuery's SQL; `manage.py check` says which of them DuckDB could not perform."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError


def test_a_script_that_cannot_be_translated_is_named_with_its_table(pipeline):
    path = pipeline.folder / "jobs" / "trend.sql"
    path.write_text("SELECT 1;\nSELECT ML_PREDICT(2)")

    with pytest.raises(SystemCheckError) as refused:
        call_command("check")

    says = f'{path}, the job of table "weekly.trend": the script cannot be translated for DuckDB: it has no function'
    assert says in str(refused.value)


def test_scripts_that_can_be_translated_pass(pipeline, capsys):
    call_command("check")

    assert "no issues" in capsys.readouterr().out
