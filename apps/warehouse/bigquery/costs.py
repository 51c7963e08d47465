"""What BigQuery bills for a script, and what it counts against a table's limits of a day."""

from __future__ import annotations

from collections.abc import Sequence

from apps.warehouse.base import WriteQuota
from apps.warehouse.sql import scripts

MEGABYTE = 1024 * 1024
# https://cloud.google.com/bigquery/pricing: at least so much of each table that a statement reads, by the megabyte.
LEAST_OF_A_TABLE = 10 * MEGABYTE
# https://cloud.google.com/bigquery/quotas#partitioned_tables and #standard_tables, and #load_jobs for a project.
BY_COLUMN = WriteQuota(30_000, "partition modification", by_partition=True)
BY_TIME_OF_INGESTION = WriteQuota(11_000, "partition modification", by_partition=True)
STANDARD = WriteQuota(1_500, "modification", by_partition=False)
LOAD_JOBS = 100_000


# Bytes ------------------------------------------------------------------------------------------------


def billed(sql: str, read: int) -> tuple[int, int]:
    """The least and the most bytes billed for a script that reads so many, since their share of each table is unknown.

    A view counts for one table, whatever it is made of.
    """
    reads, whole = scripts.reads(sql), -(-read // MEGABYTE) * MEGABYTE
    least = max(whole, reads.surely * LEAST_OF_A_TABLE)
    if not reads.most:
        return least, least
    return least, (reads.most - 1) * LEAST_OF_A_TABLE + max(whole, LEAST_OF_A_TABLE)


# Limits of a day --------------------------------------------------------------------------------------


def writes_against_quota(sql: str, table: str) -> int:
    """Statements that write the table and count against its limit: what loads, copies, or makes it from a query.

    "DML statements do not count": https://cloud.google.com/bigquery/quotas#partitioned_tables
    """
    name = table.rpartition(".")[2].upper()
    return sum(is_rationed(words, name) for words in scripts.words(sql))


def is_rationed(words: Sequence[str], name: str) -> bool:
    named = {part for word in words for part in word.split(".")}
    if name not in named:
        return False
    if words[:2] == ["LOAD", "DATA"]:
        return True
    makes_it = words[0] == "CREATE" and "TABLE" in words[:4] and not {"TEMP", "TEMPORARY"} & set(words[:4])
    return makes_it and bool({"AS", "COPY", "CLONE"} & set(words))
