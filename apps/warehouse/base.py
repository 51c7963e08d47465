"""The interface of a warehouse engine, and the protocols of what an engine may be able to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from apps import masking
from apps.warehouse.fingerprints import Fingerprints


class WarehouseError(Exception):
    """The warehouse could not answer or do what it was asked; the text is for a person.

    `is_over` where it is certain that nothing of it is at work there.
    """

    is_over = False

    def __str__(self) -> str:
        """Without secrets: addresses and scripts that an engine quotes may have some."""
        return masking.text(super().__str__())


class Unreachable(WarehouseError):
    """The warehouse is not there: no file, no network, no permission."""


class Busy(WarehouseError):
    """The warehouse is there, and another process or a passing error kept it for longer than we wait."""


class InUse(Busy):
    """One of the console's own calls or readers has its turn with the warehouse; the text says which."""


class StillAtWork(Busy):
    """The warehouse was told to end a script, and has not ended it yet."""


class OverQuota(WarehouseError):
    """The warehouse is there, and what it allows for a day is used up: asking again does not help before `until`."""

    def __init__(self, sentence: str, *, until: dt.datetime):
        super().__init__(sentence)
        self.until = until


class QueryFailed(WarehouseError):
    """The warehouse refused or failed a statement."""


class Refused(QueryFailed):
    """The warehouse refused a statement, and would refuse it again; `reason` is its own word for why."""

    def __init__(self, sentence: str, *, reason: str):
        super().__init__(sentence)
        self.reason = reason


class Interrupted(WarehouseError):
    """A statement was ended because its caller asked for that, or because its time was over."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to count of one table: rows a date, and the columns to sum up beside them.

    `undated` has rows without a date counted too, as rows of `NO_DATE`: always where all dates are asked about; beside
    a range or some dates only where that costs no more, and `Reading.undated` says of which tables.
    `whole` asks about all dates of the table, even if the others are asked about some, where that costs no more.
    Where the date column holds moments, each lies on the date that it has in `timezone`.
    """

    table: str
    date_column: str
    quality_column: str | None = None
    written_column: str | None = None
    fallback_column: str | None = None
    key_columns: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()
    undated: bool = False
    whole: bool = False
    timezone: str = "UTC"

    @property
    def columns(self) -> list[str]:
        wanted = (self.date_column, self.quality_column, self.written_column, self.fallback_column)
        named = (column for column in (*wanted, *self.key_columns, *self.not_null) if column)
        return list(dict.fromkeys(named))


class Count(NamedTuple):
    """What one table has on one date. Quality is the mean, fallback the share (0 to 1) of the rows; `keys` is how many
    different keys there are, None where no key was asked about; `nulls` has for each of the question's `not_null`
    columns the rows that have no value there. `modified_at` is when the warehouse last wrote there, where it notes
    that for each date."""

    rows: int
    quality: float | None = None
    written_at: dt.datetime | None = None
    fallback_share: float | None = None
    keys: int | None = None
    nulls: tuple[int, ...] = ()
    modified_at: dt.datetime | None = None


# What is known of a table's dates from the scan before, as far as it can be known to hold still.
Known = Callable[[str], Mapping[dt.date, Count]]
EMPTY = Count(rows=0)
NO_DATE = dt.date.min


class Absent(str):
    """The problem of a table that does not exist, as a sentence. That is certain: it has no rows on any date."""

    __slots__ = ()
    SAYS = "does not exist in the warehouse"

    @classmethod
    def of(cls, table: str) -> Absent:
        return cls(f"table {table} {cls.SAYS}")


