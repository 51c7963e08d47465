"""What the tests of the coverage pages share: a page as a viewer gets it, and rows for a table."""

from collections.abc import Callable

import pytest

from tests.conftest import day
from tests.coverage.verifying import filled, history, rescan, rewrite, scan_again, verify  # noqa: F401 (fixtures)
from tests.runs.preflight.conftest import checked  # noqa: F401 (a fixture)


@pytest.fixture
def read(client, viewer) -> Callable[..., str]:
    """A page's text, as a viewer gets it."""
    client.force_login(viewer)

    def get(address: str, **headers: str) -> str:
        response = client.get(address, headers=headers)
        assert response.status_code == 200, response.status_code
        return response.content.decode()

    return get


@pytest.fixture
def fill(ask) -> Callable[..., None]:
    """Rows for a table on a date: as many as a complete date of daily.sales has, or some other number."""

    def insert(table: str, date: str, rows: int = 8) -> None:
        extra = ", NULL" if table == "daily.sales" else ""
        ask(f"INSERT INTO {table} SELECT ?, i{extra} FROM range(?) rows(i)", day(date), rows)

    return insert
