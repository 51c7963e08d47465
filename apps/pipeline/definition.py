"""What should exist: the pipeline file, read into frozen objects."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from pydantic import ValidationError, model_validator

from apps import masking
from apps.pipeline.agreement import Sections, disagreements
from apps.pipeline.mistakes import Disagreement, in_one_line, sentences
from apps.pipeline.part import kinds
from apps.pipeline.sections import BigQuery, Need, Phase, Season, Table
from apps.text import short_names

T = TypeVar("T")


class PipelineError(Exception):
    """The pipeline file cannot be used; `problems` are sentences, each with key, value and remedy."""

    def __init__(self, path: Path, problems: Iterable[str]):
        self.path = path
        self.problems = list(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in self.problems))


class UnknownName(LookupError):
    """A person named a phase, table or season that the pipeline file does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


class Pipeline(Sections):
    """The whole definition, with common lookups."""

    @model_validator(mode="after")
    def fits_together(self) -> Pipeline:
        if problems := list(disagreements(self)):
            raise Disagreement(problems)
        for table in self.tables:
            table._short_name = self.short_names[table.name]
        return self

    @cached_property
    def short_names(self) -> dict[str, str]:
        return short_names(table.name for table in self.tables)

    @cached_property
    def by_processor(self) -> dict[str, Table]:
        """The tables by their processor's name in the run history, else by their own names."""
        known = {table.name: table for table in self.tables if not table.processor}
        named = {table.processor: table for table in self.tables if table.processor}
        return {table.short_name: table for table in known.values()} | known | named

    @cached_property
    def filled(self) -> tuple[Table, ...]:
        """The tables with jobs, in the order in which a run fills them: phase, inputs first, as written."""
        rank = {table.name: place for place, table in enumerate(self.tables)}
        place_of_phase = {phase.name: place for place, phase in enumerate(self.phases)}
        sorter = TopologicalSorter({table.name: table.follows for table in self.tables})
        depth: dict[str, int] = {}
        for name in sorter.static_order():
            depth[name] = 1 + max((depth[other] for other in self.by_name[name].follows), default=-1)
        jobs = [table for table in self.tables if table.job]
        return tuple(sorted(jobs, key=lambda t: (place_of_phase[t.phase], depth[t.name], rank[t.name])))

    @property
    def sources(self) -> tuple[Table, ...]:
        return tuple(table for table in self.tables if table.is_source)

    @property
    def folder(self) -> Path:
        """The pipeline file's folder, which its relative paths start from."""
        return self.path.parent

    @cached_property
    def zone(self) -> dt.tzinfo:
        """Where its days end."""
        return dt.UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)

    def today(self, now: dt.datetime) -> dt.date:
        """The current day in the pipeline's zone; days before it are over."""
        return now.astimezone(self.zone).date()

    @property
    def start(self) -> dt.date:
        return min(season.start for season in self.seasons)

    @property
    def end(self) -> dt.date:
        return max(season.end for season in self.seasons)

    def tables_of(self, phase: str) -> tuple[Table, ...]:
        """The phase's tables: those with jobs in the order in which a run fills them, then its sources."""
        filled = [table for table in self.filled if table.phase == phase]
        return tuple(filled + [table for table in self.sources if table.phase == phase])

    def needs_of(self, phase: str) -> tuple[Need, ...]:
        """The needs that this phase's sources serve."""
        names = {table.name for table in self.sources if table.phase == phase}
        return tuple(need for need in self.needs if names & set(need.sources))

    def season_of(self, date: dt.date) -> Season | None:
        return next((season for season in self.seasons if date in season), None)

    def season(self, name: str) -> Season:
        return pick("season", name, {season.name: season for season in self.seasons})

    def phase(self, name: str) -> Phase:
        """The phase of that name; `3`, `phase 3` and its title all name it."""
        known = {phase.name: phase for phase in self.phases}
        if name in known:
            return known[name]
        bare = re.sub(r"^phase[\s_-]*", "", name.strip(), flags=re.IGNORECASE)
        by_title = {phase.title.lower(): phase.name for phase in self.phases if phase.title}
        return pick("phase", bare if bare in known else by_title.get(bare.lower(), name), known)

    def table(self, name: str) -> Table:
        """The table of that name, with its dataset or, where that is unique, without."""
        by_short_name = {table.short_name: table.name for table in self.tables}
        return pick("table", by_short_name.get(name, name), self.by_name)

    def short_name(self, name: str) -> str:
        """A table's name without its dataset, where that is unique; also of one that left the pipeline file."""
        return self.short_names.get(name) or short_names([*self.short_names, name])[name]

    def notes_writing(self, table: Table) -> bool:
        """Whether the time at which a date was written is known; without it the table is never stale."""
        return bool(table.written_column) or isinstance(self.warehouse, BigQuery)

    def inside(self, relative: str) -> Path:
        """A path in the file, resolved from the file's folder."""
        return (self.folder / relative).resolve()


def pick(kind: str, name: str, known: Mapping[str, T]) -> T:
    if name in known:
        return known[name]
    raise UnknownName(f'There is no {kind} "{name}" in the pipeline file. Known: {", ".join(known)}.')


# Reading the file -----------------------------------------------------------------------------


def read(path: Path) -> Pipeline:
    """The pipeline of a file; PipelineError with a sentence for each problem."""
    return build(parse(path), path)


def parse(path: Path) -> dict[str, Any]:
    """The file's values, not validated yet."""
    try:
        # Editors on Windows put a byte order mark first, which is not TOML.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, RecursionError, ValueError) as error:
        raise PipelineError(path, [why_unreadable(error)]) from None


def why_unreadable(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file; set PIPELINE to the path of a pipeline file"
        case IsADirectoryError():
            return "is a folder; set PIPELINE to the pipeline file in it"
        case OSError():
            return f"cannot be read: {error.strerror}; set PIPELINE to a file that can"
        case UnicodeDecodeError():
            return "is not UTF-8 text; save it as UTF-8"
        case RecursionError():
            return "is nested too deeply to be a pipeline file; flatten it"
        case tomllib.TOMLDecodeError():
            return in_one_line(f"is not valid TOML: {error}; correct it there")
        case _:  # Python refuses to read whole numbers of thousands of digits
            return "has a number with too many digits; shorten it"


def build(values: dict[str, Any], path: Path) -> Pipeline:
    """The pipeline that these values describe."""
    if "path" in values:
        raise PipelineError(path, ["path: unknown key; remove it or correct its name"])
    try:
        pipeline = Pipeline.model_validate({**values, "path": path.resolve()})
    except ValidationError as error:
        raise PipelineError(path, sentences(error, values, known=known_keys())) from None
    for part in (*(table.job for table in pipeline.tables), *pipeline.checks):
        masking.learn(getattr(part, "env", {}))
        for words in ("command", "dry_run"):
            masking.learn_command(getattr(part, words, ()))
    return pipeline


def known_keys() -> set[str]:
    """Every key that some section of the file may have."""
    return {field.alias or name for part in kinds() for name, field in part.model_fields.items()} - {"path"}


@lru_cache(maxsize=4)
def load(path: Path) -> Pipeline:
    """The pipeline of a file, read once in a process."""
    return read(path)


def current() -> Pipeline:
    """The pipeline of the file that `PIPELINE` names, read once per process, so that no run sees half of a change."""
    return load(Path(settings.PIPELINE))


def short_name(table: str) -> str:
    """The short name of a table in the file that `PIPELINE` names; its full name if that cannot be read, since texts
    about a run must not depend on the file."""
    try:
        return current().short_name(table)
    except PipelineError:
        return table
