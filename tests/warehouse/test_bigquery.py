"""BigQuery keeps the contract, through the real client against the stand-in."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth import iam

from apps.warehouse.base import Busy, Interrupted, OverQuota, QueryFailed, Unreachable
from apps.warehouse.bigquery.client import BigQueryWarehouse
from tests.standins.bigquery import PROJECT, StandIn, keys
from tests.warehouse.bigquery_shop import ENDLESS, TABLES
from tests.warehouse.contract import FIRST, SALES, SCORES, SECOND, Contract, never

GIGABYTE = 1024**3


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn() as server:
        for statement in TABLES:
            server.say(statement)
        yield server


@pytest.fixture
def warehouse(server: StandIn, monkeypatch) -> BigQueryWarehouse:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    return BigQueryWarehouse(PROJECT, "US", byte_limit=GIGABYTE, patience=2)


@pytest.fixture
def ask(server: StandIn):
    return server.say


class TestBigQuery(Contract):
    endless = ENDLESS


# What every query carries -----------------------------------------------------------------------------


def test_every_query_has_a_label_a_byte_limit_and_a_time_limit(server, warehouse):
    warehouse.count([SALES])

    (asked,) = server.asked()
    assert asked.labels == {"application": "backfill-console", "asks": "count"}
    assert (asked.byte_limit, asked.configuration["jobTimeoutMs"]) == (GIGABYTE, "600000")


def test_dates_are_parameters(server, warehouse):
    warehouse.count([SALES], start=FIRST, end=SECOND)

    (asked,) = server.asked()
    assert asked.values == {"start_0": FIRST, "end_0": SECOND}
    assert "2024" not in asked.query["query"]


def test_billed_bytes_are_added_up(warehouse):
    warehouse.count([SALES, SCORES])

    assert warehouse.bytes_billed == 20 * 1024**2  # BigQuery bills 10 MB of each table at least


def test_a_query_that_would_bill_more_than_its_limit_is_refused(server, monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    strict = BigQueryWarehouse(PROJECT, "US", byte_limit=10 * 1024**2)

    with pytest.raises(QueryFailed, match="byte_limit in the pipeline file is the limit"):
        strict.calendar("SELECT day AS date, 1 AS units FROM shop.sales JOIN shop.history USING (day)")


def test_results_of_many_pages_are_read_to_their_end(server, warehouse):
    server.rows_a_page = 7
    query = (
        "SELECT day AS date, 1 AS units FROM UNNEST(GENERATE_DATE_ARRAY('2024-01-01', '2024-01-31')) AS day"
    )

    assert len(warehouse.calendar(query)) == 31


# What BigQuery says no with ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "kind", "says"),
    [
        ("rateLimitExceeded", Busy, "asked again later"),
        ("backendError", Busy, "asked again later"),
        ("quotaExceeded", OverQuota, "quota of BigQuery that it does not name is used up"),
        ("accessDenied", QueryFailed, "refused with accessDenied"),
        ("invalidQuery", QueryFailed, "refused with invalidQuery"),
        ("notFound", QueryFailed, "refused with notFound"),
    ],
)
@pytest.mark.parametrize("at_call", [False, True])
def test_the_reason_decides_the_class(server, warehouse, reason, kind, says, at_call):
    """https://cloud.google.com/bigquery/docs/error-messages"""
    server.refuse(reason, times=100, at_call=at_call)

    with pytest.raises(kind, match=says):
        warehouse.calendar("SELECT DATE '2024-01-01' AS date, 1 AS units")


def test_a_temporarily_refused_request_is_retried(server, warehouse):
    server.refuse("rateLimitExceeded", times=1, at_call=True)

    assert warehouse.count([SALES]).of("shop.sales", FIRST).rows == 2


def test_an_account_without_permission_to_query_gets_the_role_it_needs(server, warehouse):
    says = f"Access Denied: Project {PROJECT}: User does not have bigquery.jobs.create permission"
    server.refuse("accessDenied", at_call=True, says=says)

    with pytest.raises(Unreachable, match=r"roles/bigquery\.jobUser"):
        warehouse.calendar("SELECT 1")


