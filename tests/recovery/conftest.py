"""A served console in the middle of a run, to which something is about to happen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recovery.console import PASSWORD, Browser, Running
from tests.workers.conftest import folder, hurried, journal, migrated, serve, times
from tests.workers.served import Served, manage, wait_until

__all__ = ["folder", "hurried", "journal", "migrated", "serve", "times"]


@pytest.fixture
def begin(shop: Path, fault, folder, serve, journal, monkeypatch) -> Callable[..., Running]:
    """Launches a run of the shop, a date a call, and serves it until its sixth date, which takes so many seconds."""

    def start(*arguments: str, sixth: float = 600, **options: object) -> Running:
        monkeypatch.setenv("TEST_PIPELINE", str(shop.parent / "shop.toml"))
        fault("daily.sales", "01-06", f"sleep {sixth}")
        launch = ("backfill", "--table", "sales", "--season", "winter", "--batch", "1", "--yes")
        for words in (("scan",), launch):
            done = manage(folder, *words)
            assert done.returncode == 0, done.stderr
        running = Running(serve(*arguments, **options), folder / "journal")
        wait_until(lambda: running.steps("running") and running.steps("succeeded") == 5, "it is at the sixth")
        running.job()
        running.served.look()
        return running

    return start


@pytest.fixture
def log_in(folder: Path, monkeypatch) -> Callable[..., Browser]:
    """A browser in which an administrator is logged in."""

    def enter(served: Served, name: str = "anna") -> Browser:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        made = manage(
            folder, "createsuperuser", "--noinput", "--username", name, "--email", f"{name}@shop.example"
        )
        assert made.returncode == 0, made.stderr
        return Browser(served, name)

    return enter
