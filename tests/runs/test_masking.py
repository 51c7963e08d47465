"""Whatever people see of a call, its secrets are not in it."""

import shlex

import pytest

from apps.runs import masking


@pytest.mark.parametrize(
    "name",
    [
        "API_KEY", "token", "DB_PASSWORD", "Client_Secret", "GOOGLE_APPLICATION_CREDENTIALS", "MYSQL_PASS",
        "PGPASSFILE", "PWD_DB", "SENTRY_DSN", "SLACK_WEBHOOK", "AUTH", "PROXY_AUTHORIZATION",
    ],
)  # fmt: skip
def test_a_variable_is_hidden_by_its_name(name):
    assert masking.environment({name: "hush", "CITY": "Oslo"}) == {name: "•••", "CITY": "Oslo"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgres://user:hush@host:5432/db", "postgres://•••@host:5432/db"),
        ("postgres://user:hu/sh@host/db", "postgres://•••@host/db"),
        ("postgres://user:hu@sh@host/db", "postgres://•••@host/db"),
        ("a://u:hush@x,b://u:hush@y", "a://•••@x,b://•••@y"),
        ("https://hush@host/a", "https://•••@host/a"),
        ("https://host/a?token=hush&b=1", "https://host/a?token=•••&b=1"),
        ('{"private_key": "hush hush", "a": 1}', '{"private_key": •••, "a": 1}'),
        ("https://host:80/a", "https://host:80/a"),
    ],
)
def test_a_login_inside_a_value_is_hidden(value, shown):
    assert masking.environment({"WAREHOUSE": value}) == {"WAREHOUSE": shown}
    assert list(masking.words([value])) == [shown]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("load --api-key=hush 2024-01-01", "load --api-key=••• 2024-01-01"),
        ("load --token hush --force", "load --token ••• --force"),
        ("load -db-pass hush", "load -db-pass •••"),
        ("load --password= --x", "load --password= --x"),
        ("load --no-auth --start 2024-01-01", "load --no-auth --start 2024-01-01"),
        ("env X_TOKEN='hush hush' load", "env X_TOKEN=••• load"),
        ("curl -H 'Authorization: Bearer hush'", "curl -H 'Authorization: •••'"),
        ("sh -c 'load --token hush --start 2024-01-01'", "sh -c 'load --token ••• --start 2024-01-01'"),
        ("load jobs/x.py --backfill-mode 2024-01-01", "load jobs/x.py --backfill-mode 2024-01-01"),
    ],
)
def test_a_secret_among_the_words_of_a_command_is_hidden(command, shown):
    assert list(masking.words(shlex.split(command))) == shlex.split(shown)
