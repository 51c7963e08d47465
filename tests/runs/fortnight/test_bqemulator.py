"""A run of a fortnight against bqemulator, which knows BigQuery from somebody else's reading of the documentation."""

import uuid

import pytest

from apps.warehouse.bigquery.client import BigQueryWarehouse
from tests.runs.fortnight.conftest import Place
from tests.runs.fortnight.contract import Fortnight

pytestmark = pytest.mark.emulator


@pytest.fixture
def place(emulator: str, monkeypatch) -> Place:
    """Each test has a project of its own."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    project = f"shop-{uuid.uuid4().hex[:8]}"
    client = BigQueryWarehouse(project, "US", byte_limit=1024**3).client
    return Place(emulator, project, lambda sql: [row.values() for row in client.query_and_wait(sql)])


class TestBqemulator(Fortnight):
    pass
