"""Scripts are BigQuery's SQL; `manage.py check` says which of them DuckDB could not perform."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

pytestmark = pytest.mark.django_db


def test_check_names_an_untranslatable_script_and_its_table(pipeline):
    path = pipeline.folder / "jobs" / "trend.sql"
    path.write_text("SELECT 1;\nSELECT ML_PREDICT(2)")

    with pytest.raises(SystemCheckError) as refused:
        call_command("check")

    says = f'{path}, the job of table "weekly.trend": the script cannot be translated for DuckDB: it has no function'
    assert says in str(refused.value)


FILL = "INSERT INTO shop.trend (day, item) SELECT day, item FROM shop.sales WHERE day BETWEEN @start_date AND @end_date"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("DECLARE x INT64 DEFAULT 1;\nSELECT x", "it has no statement DECLARE"),
        ("IF TRUE THEN DELETE FROM shop.trend WHERE TRUE; END IF", "it has no statement IF"),
        ("EXECUTE IMMEDIATE 'SELECT 1'", "it has no statement EXECUTE"),
        ("CALL shop.fill(@start_date)", "it has no statement CALL"),
        ("EXPORT DATA OPTIONS(uri='gs://x/*', format='CSV') AS SELECT 1", "it has no statement EXPORT"),
        ("ASSERT (SELECT COUNT(*) FROM shop.sales) > 0 AS 'no sales'", "it has no statement ASSERT"),
        ("SELECT FARM_FINGERPRINT(item) FROM shop.sales", "it has no function FARM_FINGERPRINT"),
        ("SELECT SAFE.PARSE_DATE('%Y-%m-%d', item) FROM shop.sales", "it has no function SAFE.PARSE_DATE"),
        ("SELECT NET.HOST(item) FROM shop.sales", "it has no function NET.HOST"),
        ("SELECT PARSE_TIMESTAMP('%H:%M:%E*S', item) FROM shop.sales", "format specifier"),
        ("SELECT CAST(day AS STRING FORMAT 'YYYY-MM') FROM shop.sales", 'near "FORMAT"'),
        ("SELECT * FROM shop.sales FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", 'near "FOR"'),
        ("SELECT * FROM ML.PREDICT(MODEL shop.m, TABLE shop.sales)", "syntax error"),
        (
            "DELETE FROM shop.sales WHERE _PARTITIONTIME = TIMESTAMP(@start_date)",
            "it has no column _PARTITIONTIME",
        ),
        ("SELECT item FROM `shop.sales_*`", "it has no tables with a wildcard, sales_*"),
        (f"{FILL} AND day > @today", "@today is not known"),
    ],
)
def test_check_rejects_bigquery_only_sql(pipeline, script, why):
    (pipeline.folder / "jobs" / "trend.sql").write_text(script)

    with pytest.raises(SystemCheckError) as refused:
        call_command("check")

    assert why in str(refused.value)


@pytest.mark.parametrize(
    "expression",
    [
        "COUNTIF(item > 1)",
        "STRING_AGG(DISTINCT name, ',' ORDER BY name)",
        "APPROX_QUANTILES(item, 4)[OFFSET(2)]",
        "SAFE_CAST(name AS INT64)",
        "SAFE_DIVIDE(SUM(item), COUNT(*))",
        "FORMAT_DATE('%Y-%m', MAX(day))",
        "DATE_TRUNC(MAX(day), ISOWEEK)",
        "TO_JSON_STRING(STRUCT(MAX(item) AS item))",
        "TO_HEX(SHA256(MAX(name)))",
        "REGEXP_EXTRACT(MAX(name), r'(\\d+)')",
        "IFNULL(MAX(item), 0)",
        "GENERATE_UUID()",
    ],
)
def test_check_accepts_expressions_that_duckdb_supports(pipeline, capsys, expression):
    (pipeline.folder / "jobs" / "trend.sql").write_text(
        f"INSERT INTO shop.trend SELECT {expression} FROM shop.sales"
    )

    call_command("check")

    assert "no issues" in capsys.readouterr().out


def test_scripts_that_can_be_translated_pass(pipeline, capsys):
    call_command("check")

    assert "no issues" in capsys.readouterr().out
