"""A shop on BigQuery: sales are made by SQL, visits by a program; the real client, the stand-in behind it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.pipeline import definition
from tests.runs.preflight.conftest import checked  # noqa: F401  # a fixture
from tests.standins.bigquery import PROJECT, StandIn

DAYS = "UNNEST(GENERATE_DATE_ARRAY('2024-01-01', '2024-01-20')) AS day"
TABLES = (
    "CREATE SCHEMA raw",
    "CREATE SCHEMA daily",
    "CREATE TABLE raw.orders (day DATE, item INT64) PARTITION BY day",
    f"INSERT INTO raw.orders SELECT day, item FROM {DAYS}, UNNEST([1, 2]) AS item",
    "CREATE TABLE daily.sales (day DATE, item INT64) PARTITION BY day",
    "CREATE TABLE daily.visits (day DATE, item INT64)",
)
SALES = """
DELETE FROM daily.sales WHERE day BETWEEN @start_date AND @end_date;
INSERT INTO daily.sales SELECT day, item FROM raw.orders WHERE day BETWEEN @start_date AND @end_date;
"""
PIPELINE = f"""
name = "Shop"
[warehouse]
engine = "bigquery"
project = "{PROJECT}"
location = "US"
byte_limit = "1 GB"
price = 1024
[calendar]
every = "day"
[[season]]
name = "winter"
start = 2024-01-01
end = 2024-01-20
[[phase]]
name = "1"
[[table]]
name = "raw.orders"
phase = "1"
date_column = "day"
[[table]]
name = "daily.sales"
phase = "1"
date_column = "day"
rows = {{ between = [2, 2] }}
[table.job]
sql = "sales.sql"
dates = "range"
batch = 5
attempts = 1
[[table]]
name = "daily.visits"
phase = "1"
date_column = "day"
rows = {{ between = [2, 2] }}
[table.job]
command = ["{{python}}", "visits.py", "{{start}}"]
"""


@pytest.fixture
def server(monkeypatch) -> Iterator[StandIn]:
    with StandIn() as server:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        for statement in TABLES:
            server.say(statement)
        yield server


@pytest.fixture
def shop(settings, tmp_path: Path, server: StandIn) -> Iterator[Path]:
    """The shop's folder."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "sales.sql").write_text(SALES)
    (folder / "visits.py").write_text("")
    settings.PIPELINE = folder / "shop.toml"
    settings.PIPELINE.write_text(PIPELINE)
    yield folder
    definition.load.cache_clear()


@pytest.fixture
def configure(shop: Path) -> Callable[..., None]:
    """Adds to the shop's pipeline file, or changes words in it."""

    def write(text: str = "", **changes: str) -> None:
        path = shop / "shop.toml"
        content = path.read_text()
        for before, after in changes.items():
            content = content.replace(f"{before} = ", f"{after} # ", 1)
        path.write_text(f"{content}\n{text}")
        definition.load.cache_clear()

    return write