def test_a_query_that_takes_too_long_is_ended_on_the_server(server, monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    server.delay("count", 60)
    server.minds_timeouts = False
    hasty = BigQueryWarehouse(PROJECT, "US", byte_limit=GIGABYTE, query_timeout=0.2)

    with pytest.raises(Interrupted):
        hasty.count([SALES])

    (asked,) = server.asked("count")
    assert asked.cancelled.is_set()


def test_all_queries_use_the_configured_project_and_location(server, warehouse):
    warehouse.scan([SALES], start=FIRST, end=FIRST, known=lambda table: {})
    warehouse.calendar("SELECT DATE '2024-01-01' AS date, 1 AS units")

    assert {(job.project, job.location) for job in server.asked()} == {(PROJECT, "US")}


def test_a_location_that_is_not_the_datasets_is_named(warehouse):
    """https://cloud.google.com/bigquery/docs/locations"""
    abroad = BigQueryWarehouse(PROJECT, "EU", byte_limit=GIGABYTE, patience=2)

    assert "not found in location EU" in abroad.count([SALES]).problems["shop.sales"]


def test_a_server_that_is_not_there_is_unreachable(monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)

    with pytest.raises(Unreachable, match="BigQuery cannot be reached; look at the network"):
        BigQueryWarehouse(PROJECT, "US", byte_limit=GIGABYTE, patience=0.1).count([SALES])
    with pytest.raises(Unreachable, match="BigQuery cannot be reached; look at the network"):
        BigQueryWarehouse(PROJECT, "US", byte_limit=GIGABYTE, patience=0.1).check_connection()


# Credentials ------------------------------------------------------------------------------------------


@pytest.fixture
def key(server: StandIn, warehouse: BigQueryWarehouse, tmp_path: Path, monkeypatch) -> None:
    """A service account's key is asked for."""
    server.wants_token = True
    monkeypatch.setenv(
        "GOOGLE_APPLICATION_CREDENTIALS", str(keys.write(tmp_path / "key.json", server.url, PROJECT))
    )


@pytest.mark.usefixtures("key")
def test_a_key_file_opens_the_warehouse(warehouse):
    assert warehouse.count([SALES]).of("shop.sales", FIRST).rows == 2


@pytest.mark.usefixtures("key")
def test_an_expired_credential_is_refused_with_a_remedy(server, warehouse):
    server.has_expired = True

    with pytest.raises(Unreachable, match="does not accept our credentials any more; run gcloud auth"):
        warehouse.count([SALES])


@pytest.mark.usefixtures("key")
def test_a_credential_withdrawn_between_two_queries_is_refused_with_the_reason(server, warehouse):
    warehouse.count([SALES])
    server.has_expired = True

    with pytest.raises(Unreachable, match="does not accept our credentials any more"):
        warehouse.count([SALES])


@pytest.mark.parametrize(
    "ask",
    [
        lambda warehouse: warehouse.count([SALES]),
        lambda warehouse: warehouse.write_quotas(["shop.sales"]),
        lambda warehouse: warehouse.expirations(["shop.sales"]),
        lambda warehouse: warehouse.end_sql("run_1_attempt_2"),
    ],
    ids=["count", "write quotas", "expirations", "end_sql"],
)
def test_missing_credentials_are_reported_with_a_remedy(tmp_path, monkeypatch, ask):
    for name in ("BIGQUERY_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")

    with pytest.raises(Unreachable, match="run gcloud auth application-default login"):
        ask(BigQueryWarehouse(PROJECT, "US", byte_limit=GIGABYTE))


OURS, READER = (f"{name}@{PROJECT}.iam.gserviceaccount.com" for name in ("console", "reader"))
# As Google words it: https://cloud.google.com/iam/docs/troubleshoot-policies
NO_ROLE = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
API_IS_OFF = "IAM Service Account Credentials API has not been used in project 1 before or it is disabled."


@pytest.fixture
def acting(server: StandIn, key: None, monkeypatch) -> BigQueryWarehouse:
    """A warehouse that is asked in the name of another service account."""
    monkeypatch.setattr(
        iam, "_IAM_ENDPOINT", f"{server.url}/v1/projects/-/serviceAccounts/{{}}:generateAccessToken"
    )
    return BigQueryWarehouse(PROJECT, "US", byte_limit=GIGABYTE, patience=2, impersonate=READER)


def test_a_service_account_may_be_impersonated(acting):
    assert acting.client._credentials.service_account_email == READER
    assert acting.count([SALES]).of("shop.sales", FIRST).rows == 2


def test_refused_impersonation_is_reported_with_the_role_that_is_needed(server, acting):
    server.may_not_act = NO_ROLE

    with pytest.raises(Unreachable) as refused:
        acting.count([SALES])

    assert str(refused.value) == (
        f"{OURS} may not act as {READER}; give {OURS} the role Service Account Token Creator "
        f"(roles/iam.serviceAccountTokenCreator) on {READER}. It says: {NO_ROLE}"
    )


def test_an_api_that_is_off_is_no_missing_role(server, acting):
    server.may_not_act = API_IS_OFF

    with pytest.raises(Unreachable, match=r"turn on the API iamcredentials\.googleapis\.com"):
        acting.count([SALES])


def test_expired_credentials_are_not_reported_as_refused_impersonation(server, acting):
    server.has_expired = True

    with pytest.raises(Unreachable, match="does not accept our credentials any more"):
        acting.count([SALES])


# Scripts as jobs --------------------------------------------------------------------------------------


def insert(warehouse: BigQueryWarehouse, *, job_id: str, **changes) -> int:
    known = {"start": FIRST, "end": FIRST, "timeout": 30, "stopped": never, "job_id": job_id}
    return warehouse.run_sql("INSERT INTO shop.sales SELECT @start_date, 9", **(known | changes))


def test_a_job_of_one_id_is_performed_once(server, warehouse, ask):
    insert(warehouse, job_id="run_1_attempt_2")

    insert(warehouse, job_id="run_1_attempt_2")

    assert ask("SELECT COUNT(*) FROM shop.sales WHERE item = 9") == [(1,)]


def test_a_job_that_failed_is_not_performed_again_under_its_id(server, warehouse):
    server.refuse("invalidQuery", times=1)
    for _ in range(2):
        with pytest.raises(QueryFailed, match="refused with invalidQuery"):
            insert(warehouse, job_id="run_1_attempt_2")

    assert len(server.asked("script")) == 1


def test_a_job_has_the_labels_of_its_run(server, warehouse):
    insert(warehouse, job_id="run_1_attempt_2", labels={"run": "1", "attempt": "2"})

    (job,) = server.asked("script")
    assert job.labels == {"application": "backfill-console", "run": "1", "attempt": "2"}


def test_a_job_that_is_stopped_is_cancelled_on_the_server(server, warehouse):
    server.delay("script", 60)

    with pytest.raises(Interrupted):
        insert(warehouse, job_id="run_1_attempt_2", stopped=lambda: True)

    assert server.jobs["run_1_attempt_2"].cancelled.is_set()


def test_a_job_whose_caller_died_is_ended_by_its_id(server, warehouse):
    server.delay("script", 60)
    config = warehouse.config({"start_date": FIRST, "end_date": FIRST}, {}, 30)
    warehouse.jobs.begin("INSERT INTO shop.sales SELECT @start_date, 9", config, "run_1_attempt_2")

    assert warehouse.end_sql("run_1_attempt_2")

    assert server.jobs["run_1_attempt_2"].cancelled.is_set()


def test_a_finished_or_unknown_job_is_not_cancelled(warehouse):
    insert(warehouse, job_id="run_1_attempt_2")

    assert not warehouse.end_sql("run_1_attempt_2")
    assert not warehouse.end_sql("run_1_attempt_3")


def test_a_script_that_creates_a_table_is_not_wrapped_in_a_transaction(server, warehouse):
    """https://cloud.google.com/bigquery/docs/transactions: what makes tables cannot be in a transaction."""
    script = "CREATE TABLE shop.kept AS SELECT @start_date AS day; INSERT INTO shop.kept SELECT @end_date"

    done = warehouse.run_sql(script, start=FIRST, end=SECOND, timeout=30, stopped=never)

    (job,) = server.asked("script")
    assert (done, job.query["query"]) == (2, script)


# Before a launch --------------------------------------------------------------------------------------


def test_a_rehearsal_reports_the_bytes_a_script_would_read_and_changes_nothing(server, warehouse, ask):
    script = "DELETE FROM shop.sales WHERE day = @start_date; INSERT INTO shop.sales SELECT day, 1 FROM shop.history"

    said = warehouse.rehearse(script, start=FIRST, end=FIRST, timeout=30, stopped=never)

    assert (said, server.asked()) == ("would read 0.0 MB", [])
    assert ask("SELECT COUNT(*) FROM shop.sales") == [(6,)]


def test_a_rehearsal_reports_errors(warehouse):
    with pytest.raises(QueryFailed, match=r"Table shop-project:shop\.nothing was not found"):
        warehouse.rehearse("SELECT 1 FROM shop.nothing", start=FIRST, end=FIRST, timeout=30, stopped=never)


def test_an_update_of_as_many_rows_changes_the_fingerprint_of_its_table(server, warehouse):
    server.say("CREATE TABLE shop.other (day DATE)")
    before = warehouse.fingerprints(["shop.sales", "shop.other", "shop.nothing"])

    server.say("UPDATE shop.sales SET day = day WHERE true")

    after = warehouse.fingerprints(["shop.sales", "shop.other", "shop.nothing"])
    assert after.changed(before) == ["shop.sales"]


def test_partition_expiration_is_reported_by_table(server, warehouse):
    server.say("CREATE TABLE shop.short (day DATE) PARTITION BY day")
    server.keep("shop.short", days=60)

    assert warehouse.expirations(["shop.short", "shop.sales", "shop.nothing"]) == {
        "shop.short": dt.timedelta(60)
    }
