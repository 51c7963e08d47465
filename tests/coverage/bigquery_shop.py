"""A pipeline of ten tables in two datasets on BigQuery, and the stand-in with its rows: 90 dates of two seasons."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from tests.standins.bigquery import PROJECT, StandIn

FIRST = dt.date(2021, 12, 1)
DATES = 90
DAYS = f"UNNEST(GENERATE_DATE_ARRAY('{FIRST}', DATE_ADD('{FIRST}', INTERVAL {DATES - 1} DAY)))"
PARTITIONED = [f"{dataset}.t{number}" for dataset in ("raw", "daily") for number in range(4)]
PLAIN = ["raw.plain", "daily.plain"]
TABLES = (*PARTITIONED, *PLAIN)


def fill(server: StandIn) -> None:
    """Two rows a date of each table."""
    for dataset in ("raw", "daily"):
        server.say(f"CREATE SCHEMA {dataset}")
    server.say(f"CREATE TABLE raw.days AS SELECT day FROM {DAYS} AS day")
    for table in TABLES:
        by = "PARTITION BY day" if table in PARTITIONED else ""
        server.say(f"CREATE TABLE {table} (day DATE, item INT64, score FLOAT64) {by}")
        server.say(f"INSERT INTO {table} SELECT day, item, 60 FROM {DAYS} AS day, UNNEST([1, 2]) AS item")


def pipeline(folder: Path) -> Pipeline:
    path = folder / "pipeline.toml"
    path.write_text("\n".join([HEAD, *(table(name) for name in TABLES)]))
    return definition.read(path)


HEAD = f"""
name = "Shop"
[warehouse]
engine = "bigquery"
project = "{PROJECT}"
location = "US"
byte_limit = "1 GB"
[calendar]
query = "SELECT day AS date, 1 AS units FROM raw.days"
[[season]]
name = "2021"
start = 2021-12-01
end = 2021-12-31
[[season]]
name = "2022"
start = 2022-01-01
end = 2022-02-28
[[phase]]
name = "1"
"""


def table(name: str) -> str:
    quality = '\nquality = { column = "score" }' if name.startswith("daily") else ""
    return f'[[table]]\nname = "{name}"\nphase = "1"\ndate_column = "day"\nrows = {{ between = [2, 2] }}{quality}\n'
