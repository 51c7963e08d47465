"""The server: routes of the REST API, and the handles by which a test tells it what to get wrong."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.standins.bigquery import wire
from tests.standins.bigquery.jobs import CANCELLED, Job
from tests.standins.bigquery.refusals import LOCATION, Refusal, no_dataset, no_table
from tests.standins.bigquery.store import Store

PROJECT = "shop-project"
ROWS_A_PAGE = 50_000
LONGEST_POLL = 10.0  # seconds that getQueryResults waits for a job, unless told otherwise
TOKEN = "a-token-of-the-stand-in"


@dataclass
class Trouble:
    """An error that the next queries meet: in their job, or in the call itself."""

    refusal: Refusal
    about: str | None
    times: int
    at_call: bool

    def takes(self, job: Job, *, at_call: bool) -> bool:
        if not self.times or self.at_call != at_call or self.about not in (None, kind(job)):
            return False
        self.times -= 1
        return True


def kind(job: Job) -> str:
    """What a query is about, by the label that the console gives it."""
    return job.labels.get("asks", "script")


@dataclass
class StandIn:
    """BigQuery of one project, on a port of its own. `with StandIn() as server:` starts and ends it."""

    path: str = ":memory:"
    port: int = 0
    rows_a_page: int = ROWS_A_PAGE
    jobs: dict[str, Job] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    delays: dict[str, float] = field(default_factory=dict)
    keeps: dict[str, int] = field(default_factory=dict)
    wants_token: bool = False
    has_expired: bool = False
    may_not_act: str = ""
    minds_timeouts: bool = True
    minds_cancels: bool = True
    tells_of_jobs: bool = True

    def __post_init__(self) -> None:
        self.store = Store(self.path)
        self.http = Server(("127.0.0.1", self.port), Handler)
        self.http.standin = self
        self.port = self.http.server_address[1]

    def __enter__(self) -> StandIn:
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        for job in self.jobs.values():
            job.cancel()
            job.over.wait(5)
        self.store.database.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # What a test does with it ---------------------------------------------------------------------------

    def say(self, sql: str) -> list[tuple]:
        """Performs BigQuery SQL as if somebody else had; of a query, the rows."""
        job = self.make(
            PROJECT,
            {"jobReference": {"jobId": f"said_{time.time_ns()}"}, "configuration": {"query": {"query": sql}}},
            before=lambda job: None,
        )
        job.perform()
        if job.refusal:
            raise job.refusal
        return list(job.result.rows)

    def refuse(
        self, reason: str, *, about: str | None = None, times: int = 1, at_call: bool = False, says: str = ""
    ) -> None:
        """Has the next queries, all or of a kind, end with this reason."""
        self.troubles.append(
            Trouble(Refusal(reason, says or f"refused with {reason}"), about, times, at_call)
        )

    def deny(self, table: str) -> None:
        """Nobody may read the table any more."""
        self.denied.add(table)

    def keep(self, table: str, days: int) -> None:
        """Partitions of the table are dropped after so many days."""
        self.keeps[table] = days

    def delay(self, about: str, seconds: float) -> None:
        """Queries of this kind that begin from now on take at least so long."""
        self.delays[about] = seconds

    def asked(self, about: str | None = None) -> list[Job]:
        """The queries that ran or were refused, dry ones left out."""
        return [job for job in self.jobs.values() if about in (None, kind(job))]

    def forget(self) -> None:
        """Counts from here."""
        self.jobs.clear()

    # What jobs meet --------------------------------------------------------------------------------------

    def make(self, project: str, resource: dict[str, Any], *, before: Callable[[Job], None]) -> Job:
        return Job(project, resource, self.store, before=before, minds_timeouts=self.minds_timeouts)

    def meet(self, job: Job) -> None:
        """Before a job reads anything."""
        if job.cancelled.wait(job.delay):
            raise CANCELLED
        for trouble in self.troubles:
            if trouble.takes(job, at_call=False):
                raise trouble.refusal
        for table in self.denied:
            if re.search(rf"\b{re.escape(table)}\b", job.query["query"].replace("`", "")):
                raise Refusal(
                    "accessDenied",
                    f"Access Denied: Table {job.project}:{table}: User does not have permission to query table",
                )

    # The API ---------------------------------------------------------------------------------------------

    def insert_job(self, project: str, resource: dict[str, Any]) -> dict[str, Any]:
        """https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/insert"""
        job = self.make(project, resource, before=self.meet)
        for trouble in self.troubles:
            if trouble.takes(job, at_call=True):
                raise trouble.refusal
        if job.is_dry:
            return self.look_only(job)
        if job.id in self.jobs:
            raise Refusal("duplicate", f"Already Exists: Job {project}:{job.location}.{job.id}")
        job.delay = self.delays.get(kind(job), 0)  # as it is now: a later one is of later jobs
        self.jobs[job.id] = job
        job.start()
        return job.resource

    def query(self, project: str, request: dict[str, Any]) -> dict[str, Any]:
        """https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query: a job, and its first page if in time."""
        own = {name: request[name] for name in ("labels", "dryRun", "jobTimeoutMs") if name in request}
        where = {"location": request["location"]} if "location" in request else {}
        resource = {
            "jobReference": {"jobId": f"query_{uuid.uuid4().hex}", **where},
            "configuration": own | {"query": request},
        }
        self.insert_job(project, resource)
        if request.get("dryRun"):
            return {"jobComplete": True, "schema": {"fields": []}}
        job = self.jobs[resource["jobReference"]["jobId"]]
        return self.get_results(job, {"timeoutMs": str(request.get("timeoutMs", 10_000))})

    def look_only(self, job: Job) -> dict[str, Any]:
        """A dry run reads the query and says what it would process; an error in it is the call's own."""
        job.perform()
        if job.refusal:
            raise job.refusal
        return job.resource

    def job(self, project: str, job: str, query: dict[str, str]) -> Job:
        """Where somebody says where it is, it has to be there."""
        if not self.tells_of_jobs:
            raise Refusal(
                "accessDenied", f"Access Denied: Job {project}:{job}: User does not have permission"
            )
        found, location = self.jobs.get(job), query.get("location", LOCATION)
        if not found or (found.project, found.location) != (project, location):
            raise Refusal("notFound", f"Not found: Job {project}:{location}.{job}")
        return found

    def get_results(self, job: Job, query: dict[str, str]) -> dict[str, Any]:
        job.over.wait(min(int(query.get("timeoutMs", 10_000)) / 1000, LONGEST_POLL))
        first = int(query.get("pageToken") or query.get("startIndex") or 0)
        return job.page(first, min(int(query.get("maxResults", self.rows_a_page)), self.rows_a_page))

    def get_table(self, project: str, dataset: str, table: str) -> dict[str, Any]:
        """https://cloud.google.com/bigquery/docs/reference/rest/v2/tables"""
        if not self.store.has_dataset(dataset):
            raise no_dataset(project, dataset)
        if f"{dataset}.{table}" in self.denied:
            raise Refusal(
                "accessDenied",
                f"Access Denied: Table {project}:{dataset}.{table}: Permission bigquery.tables.get denied",
            )
        if not self.store.has(dataset, table):
            raise no_table(project, dataset, table)
        found: dict[str, Any] = {
            "kind": "bigquery#table",
            "id": f"{project}:{dataset}.{table}",
            "tableReference": {"projectId": project, "datasetId": dataset, "tableId": table},
            "schema": {"fields": [wire.field(*column) for column in self.store.columns(dataset, table)]},
            "type": "TABLE",
        }
        if at := self.store.last_written.get((dataset, table)):
            found["lastModifiedTime"] = str(int(at.timestamp() * 1000))
        if partitioning := self.store.partitioning(dataset, table):
            found["timePartitioning"] = {"field": partitioning[0], "type": partitioning[1]}
            if days := self.keeps.get(f"{dataset}.{table}"):
                found["timePartitioning"]["expirationMs"] = str(days * 24 * 3600 * 1000)
        return found

    def list_tables(self, project: str, dataset: str) -> dict[str, Any]:
        if not self.store.has_dataset(dataset):
            raise no_dataset(project, dataset)
        names = self.store.ask(
            "SELECT table_name FROM standin.tables WHERE table_schema = ? ORDER BY 1", dataset
        )
        reference = {"projectId": project, "datasetId": dataset}
        tables = [{"tableReference": reference | {"tableId": name}, "type": "TABLE"} for (name,) in names]
        return {"kind": "bigquery#tableList", "tables": tables, "totalItems": len(tables)}

    def get_dataset(self, project: str, dataset: str) -> dict[str, Any]:
        if not self.store.has_dataset(dataset):
            raise no_dataset(project, dataset)
        return {
            "kind": "bigquery#dataset",
            "datasetReference": {"projectId": project, "datasetId": dataset},
            "location": LOCATION,
        }

    def list_jobs(self) -> dict[str, Any]:
        found = [
            job.resource | {"state": job.resource["status"]["state"]} for job in reversed(self.jobs.values())
        ]
        return {"kind": "bigquery#jobList", "jobs": found}

    def cancel(self, job: Job) -> dict[str, Any]:
        """https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/cancel: it may take a while to end."""
        if self.minds_cancels:
            job.cancel()
        return {"kind": "bigquery#jobCancelResponse", "job": job.resource}

    def insert_rows(self, dataset: str, table: str, body: dict[str, Any]) -> dict[str, Any]:
        """https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll"""
        self.store.stream(dataset, table, [row["json"] for row in body["rows"]])
        return {"kind": "bigquery#tableDataInsertAllResponse"}

    def token(self) -> tuple[int, dict[str, Any]]:
        """What a service account's key is exchanged for: https://developers.google.com/identity/protocols/oauth2"""
        if self.has_expired:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def token_of(self, account: str) -> tuple[int, dict[str, Any]]:
        """A token of a service account that the caller acts as:
        https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
        """
        if self.may_not_act:
            status = {"code": 403, "message": self.may_not_act, "status": "PERMISSION_DENIED"}
            return 403, {"error": status}
        return 200, {"accessToken": TOKEN, "expireTime": "2100-01-01T00:00:00Z"}

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        for verb, pattern, call in ROUTES:
            if verb == method and (found := re.fullmatch(pattern, path)):
                return call(self, found.groupdict(), query, body)
        raise Refusal("notFound", f"the stand-in does not know {method} {path}")


