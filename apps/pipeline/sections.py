"""The sections of the pipeline file, each a frozen object."""

from __future__ import annotations

import datetime as dt
import math
import re
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    PrivateAttr,
    Strict,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from apps.pipeline.part import Definition
from apps.pipeline.values import (
    YEARS,
    Band,
    Bytes,
    Column,
    Currency,
    Date,
    FilePath,
    Location,
    Name,
    Number,
    Price,
    Project,
    Seconds,
    ServiceAccount,
    TableName,
    Text,
    Variables,
    Whole,
    Word,
)

PLACEHOLDERS = {"start", "end", "dates", "python"}
# A season's name is a URL below /coverage/, where these are other pages (and browsers drop the dots).
TAKEN = ("accepted", "calendar", "scans", "partition", "partitions.csv", "partitions.json", ".", "..")
MOST_LANES = 64  # calls at once, of a run or of one of its tables


class DuckDB(Definition):
    """The embedded warehouse: one file."""

    engine: Literal["duckdb"]
    path: FilePath
    most_lanes: ClassVar[int] = 1  # jobs that may write at once: one process at a time may hold a DuckDB file
    is_metered: ClassVar[bool] = False  # whether it bills what queries read, and limits the writes per day


class BigQuery(Definition):
    """The datasets that the queries of a Google Cloud project can reach. `price` is per billed TB."""

    engine: Literal["bigquery"]
    project: Project
    location: Location
    impersonate: ServiceAccount | None = None
    byte_limit: Bytes = 100 * 1024**3
    price: Price | None = None
    currency: Currency = "USD"
    most_lanes: ClassVar[int] = MOST_LANES
    is_metered: ClassVar[bool] = True


class Calendar(Definition):
    """The expected dates: the result of a query (`date`, `units`), or every day of each season."""

    query: Word | None = None
    every: Literal["day"] | None = None
    unit: Text = Field(default="unit", min_length=1)
    not_final: Word | None = None

    @model_validator(mode="after")
    def one_of_two(self) -> Calendar:
        if bool(self.query) == bool(self.every):
            raise ValueError('give either query = "SELECT ... AS date, ... AS units" or every = "day"')
        return self


class History(Definition):
    """The run history: a table in which processors record their attempts, and its columns."""

    table: TableName
    processor: Column
    date: Column
    status: Column
    started: Column
    duration: Column | None = None
    errors: Column | None = None
    success: tuple[Text, ...] = Field(default=("success",), min_length=1)
    running: tuple[Text, ...] = ("running",)

    def is_success(self, status: str) -> bool:
        return is_one_of(status, self.success)

    def is_running(self, status: str) -> bool:
        return is_one_of(status, self.running) and not self.is_success(status)

    def is_failure(self, status: str) -> bool:
        """An attempt that has not ended is neither failed nor done."""
        return not self.is_success(status) and not self.is_running(status)


def is_one_of(status: str, words: tuple[str, ...]) -> bool:
    return status.strip().lower() in {word.lower() for word in words}


class Season(Definition):
    """A named range of dates, both ends included, with its opening day."""

    name: Name
    start: Date
    end: Date
    opening: Date

    @field_validator("name")
    @classmethod
    def has_an_address(cls, name: str) -> str:
        if name in TAKEN:
            raise ValueError("is the address of another page below /coverage/; give the season another name")
        return name

    @model_validator(mode="before")
    @classmethod
    def opens_at_start(cls, values: Any) -> Any:
        if isinstance(values, dict):
            start = values.get("start")
            # A start that is no date gets a sentence of its own; the opening needs no second one.
            usable = type(start) is dt.date and start.year in YEARS
            return {"opening": start if usable else dt.date(YEARS[0], 1, 1), **values}
        return values

    @model_validator(mode="after")
    def in_order(self) -> Season:
        if self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}; swap them")
        if not self.start <= self.opening <= self.end:
            raise ValueError(f"opening {self.opening} lies outside {self.start} to {self.end}; put it inside")
        return self

    def __contains__(self, date: dt.date) -> bool:
        return self.start <= date <= self.end

    def day(self, date: dt.date) -> int:
        """The day of the season, 1 on its opening day."""
        return (date - self.opening).days + 1


class Phase(Definition):
    """Tables that are filled together. A manual gate stops a run before the phase, for a person."""

    name: Name
    title: Text = ""
    gate: Literal["manual", "auto"] = "auto"

    @property
    def label(self) -> str:
        return f"Phase {self.name}"

    @property
    def full_label(self) -> str:
        return f"{self.label} · {self.title}" if self.title else self.label


class Input(Definition):
    """A table that must be complete before a step: on the step's date, and on at least this share of the expected
    dates from `lookback` days before it."""

    table: TableName
    lookback: Whole = Field(default=0, ge=0, le=3660)
    at_least: Number = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def share_of_something(self) -> Input:
        if self.at_least < 1 and not self.lookback:
            raise ValueError("at_least is a share of the dates of a lookback; add lookback, in days")
        return self

    def may_lack(self, dates: int) -> int:
        """How many of `dates` expected dates may be incomplete; the share is rounded up to whole dates."""
        return dates - math.ceil(round(self.at_least * dates, 6))


class Rows(Definition):
    """How many rows a date should have: by its units, in a fixed band, or like another table.

    All given bounds must hold. Both ends of a band are included; `inf` leaves its upper end open.
    """

    per_unit: Band | None = None
    between: Band | None = None
    like: TableName | None = None
    at_least: Number = Field(default=1.0, ge=0, le=1000)
    at_most: Annotated[float, Strict()] | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def bounded(self) -> Rows:
        if not (self.per_unit or self.between or self.like):
            raise ValueError("give per_unit = [least, most], between = [least, most] or like = a table")
        if not self.like and self.model_fields_set & {"at_least", "at_most"}:
            raise ValueError("at_least and at_most compare with another table; add like = that table")
        if self.like and self.ceiling < self.at_least:
            raise ValueError(f"at_most {self.ceiling:g} is below at_least {self.at_least:g}; swap them")
        return self

    @property
    def allows_none(self) -> bool:
        """Whether a date may have no rows: all given bounds begin at 0."""
        bands = (self.per_unit, self.between, (self.at_least, self.ceiling) if self.like else None)
        return not any(band[0] for band in bands if band)

    @property
    def ceiling(self) -> float:
        """The most rows for each row of the table in `like`; open if a band sets the upper bound."""
        if self.at_most is not None:
            return self.at_most
        return float("inf") if self.per_unit or self.between else max(1.0, self.at_least)


class QualityBand(Definition):
    """From this day of the season on, a date's mean quality should lie between the two ends."""

    from_day: Whole = Field(ge=1)
    between: Band


class Quality(Definition):
    """The column with a row's quality, and the expected range of its mean by day of season."""

    column: Column
    bands: tuple[QualityBand, ...] = ()


class Job(Definition):
    """How a table's dates are filled: a command (never through a shell), or SQL that the warehouse runs."""

    command: tuple[Word, ...] = ()
    sql: Annotated[Word, Field(max_length=1000)] | None = None
    cwd: FilePath = "."
    env: Variables = Field(default_factory=lambda: MappingProxyType({}))
    dates: Literal["range", "list", "single"] = "single"
    batch: Whole = Field(default=1, ge=1, le=1000)
    timeout: Seconds = 1800
    attempts: Whole = Field(default=2, ge=1, le=20)
    must_contain: tuple[Text, ...] = ()
    dry_run: tuple[Word, ...] = ()

    @field_validator("batch", mode="wrap")
    @classmethod
    def automatic_batch(cls, value: Any, number: ValidatorFunctionWrapHandler) -> int:
        return 0 if value == "auto" else number(value)

    @model_validator(mode="after")
    def command_or_sql(self) -> Job:
        if bool(self.command) == bool(self.sql):
            raise ValueError('give either command = ["...", ...] or sql = "file.sql"')
        if self.command and not self.command[0].strip():
            raise ValueError("the command's first word is empty; write the program's name there")
        if self.sql and (unused := sorted(self.model_fields_set & {"cwd", "env", "must_contain", "dry_run"})):
            raise ValueError(f"{unused[0]} belongs to a command, and this job is SQL; remove it")
        return self

    @model_validator(mode="after")
    def placeholders_fit(self) -> Job:
        used = {name for word in self.command for name in re.findall(r"\{(\w+)\}", word)}
        if unknown := sorted(used - PLACEHOLDERS):
            raise ValueError(
                f"command has {{{unknown[0]}}}, which has no value; use {{start}}, {{end}}, {{dates}}, {{python}}"
            )
        if self.command and self.dates == "list" and "dates" not in used:
            raise ValueError('dates = "list" passes dates as {dates}, which the command lacks; add it')
        if self.command and self.dates == "range" and not {"start", "end"} <= used:
            raise ValueError('dates = "range" passes {start} and {end}, which the command lacks; add both')
        if self.command and not used & {"start", "end", "dates"}:
            raise ValueError(
                "the command does not say which dates to fill; add {start} and {end}, or {dates}"
            )
        return self

    @model_validator(mode="after")
    def has_safety_flags(self) -> Job:
        said = {*self.command, *(f"{name}={value}" for name, value in self.env.items())}
        if missing := [flag for flag in self.must_contain if flag not in said]:
            raise ValueError(
                f"the job must run with {missing[0]}; add it to command (or to env as NAME=value)"
            )
        return self

    @property
    def takes_ranges(self) -> bool:
        """Whether a call is for all dates from the first to the last of its own."""
        return self.sql is not None or self.dates == "range"

    @property
    def dates_a_call(self) -> int:
        """How many dates a call takes; 0 for automatic, which aims at one to two minutes."""
        return 1 if self.dates == "single" else self.batch


class Table(Definition):
    """What the pipeline fills, one partition a date. Without a job it is a source."""

    name: TableName
    phase: Name
    processor: Text | None = Field(default=None, min_length=1)
    date_column: Column
    skip_first_days: Whole = Field(default=0, ge=0, le=366)
    after: tuple[Input, ...] = ()
    parallel: Whole = Field(default=1, ge=1, le=MOST_LANES)
    rows: Rows | None = None
    quality: Quality | None = None
    key: tuple[Column, ...] = Field(default=(), max_length=20)
    not_null: tuple[Column, ...] = Field(default=(), max_length=20)
    written_column: Column | None = None
    fallback_column: Column | None = None
    job: Job | None = None
    _short_name: str = PrivateAttr(default="")

    @field_validator("after", mode="before")
    @classmethod
    def plain_names(cls, values: Any) -> Any:
        if not isinstance(values, list):
            return values
        return [{"table": value} if isinstance(value, str) else value for value in values]

    @property
    def short_name(self) -> str:
        """Its name without the dataset, unless another table of the pipeline file has the same."""
        return self._short_name or self.name.rpartition(".")[2]

    @property
    def is_source(self) -> bool:
        return self.job is None

    @property
    def compared_with(self) -> str | None:
        """The table that its rows are compared with."""
        return self.rows.like if self.rows else None

    @property
    def follows(self) -> set[str]:
        """The tables that a run fills before it on a date: its inputs, and the table that it is compared with."""
        return {needed.table for needed in self.after} | (
            {self.compared_with} if self.compared_with else set()
        )

    def skips(self, date: dt.date, season: Season) -> bool:
        """Whether the date is in the first days of the season, which have no rows on purpose."""
        return 0 <= (date - season.opening).days < self.skip_first_days


class Need(Definition):
    """What tables read, and the sources that can serve it, in order of preference."""

    name: Text = Field(min_length=1)
    sources: tuple[TableName, ...] = Field(min_length=1)
    at_least: Number = Field(default=1.0, ge=0, le=1)
    used_by: tuple[TableName, ...] = ()
