"""What the tests of the coverage pages share: a page as a viewer gets it, and rows for a table."""

from collections.abc import Callable

import pytest

from tests.conftest import day
from tests.coverage.verifying import filled, history, rescan, scan_again, verify  # noqa: F401 (fixtures)
from tests.runs.preflight.conftest import checked  # noqa: F401 (a fixture)


@pytest.fixture
def read(viewing) -> Callable[..., str]:
    """A page's text, as a viewer gets it."""

    def get(address: str, **headers: str) -> str:
        response = viewing.get(address, headers=headers)
        assert response.status_code == 200, response.status_code
        return response.content.decode()

    return get


@pytest.fixture
def lose(ask) -> Callable[..., None]:
    """Takes dates away from a source: `lose("raw.orders", "01-05")`."""

    def delete(table: str, *dates: str) -> None:
        for date in dates:
            ask(f"DELETE FROM {table} WHERE day = ?", day(date))

    return delete


@pytest.fixture
def lose_everywhere(lose) -> Callable[..., None]:
    """Takes dates away from both sources of orders."""
    return lambda *dates: [lose(table, *dates) for table in ("raw.orders", "raw.orders_backup")]


@pytest.fixture
def fill(ask) -> Callable[..., None]:
    """Rows for a table on some dates: as many as a complete date of daily.sales has, or some other number."""

    def insert(table: str, *dates: str, rows: int = 8) -> None:
        for date in dates:
            ask(
                f"INSERT INTO {table} (day, item) SELECT CAST(? AS DATE), i FROM range(?) rows(i)",
                day(date),
                rows,
            )

    return insert
