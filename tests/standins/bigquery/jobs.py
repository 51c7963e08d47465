"""Jobs: each performs a script in a thread of its own, and can be cancelled.

https://cloud.google.com/bigquery/docs/reference/rest/v2/Job
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb

from tests.standins.bigquery import estimate, translation, wire
from tests.standins.bigquery.refusals import LOCATION, Refusal, elsewhere, refused
from tests.standins.bigquery.store import Store
from tests.standins.bigquery.translation import Statement

CANCELLED = Refusal("stopped", "Job execution was cancelled: User requested cancellation")


@dataclass
class Result:
    schema: list[dict[str, str]] = field(default_factory=list)
    rows: Sequence[Sequence[Any]] = ()
    affected: int | None = None


class Job:
    """What was asked, how far it is, and what came of it."""

    def __init__(
        self,
        project: str,
        resource: dict[str, Any],
        store: Store,
        *,
        before: Callable[[Job], None],
        minds_timeouts: bool = True,
    ):
        self.project = project
        self.configuration = resource["configuration"]
        self.reference = {"projectId": project, "location": LOCATION, **resource.get("jobReference", {})}
        self.store = store
        self.before = before
        self.created = time.time()
        self.delay = 0.0  # seconds that it waits before it reads anything
        self.finished: float | None = None
        self.refusal: Refusal | None = None
        self.result = Result()
        self.processed: dict[str, int] = {}
        self.to_bill = 0  # of each statement by itself
        self.statements: list[Statement] = []
        self.over = threading.Event()
        self.cancelled = threading.Event()
        self.cursor: duckdb.DuckDBPyConnection | None = None
        self.thread = threading.Thread(target=self.perform, daemon=True)
        # jobTimeoutMs: the job is ended when its time is over, whoever waits for it; BigQuery promises to attempt it.
        limit = self.configuration.get("jobTimeoutMs") if minds_timeouts else None
        self.timer = threading.Timer(int(limit) / 1000 if limit else 6 * 3600, self.cancel)
        self.timer.daemon = True

    def start(self) -> None:
        self.timer.start()
        self.thread.start()

    # What was asked -------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        return self.reference["jobId"]

    @property
    def location(self) -> str:
        return self.reference["location"]

    @property
    def query(self) -> dict[str, Any]:
        return self.configuration["query"]

    @property
    def labels(self) -> dict[str, str]:
        return self.configuration.get("labels", {})

    @property
    def values(self) -> dict[str, Any]:
        return wire.parameters(self.query.get("queryParameters", ()))

    @property
    def is_dry(self) -> bool:
        return bool(self.configuration.get("dryRun"))

    @property
    def byte_limit(self) -> int | None:
        limit = self.query.get("maximumBytesBilled")
        return int(limit) if limit else None

    @property
    def bytes_billed(self) -> int:
        return 0 if self.is_dry or self.refusal else self.to_bill

    # How it goes ----------------------------------------------------------------------------------------

    def perform(self) -> None:
        try:
            self.before(self)
            self.read()
            if self.is_dry:
                self.check()
            if not self.is_dry:
                self.perform_all()
        except Refusal as refusal:
            self.refusal = refusal
        except duckdb.Error as error:
            self.refusal = CANCELLED if self.cancelled.is_set() else refused(error)
        except Exception as error:
            self.refusal = Refusal("internalError", f"the stand-in failed: {error!r}")
        self.timer.cancel()
        if self.cursor:
            self.cursor.close()
        self.finished = time.time()
        self.over.set()

    def read(self) -> None:
        self.statements = translation.translate(self.query["query"], self.store, self.project)
        if len(self.statements) == 1 or self.is_dry:
            for statement in self.statements:
                self.look_at(statement)

    def check(self) -> None:
        """A dry run finds names that are not there, as far as they can be known before anything ran."""
        with self.store.cursor() as cursor:
            for statement in self.statements:
                if statement.answers:
                    given = {name: self.values[name] for name in statement.parameters if name in self.values}
                    cursor.execute(f"EXPLAIN {statement.sql}", given or None)

    def look_at(self, statement: Statement) -> None:
        """Looks names up and adds up what it reads; refused where that is more than may be billed."""
        if statement.reads | statement.writes and self.location != LOCATION:
            raise elsewhere(self.project, self.location)
        translation.look_up(statement, self.store, self.project)
        statement.sql = statement.sql or translation.for_duckdb(statement.tree)
        found = estimate.processed(statement, self.store, self.values)
        for name, size in found.items():
            self.processed[name] = self.processed.get(name, 0) + size
        self.to_bill += estimate.billed(found)
        wanted = self.to_bill
        if self.byte_limit is not None and wanted > self.byte_limit:
            raise Refusal(
                "bytesBilledLimitExceeded",
                f"Query exceeded limit for bytes billed: {self.byte_limit}. {wanted} or higher required.",
            )

    def perform_all(self) -> None:
        """https://cloud.google.com/bigquery/docs/transactions: what is open at the end, or at an error, is undone."""
        self.cursor = self.store.cursor()
        for statement in self.statements:
            if self.cancelled.is_set():
                raise CANCELLED
            if len(self.statements) > 1:
                self.look_at(statement)
            self.perform_one(self.cursor, statement)

    def perform_one(self, cursor: duckdb.DuckDBPyConnection, statement: Statement) -> None:
        if statement.views:
            self.store.survey()
        given = {name: self.values[name] for name in statement.parameters if name in self.values}
        if missing := statement.parameters - set(given):
            raise Refusal("invalidQuery", f"Query parameter '{missing.pop()}' not found at [1:1]")
        found = cursor.execute(statement.sql, given or None)
        if statement.answers:
            schema = [wire.field(column[0], str(column[1])) for column in found.description]
            self.result = Result(schema, found.fetchall())
        elif statement.writes:
            self.result = Result(affected=affected(found, statement))
            if statement.partitions:
                self.store.partition(*statement.target, *statement.partitions)
            self.store.note_write(statement.writes)

    def cancel(self) -> None:
        self.cancelled.set()
        with suppress(duckdb.ConnectionException):  # it is over
            if self.cursor:
                self.cursor.interrupt()

    # What is told of it ---------------------------------------------------------------------------------

    @property
    def resource(self) -> dict[str, Any]:
        is_over = self.over.is_set()
        status: dict[str, Any] = {"state": "DONE" if is_over else "RUNNING"}
        if is_over and self.refusal:
            status |= {"errorResult": self.refusal.proto, "errors": [self.refusal.proto]}
        return {
            "kind": "bigquery#job",
            "id": f"{self.project}:{self.location}.{self.id}",
            "jobReference": self.reference,
            "configuration": self.configuration | {"jobType": "QUERY"},
            "status": status,
            "statistics": self.statistics,
            "user_email": "console@standin.example",
        }

    @property
    def statistics(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "creationTime": str(int(1000 * self.created)),
            "startTime": str(int(1000 * self.created)),
        }
        if self.finished:
            found["endTime"] = str(int(1000 * self.finished))
        total = str(sum(self.processed.values()))
        about = {"totalBytesProcessed": total, "totalBytesBilled": str(self.bytes_billed), "cacheHit": False}
        if self.statements:
            about["statementType"] = "SCRIPT" if len(self.statements) > 1 else self.statements[0].kind
        if self.result.affected is not None:
            about["numDmlAffectedRows"] = str(self.result.affected)
        if len(self.statements) > 1:
            found["numChildJobs"] = str(len(self.statements))
        return found | {"totalBytesProcessed": total, "query": about}

    def page(self, first: int, most: int) -> dict[str, Any]:
        """https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults"""
        answer: dict[str, Any] = {
            "kind": "bigquery#getQueryResultsResponse",
            "jobReference": self.reference,
            "jobComplete": self.over.is_set(),
        }
        if not self.over.is_set():
            return answer
        if self.refusal:
            raise self.refusal
        answer |= {
            "schema": {"fields": self.result.schema},
            "totalBytesProcessed": str(sum(self.processed.values())),
        }
        if self.result.schema:
            answer["totalRows"] = str(len(self.result.rows))
        if self.result.affected is not None:
            answer["numDmlAffectedRows"] = str(self.result.affected)
        last = min(first + most, len(self.result.rows))
        if last > first:
            answer["rows"] = wire.rows(self.result.schema, self.result.rows[first:last])
        if most and last < len(self.result.rows):
            answer["pageToken"] = str(last)
        return answer


def affected(found: duckdb.DuckDBPyConnection, statement: Statement) -> int | None:
    if statement.kind not in ("INSERT", "UPDATE", "DELETE", "MERGE"):
        return None
    row = found.fetchone()
    return row[0] if row else 0