@dataclass(frozen=True)
class Reading:
    """Answers by table and date, and for each table that could not be read the reason: an `Absent` where there is none.

    `notes` say what a reader should know of tables that did answer. `whole` are the tables of which all dates were
    counted, as their questions wished, `undated` those of which rows without a date were.
    """

    counts: dict[str, dict[dt.date, Count]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    queries: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    undated: frozenset[str] = frozenset()

    def is_absent(self, table: str) -> bool:
        """Whether it is certain that there is no such table."""
        return isinstance(self.problems.get(table), Absent)

    def take_undated(self) -> dict[str, int]:
        """The rows without a date of the tables where these were counted. From then on `counts` has real dates only."""
        return {table: self.counts[table].pop(NO_DATE, EMPTY).rows for table in sorted(self.undated)}

    def of(self, table: str, date: dt.date) -> Count | None:
        """The count, 0 rows where the table has none or does not exist; None where it could not be read."""
        if self.is_absent(table):
            return EMPTY
        if table in self.problems or table not in self.counts:
            return None
        return self.counts[table].get(date, EMPTY)


@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """Where the warehouse keeps what its processors did: a table, and what its columns are called.

    Where the date column holds moments, each lies on the date that it has in `timezone`.
    """

    table: str
    processor_column: str
    date_column: str
    status_column: str
    started_column: str
    duration_column: str | None = None
    errors_column: str | None = None
    timezone: str = "UTC"

    @property
    def columns(self) -> list[str]:
        needed = (self.processor_column, self.date_column, self.status_column, self.started_column)
        return [column for column in (*needed, self.duration_column, self.errors_column) if column]


@dataclass(frozen=True, slots=True)
class Try:
    """A processor's latest attempt at a date, as the run history tells it."""

    processor: str
    date: dt.date
    status: str
    started_at: dt.datetime | None = None
    seconds: float | None = None
    errors: str = ""


@dataclass(frozen=True, slots=True)
class WriteQuota:
    """How often a table may be written a day; `by_partition` where a write counts once for each of its partitions."""

    most: int
    of: str
    by_partition: bool


NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Warehouse(Protocol):
    """The whole interface. Every method raises a WarehouseError with a sentence where it cannot answer.

    A warehouse is made with the time zone in which moments lie on dates; it replaces the zone of a question.
    `queries` is how many questions it was sent so far; `bytes_billed` is what they cost, where a warehouse takes money.
    """

    queries: int
    bytes_billed: int

    def check_connection(self) -> None:
        """Sends the cheapest question there is; a WarehouseError if it is not answered."""
        ...

    def count(
        self,
        questions: Sequence[Question],
        *,
        start: dt.date | None = None,
        end: dt.date | None = None,
        dates: Collection[dt.date] | None = None,
    ) -> Reading:
        """Rows a date of all these tables in one query, over a range (both ends included) or some dates."""
        ...

    def scan(self, questions: Sequence[Question], *, start: dt.date, end: dt.date, known: Known) -> Reading:
        """Rows a date of all these tables over a range; what is `known` and did not change is not looked at again."""
        ...

    def calendar(self, query: str) -> dict[dt.date, int]:
        """Units a date, from a query with the columns `date` and `units`."""
        ...

    def history(self, question: HistoryQuestion, *, start: dt.date, end: dt.date) -> list[Try]:
        """The latest attempt of every processor for each date of a range (both ends included), in one query."""
        ...

    def run_sql(
        self,
        sql: str,
        *,
        start: dt.date,
        end: dt.date,
        timeout: float,
        stopped: Callable[[], bool],
        job_id: str = "",
        labels: Mapping[str, str] = NO_LABELS,
    ) -> int:
        """Runs a script with @start_date and @end_date; returns its number of statements.

        Interrupted where `stopped()` became true or `timeout` seconds went by. A warehouse that keeps jobs performs
        one `job_id` at most once: where it knows the id already, the answer is what came of that job.
        """
        ...

    def end_sql(self, job_id: str) -> bool:
        """Ends a script that outlived its caller; returns whether it had."""
        ...


@runtime_checkable
class TakesTurns(Protocol):
    """A warehouse that one process at a time may hold: calls of jobs and the console's own readers take turns."""

    def turn_of_reader(self, *, patience: float) -> AbstractContextManager[None]:
        """The warehouse for several looks without a call in between. InUse where a call has it for that long."""
        ...

    def turn_of_call(
        self, who: str, *, owner: str, stopped: Callable[[], bool]
    ) -> AbstractContextManager[None]:
        """The warehouse for a call alone, that is named to those who wait. InUse where others have it for longer."""
        ...

    def end_turn(self, owner: str) -> bool:
        """Ends the turn of a call whose worker is frozen and whose job was ended; returns whether it had one."""
        ...


# What only some engines can do ----------------------------------------------------------------------


@runtime_checkable
class Expiring(Protocol):
    """A warehouse whose partitions may expire by themselves."""

    def expirations(self, tables: Sequence[str]) -> Mapping[str, dt.timedelta]:
        """How long partitions are kept, of the tables that do not keep them for ever; in one query."""
        ...


@runtime_checkable
class Rehearsing(Protocol):
    """A warehouse that can look at a script as if it were to be performed, and performs nothing."""

    def rehearse(
        self, sql: str, *, start: dt.date, end: dt.date, timeout: float, stopped: Callable[[], bool]
    ) -> str:
        """What it would do or cost, in words; QueryFailed with what is wrong in it."""
        ...


@runtime_checkable
class Fingerprinting(Protocol):
    """A warehouse that can tell cheaply whether tables are still what they were."""

    def fingerprints(self, tables: Sequence[str]) -> Fingerprints:
        """Of these tables, or of all that it has where it can list them."""
        ...


@runtime_checkable
class Estimating(Protocol):
    """A warehouse that bills what a script reads, and tells beforehand how much that would be."""

    def estimate(self, sql: str, *, start: dt.date, end: dt.date, timeout: float) -> tuple[int, int]:
        """At least and at most so many bytes; QueryFailed with what is wrong in the script."""
        ...


@runtime_checkable
class Billing(Protocol):
    """A warehouse that tells afterwards what a job billed."""

    def billed(self, job_id: str) -> int | None:
        """The bytes, 0 where there was no such job; None where that is not known yet."""
        ...


@runtime_checkable
class HasWriteQuota(Protocol):
    """A warehouse that allows a table only so many writes a day."""

    load_jobs_a_day: int

    def write_quotas(self, tables: Sequence[str]) -> Mapping[str, WriteQuota]:
        """What each of the tables that are there may be written a day."""
        ...

    def writes_against_quota(self, sql: str, table: str) -> int:
        """How many of a script's statements count against the limit of the table."""
        ...
