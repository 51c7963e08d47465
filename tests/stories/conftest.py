"""What stories share: the console as a browser shows it, as a shell prints it, and as programs read it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.alerts.conftest import inbox, smtp_port, team  # noqa: F401 (fixtures)
from tests.conftest import Ask
from tests.runs.pages.conftest import words
from tests.runs.preflight.conftest import checked, configure  # noqa: F401 (fixtures)


@dataclass(frozen=True)
class Console:
    """One console, asked in three ways."""

    client: Client

    def page(self, address: str) -> str:
        """The words of a page."""
        response = self.client.get(address, follow=True)
        assert response.status_code == 200, (address, response.status_code)
        return words(response.content.decode())

    def fetch(self, address: str) -> Any:
        """A JSON address."""
        return json.loads(self.client.get(address).getvalue())

    def shell(self, *said: str) -> tuple[int, str]:
        """Exit status and output of a command, as on a terminal."""
        out = StringIO()
        try:
            call_command(*said, stdout=out, stderr=out)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue()
        return 0, out.getvalue()

    def json(self, *said: str) -> Any:
        """The same command for programs."""
        return json.loads(self.shell(*said, "--json")[1])

    def row(self, name: str, *said: str) -> str:
        """One line of a command's table, with single spaces."""
        lines = self.shell(*said)[1].splitlines()
        return next(" ".join(line.split()) for line in lines if name in line)


@pytest.fixture
def console(client, operator, pipeline, transactional_db) -> Console:
    client.force_login(operator)
    return Console(client)


@pytest.fixture
def rows(ask: Ask) -> Callable[..., None]:
    """Rows that are there, whoever wrote them: `rows("daily.visits", 8, "01-05")`, or on every open day."""

    def write(table: str, number: int, *dates: str) -> None:
        more = ", NULL" if table == "daily.sales" else ""
        insert = f"INSERT INTO {table} SELECT day, i{more} FROM raw.days, range(?) r(i) WHERE open"
        if not dates:
            ask(insert, number)
        for date in dates:
            ask(f"{insert} AND day = ?", number, f"2024-{date}")

    return write
