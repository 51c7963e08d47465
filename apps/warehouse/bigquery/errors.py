"""Errors of Google's libraries as a WarehouseError with a sentence and, where a person can act, the remedy."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError, RetryError, Unauthorized
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError

from apps.warehouse.base import (
    Busy,
    Interrupted,
    QueryFailed,
    Refused,
    Unreachable,
    WarehouseError,
)
from apps.warehouse.bigquery.quotas import over_quota

NO_CREDENTIALS = (
    "there are no credentials for BigQuery here; run gcloud auth application-default login as the user that the "
    "workers run as, or let GOOGLE_APPLICATION_CREDENTIALS name a service account's key file"
)
EXPIRED = (
    "BigQuery does not accept our credentials any more; run gcloud auth application-default login again, or replace "
    "the key file that GOOGLE_APPLICATION_CREDENTIALS names"
)
TOKEN_CREATOR = "Service Account Token Creator (roles/iam.serviceAccountTokenCreator)"
NOT_ACTING = "Unable to acquire impersonated credentials"  # as google.auth.impersonated_credentials begins
NO_JOBS = "our account may not run queries in this project; give it the role BigQuery Job User (roles/bigquery.jobUser)"
# https://cloud.google.com/bigquery/docs/error-messages: these pass, for who waits and asks again.
PASSING = {
    "backendError",
    "badGateway",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "rateLimitExceeded",
    "resourceInUse",
    "tableUnavailable",
}
# The same page: these do not pass before the script, the tables or the roles are corrected.
LASTING = {"accessDenied", "invalidQuery", "notFound"}
# https://cloud.google.com/bigquery/docs/data-manipulation-language#dml_statement_conflicts: its reason is that of a
# mistake in the script, and yet it passes.
CONFLICT = "due to concurrent update"
TOO_MANY_REQUESTS, SERVER_ERRORS = 429, 500


@contextmanager
def as_warehouse_errors() -> Iterator[None]:
    """An error of Google's libraries within is raised as a WarehouseError."""
    try:
        yield
    except (GoogleAPIError, GoogleAuthError, requests.RequestException, ConnectionError) as error:
        raise warehouse_error(error) from error
    except concurrent.futures.TimeoutError as error:
        raise Interrupted("the query took too long and was ended") from error


def warehouse_error(error: BaseException) -> WarehouseError:
    if isinstance(error, RetryError) and error.cause:
        return warehouse_error(error.cause)
    match error:
        case DefaultCredentialsError():
            return Unreachable(NO_CREDENTIALS)
        case Unauthorized():
            return Unreachable(EXPIRED)
        case GoogleAPICallError():
            return refusal(reason_of(error), message_of(error))
        case RefreshError() if is_about_acting(error):
            return cannot_act_as(error, "the service account that it is to act as")
        case GoogleAuthError() if not isinstance(error, TransportError):
            return Unreachable(EXPIRED)
        case _:
            return Unreachable(
                f"BigQuery cannot be reached; look at the network. It says: {first_line(error)}"
            )


def is_about_acting(error: RefreshError) -> bool:
    """Whether our own credentials were accepted, and acting in another's name was not."""
    return str(error.args[0] if error.args else "").startswith(NOT_ACTING)


def cannot_act_as(error: RefreshError, account: str, *, ours: str = "") -> Unreachable:
    """Why we may not act in the name of a service account, as Google's answer says it, with the remedy.

    https://cloud.google.com/iam/docs/create-short-lived-credentials-direct: the role is given on the account that is
    acted as, and the API has to be on.
    """
    said = one_line(iam_says(error))
    who = ours or "the account of our login"
    if "getAccessToken" in said:
        remedy = f"give {who} the role {TOKEN_CREATOR} on {account}"
    elif "API" in said:
        remedy = "turn on the API iamcredentials.googleapis.com in the project of the account"
    else:
        remedy = f"look at {account}, which impersonate in the pipeline file names"
    return Unreachable(f"{who} may not act as {account}; {remedy}. It says: {said}")


def iam_says(error: RefreshError) -> str:
    """The message in the answer that the library keeps beside its own."""
    body = str(error.args[1]) if len(error.args) > 1 else str(error)
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body


def refusal(reason: str, message: str) -> WarehouseError:
    """The class of an error by BigQuery's reason for it."""
    if reason in PASSING or CONFLICT in message:
        return Busy(f"BigQuery asks to be asked again later: {message}")
    if reason == "quotaExceeded":
        return over_quota(message, now=dt.datetime.now(dt.UTC))
    if reason == "bytesBilledLimitExceeded":
        return QueryFailed(f"{message.rstrip('.')}; byte_limit in the pipeline file is the limit")
    if reason in ("stopped", "timeout"):
        return Interrupted("the statement was ended before its end")
    if reason == "accessDenied" and "bigquery.jobs.create" in message:
        return Unreachable(f"{NO_JOBS}. It says: {message}")
    return Refused(message, reason=reason) if reason in LASTING else QueryFailed(message)


def reason_of(error: GoogleAPICallError) -> str:
    """BigQuery's own word for what happened; that of the HTTP status where it has none."""
    if error.errors and isinstance(error.errors[0], dict) and error.errors[0].get("reason"):
        return str(error.errors[0]["reason"])
    status = error.code or SERVER_ERRORS
    return "backendError" if status == TOO_MANY_REQUESTS or status >= SERVER_ERRORS else ""


def message_of(error: GoogleAPICallError) -> str:
    if error.errors and isinstance(error.errors[0], dict) and error.errors[0].get("message"):
        return one_line(str(error.errors[0]["message"]))
    return first_line(error)


def first_line(error: BaseException) -> str:
    return one_line(str(error) or type(error).__name__)


def one_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "nothing"