AT = r"/bigquery/v2/projects/(?P<project>[^/]+)"
TABLE = rf"{AT}/datasets/(?P<dataset>[^/]+)/tables/(?P<table>[^/]+)"
JOB = r"(?P<job>[^/]+)"
ACTING = r"/v1/projects/-/serviceAccounts/(?P<account>[^/:]+):generateAccessToken"
Call = Callable[[StandIn, dict[str, str], dict[str, str], dict[str, Any]], dict[str, Any]]
ROUTES: tuple[tuple[str, str, Call], ...] = (
    ("POST", rf"{AT}/jobs", lambda s, at, query, body: s.insert_job(at["project"], body)),
    ("GET", rf"{AT}/jobs", lambda s, at, query, body: s.list_jobs()),
    ("GET", rf"{AT}/jobs/{JOB}", lambda s, at, query, body: s.job(**at, query=query).resource),
    ("POST", rf"{AT}/jobs/{JOB}/cancel", lambda s, at, query, body: s.cancel(s.job(**at, query=query))),
    ("POST", rf"{AT}/queries", lambda s, at, query, body: s.query(at["project"], body)),
    (
        "GET",
        rf"{AT}/queries/{JOB}",
        lambda s, at, query, body: s.get_results(s.job(**at, query=query), query),
    ),
    ("GET", rf"{AT}/datasets/(?P<dataset>[^/]+)", lambda s, at, query, body: s.get_dataset(**at)),
    ("GET", rf"{AT}/datasets/(?P<dataset>[^/]+)/tables", lambda s, at, query, body: s.list_tables(**at)),
    ("GET", TABLE, lambda s, at, query, body: s.get_table(**at)),
    (
        "POST",
        rf"{TABLE}/insertAll",
        lambda s, at, query, body: s.insert_rows(at["dataset"], at["table"], body),
    ),
)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    standin: StandIn


class Handler(BaseHTTPRequestHandler):
    """HTTP as the client speaks it: one connection for many calls."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.reply("GET")

    def do_POST(self) -> None:
        self.reply("POST")

    def reply(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        if url.path == "/token":
            self.send(*self.server.standin.token())
            return
        if found := re.fullmatch(ACTING, url.path):
            self.send(*self.server.standin.token_of(found["account"]))
            return
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        try:
            self.refuse_strangers()
            body = json.loads(raw) if raw else {}
            self.send(200, self.server.standin.answer(method, url.path, query, body))
        except Refusal as refusal:
            self.send(refusal.status, refusal.body)

    def refuse_strangers(self) -> None:
        standin = self.server.standin
        if standin.wants_token and (
            standin.has_expired or self.headers.get("Authorization") != f"Bearer {TOKEN}"
        ):
            raise Refusal("authError", "Request had invalid authentication credentials.")

    def send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass
