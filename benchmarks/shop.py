"""A shop of any size for the benchmarks: pipeline file, warehouse and database in one folder."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from pathlib import Path

FIRST = dt.date(2020, 1, 1)


def make(*, tables: int, dates: int, command: list[str], batch: int) -> Path:
    """Create a folder with complete tables, and set up Django on it. Tables are `shop.t1`, `shop.t2`, ..."""
    folder = Path(tempfile.mkdtemp(prefix="backfill-benchmark-"))
    write_warehouse(folder / "warehouse.duckdb", tables=tables, dates=dates)
    write_pipeline(folder / "shop.toml", tables=tables, dates=dates, command=command, batch=batch)
    os.environ.update(
        DEBUG="1",
        DJANGO_SETTINGS_MODULE="backfill_console.settings",
        VAR_DIR=str(folder / "var"),
        PIPELINE=str(folder / "shop.toml"),
        DATABASE_URL=f"sqlite:///{folder}/console.sqlite3",
        EMAIL_URL="",
        OUTBOX_DIR="",
        LOG_LEVEL="ERROR",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return folder


def write_warehouse(path: Path, *, tables: int, dates: int) -> None:
    import duckdb  # not loaded by benchmarks without a warehouse

    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("CREATE SCHEMA shop")
        for number in range(1, tables + 1):
            warehouse.execute(
                f"CREATE TABLE shop.t{number} AS SELECT DATE '{FIRST}' + CAST(day AS INTEGER) AS day, item "
                f"FROM range({dates}) days(day), range(10) items(item)"
            )


def write_pipeline(path: Path, *, tables: int, dates: int, command: list[str], batch: int) -> None:
    last = FIRST + dt.timedelta(days=dates - 1)
    words = ", ".join(f"'{word}'" for word in command)
    parts = [
        'name = "Shop"\n[warehouse]\nengine = "duckdb"\npath = "warehouse.duckdb"\n[calendar]\nevery = "day"',
        f'[[season]]\nname = "all"\nstart = {FIRST}\nend = {last}\n[[phase]]\nname = "1"',
    ]
    parts += [
        f'[[table]]\nname = "shop.t{number}"\nphase = "1"\ndate_column = "day"\nrows = {{ between = [10, 10] }}\n'
        f'[table.job]\ncommand = [{words}]\ndates = "{"single" if batch == 1 else "range"}"\nbatch = {batch}\n'
        for number in range(1, tables + 1)
    ]
    path.write_text("\n".join(parts))
