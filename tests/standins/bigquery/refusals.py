"""Errors as BigQuery words them: https://cloud.google.com/bigquery/docs/error-messages"""

from __future__ import annotations

import re
from typing import Any

import duckdb

LOCATION = "US"  # where all datasets are
STATUS = {
    "accessDenied": 403,
    "authError": 401,
    "backendError": 503,
    "bytesBilledLimitExceeded": 400,
    "duplicate": 409,
    "internalError": 500,
    "invalid": 400,
    "invalidQuery": 400,
    "notFound": 404,
    "quotaExceeded": 403,
    "rateLimitExceeded": 403,
    "stopped": 400,
}


class Refusal(Exception):
    """What the API says no with."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def status(self) -> int:
        return STATUS[self.reason]

    @property
    def proto(self) -> dict[str, str]:
        """As a job's errorResult: https://cloud.google.com/bigquery/docs/reference/rest/v2/ErrorProto"""
        return {"reason": self.reason, "message": self.message, "location": "query"}

    @property
    def body(self) -> dict[str, Any]:
        """As the answer of a call."""
        proto = {"domain": "global", "reason": self.reason, "message": self.message}
        return {"error": {"code": self.status, "message": self.message, "errors": [proto]}}


def no_table(project: str, dataset: str, table: str) -> Refusal:
    return Refusal(
        "notFound", f"Not found: Table {project}:{dataset}.{table} was not found in location {LOCATION}"
    )


def elsewhere(project: str, location: str) -> Refusal:
    """A query runs in one place and sees what is there: https://cloud.google.com/bigquery/docs/locations"""
    return Refusal("notFound", f"Not found: Dataset of {project} was not found in location {location}")


def no_dataset(project: str, dataset: str) -> Refusal:
    return Refusal("notFound", f"Not found: Dataset {project}:{dataset} was not found in location {LOCATION}")


def refused(error: duckdb.Error) -> Refusal:
    """What DuckDB says, in BigQuery's words."""
    if isinstance(error, duckdb.InterruptException):
        return Refusal("stopped", "Job execution was cancelled: User requested cancellation")
    first = str(error).strip().splitlines()[0]
    if found := re.search(r'Referenced column "(\w+)"', first):
        return Refusal("invalidQuery", f"Unrecognized name: {found[1]} at [1:1]")
    if found := re.search(r'invalid date field format: "(.*?)"', first):
        return Refusal("invalidQuery", f"Invalid date: '{found[1]}'")
    return Refusal("invalidQuery", first)
