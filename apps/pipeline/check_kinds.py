"""The kinds of `[[check]]` in the pipeline file, a class for each with its keys."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from apps.pipeline.part import Definition
from apps.pipeline.values import (
    Bytes,
    Expanded,
    FilePath,
    Name,
    Number,
    Price,
    Seconds,
    TableName,
    Text,
    Variables,
    Whole,
    Word,
)

NOTHING: MappingProxyType[str, str] = MappingProxyType({})
PROGRAM = "{python}"


class Check(Definition):
    """One check before a launch. A critical one that fails or is unknown makes the result not ready."""

    name: Text = Field(min_length=1)
    severity: Literal["critical", "warning"] = "critical"
    timeout: Seconds = 30

    @property
    def is_critical(self) -> bool:
        return self.severity == "critical"


class AboutTables(Check):
    """A check of some tables; of all requested tables if none is named."""

    tables: tuple[TableName, ...] = ()
    phases: tuple[Name, ...] = ()

    @property
    def names_any(self) -> bool:
        return bool(self.tables or self.phases)


class Credentials(Check):
    """Whether the warehouse accepts the credentials."""

    kind: Literal["credentials"] = "credentials"


class Dataset(Check):
    """Whether datasets exist: those named, else those of the pipeline's tables."""

    kind: Literal["dataset"] = "dataset"
    datasets: tuple[Name, ...] = ()


class TableExists(AboutTables):
    """Whether tables exist with the columns that the file names, and keep their partitions long enough."""

    kind: Literal["table"] = "table"


class CoverageAtLeast(AboutTables):
    """Whether tables, whole phases or needs are complete on enough of the expected dates."""

    kind: Literal["coverage"] = "coverage"
    needs: tuple[Text, ...] = ()
    at_least: Number | None = Field(default=None, ge=0, le=1)


class FileExists(AboutTables):
    """Whether files exist: those named, else the scripts and SQL of the tables' jobs."""

    kind: Literal["file"] = "file"
    files: tuple[FilePath, ...] = ()


class MustContain(AboutTables):
    """Whether files have these words; without files, whether jobs have their own in the pipeline file."""

    kind: Literal["must_contain"] = "must_contain"
    files: tuple[FilePath, ...] = ()
    words: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def both_or_none(self) -> MustContain:
        if bool(self.files) != bool(self.words):
            raise ValueError("give files and the words that each of them must contain, or neither")
        return self


class Imports(AboutTables):
    """Whether modules can be imported where jobs run: those named, else what the jobs' scripts import."""

    kind: Literal["python"] = "python"
    modules: tuple[Text, ...] = ()

    @field_validator("modules")
    @classmethod
    def are_modules(cls, modules: tuple[str, ...]) -> tuple[str, ...]:
        for module in modules:
            if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", module):
                raise ValueError(f'"{module}" is no name of a module; write one such as google.cloud')
        return modules


class Command(Check):
    """Whether a command exits with a status and prints a pattern. It never goes through a shell."""

    kind: Literal["command"] = "command"
    command: tuple[Expanded, ...] = Field(min_length=1)
    cwd: FilePath = "."
    env: Variables = Field(default_factory=lambda: NOTHING)
    exit_status: Whole = Field(default=0, ge=0, le=255)
    pattern: Word = ""

    @field_validator("command")
    @classmethod
    def has_a_program(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command[0].strip():
            raise ValueError("has an empty first word; write the program's name there")
        return command

    @field_validator("pattern")
    @classmethod
    def is_a_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"is not a regular expression ({error}); correct it") from None
        return pattern


class Http(Check):
    """Whether a URL answers with a status, and with a text."""

    kind: Literal["http"] = "http"
    url: Expanded = Field(max_length=2000)
    status: Whole = Field(default=200, ge=100, le=599)
    contains: Text = ""

    @field_validator("url")
    @classmethod
    def is_an_address(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s/]+\S*", url) or not url.isascii() or not url.isprintable():
            raise ValueError("is not an address; write one that begins with http:// or https://")
        return url


class DryRun(AboutTables):
    """Whether jobs succeed in a dry run and write nothing: the warehouse is counted before and after."""

    kind: Literal["dry_run"] = "dry_run"
    timeout: Seconds = 300
    dry_run: tuple[Word, ...] = ()
    dates: Whole = Field(default=1, ge=1, le=31)


class Cost(AboutTables):
    """Whether SQL jobs would bill less than a ceiling, by dry runs of the warehouse."""

    kind: Literal["cost"] = "cost"
    timeout: Seconds = 300
    at_most: Bytes | None = None
    at_most_price: Price | None = None


class Quota(AboutTables):
    """Whether the daily writes stay below the warehouse's limits."""

    kind: Literal["quota"] = "quota"
    loads_a_date: Number = Field(default=1, ge=0, le=1000)


class Workers(Check):
    """Whether each cluster has a live worker."""

    kind: Literal["workers"] = "workers"


class Overlap(Check):
    """Whether another run is about to fill some of the dates."""

    kind: Literal["overlap"] = "overlap"


class SeasonsHaveDates(Check):
    """Whether every season has dates, and no past date waits to become final."""

    kind: Literal["calendar"] = "calendar"


class Lookback(Check):
    """Whether the inputs of tables are complete, from before the first date on."""

    kind: Literal["lookback"] = "lookback"


class Mail(Check):
    """Whether the mail server answers."""

    kind: Literal["mail"] = "mail"


class Disk(Check):
    """Whether the disks of logs and warehouse have room."""

    kind: Literal["disk"] = "disk"
    free_mb: Whole = Field(default=1000, ge=1, le=10**9)


class Commit(Check):
    """Whether the jobs' folder is identical to a commit."""

    kind: Literal["commit"] = "commit"


AnyCheck = Annotated[
    Credentials
    | Dataset
    | TableExists
    | CoverageAtLeast
    | FileExists
    | MustContain
    | Imports
    | Command
    | Http
    | DryRun
    | Cost
    | Quota
    | Workers
    | Overlap
    | SeasonsHaveDates
    | Lookback
    | Mail
    | Disk
    | Commit,
    Field(discriminator="kind"),
]
