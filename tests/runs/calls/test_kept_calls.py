"""What is kept of a call: its words, its folder, its environment, and none of its secrets."""

import json
from pathlib import Path

import pytest

from apps.runs.models import Attempt
from tests.conftest import day

pytestmark = pytest.mark.postgresql

SECRETS = {
    '"--end", "{end}", "--safe"]': '"--end", "{end}", "--safe", "--token=hush"]',
    'shop.duckdb}" }': 'shop.duckdb}", API_KEY = "hush", STORE = "https://olga:hush@store/" }',
}


@pytest.fixture
def shop(shop: Path) -> Path:
    """The first job is given a key among its words, and a key and a login in its environment."""
    file = shop.parent / "shop.toml"
    text = file.read_text()
    for plain, secret in SECRETS.items():
        assert plain in text
        text = text.replace(plain, secret, 1)
    file.write_text(text)
    return shop


@pytest.fixture
def attempt(launch, drive) -> Attempt:
    return drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-01"))).attempts.get()


def test_no_secret_of_the_environment_is_kept(attempt):
    assert attempt.environment["API_KEY"] == "•••"
    assert attempt.environment["STORE"] == "https://•••@store/"
    assert "hush" not in json.dumps(attempt.environment)


def test_no_secret_among_the_words_is_kept(attempt):
    assert attempt.argv[-1] == "--token=•••"
    assert "hush" not in json.dumps(attempt.argv)


def test_other_arguments_and_environment_are_stored(attempt):
    assert attempt.environment["BACKFILL_RUN"] == str(attempt.run_id)
    assert attempt.argv[-4:-1] == ["--end", "2024-01-01", "--safe"]
