"""Whatever people see of a call, its secrets are not in it."""

import shlex

import pytest

from apps import masking


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
def test_a_secret_argument_of_a_command_is_hidden(command, shown):
    assert list(masking.words(shlex.split(command))) == shlex.split(shown)


LONG = "Q2xhdWRlIGlzIGEga2V5IG9mIHNpeHR5LWZvdXIgbGV0dGVycyBvZiBiYXNlNjQh"


@pytest.mark.parametrize(
    "said",
    [
        "login failed: password=s3cr3t!x for olga",
        'config {"client_secret": "s3cr3t!x"} was refused',
        "Authorization: Bearer s3cr3t.x-y_z",
        "sent with bearer s3cr3t.x-y_z12",
        "called as load --api-key s3cr3t!x --force",
        "dbPassword = s3cr3t!x",
        "GET https://host/a?key=s3cr3t!x&day=1 gave 403",
        "https://store/o?X-Amz-Signature=s3cr3t!x",
        "could not connect to postgres://olga:s3cr3t!x@host/db",
        "AKIAS3CR3TABCDEFGHIJ is not allowed",
        "quota of AIzas3cr3tABCDEFGHIJKLMNOPQRSTUVWXYZ01234 is used up",
        "ghp_s3cr3tABCDEFGHIJKLMNOPQRST is revoked",
        "xoxb-s3cr3t-12345678",
        "-----BEGIN RSA PRIVATE KEY-----\ns3cr3t\nABC=\n-----END RSA PRIVATE KEY-----",
        r'"private_key": "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----\n"',
        "eyJhbGciOiJIUzI1NiJ9.s3cr3tS3cr3t.abc",
    ],
)  # fmt: skip
def test_text_that_looks_like_a_secret_is_hidden(said):
    assert "s3cr3t" not in masking.text(said).lower()
    assert masking.text(masking.text(said)) == masking.text(said)


@pytest.mark.parametrize(
    "said",
    [
        "KeyError: 'game_date'", 'duplicate key "item: 7" violates a constraint', "Key (id)=(5) already exists",
        "passed: 12 of 14", "4 tokens: 500 requests", "AuthenticationError: no account", "author: olga",
        "2024-01-05: numeric overflow exceeds DECIMAL(5,2)", "http://localhost:8000/runs/1/", "keys=7 rows=12",
        "IO Error: Could not set lock on file /x/y.duckdb: Conflicting lock is held in PID 42",
    ],
)  # fmt: skip
def test_text_that_only_resembles_a_secret_is_kept(said):
    assert masking.text(said) == said


def test_a_truncated_private_key_is_hidden_in_a_log_excerpt():
    assert masking.text(f"\n{LONG}\nABC=\n-----END PRIVATE KEY-----\nnext") == "\n•••\n•••\nnext"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DB_PASSWORD", "geheim", "geheim"),
        ("SLACK_WEBHOOK", "T00/B00-xyz", "T00/B00-xyz"),
        ("API_TOKEN", "a b/c+d", "a%20b%2Fc%2Bd"),
        ("STORE", "https://olga:sesam-7@store/", "sesam-7"),
        ("GCP_KEY", "first line of it is long\nsecond line", "first line of it is long"),
        ("API_TOKEN", "84736251", "84736251"),
        ("LAND_PASS", "swordfish", "swordfish"),
        ("SERVICE_AUTH", "opensesame", "opensesame"),
        ("SIGNKEY", "blue_whale", "blue_whale"),
        ("QPASS", "fish", "fish"),
        ("DB_PIN_PASSWORD", "1234", "1234"),
        ("TILL_CREDENTIAL", "parrot", "%3Dparrot"),
        ("TILL_DSN", 'quo"ted', r"quo\"ted"),
    ],
)
def test_the_value_of_a_secret_variable_is_hidden_in_text(name, value, said):
    masking.learn({name: value})

    assert masking.text(f"refused: {said}!") == f"refused: {said[:3] if said[0] == '%' else ''}•••!"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SORT_KEY", "game_date"), ("MAX_TOKENS", "100000"), ("PWD", "/nowhere/at/all"), ("SSH_AUTH_SOCK", "/dev/null"),
        ("CITY", "Oslo in Norway"), ("API_KEY", "x"), ("TOKEN_TTL", "3600"), ("GIT_AUTHOR_NAME", "olga"),
        ("USE_AUTH", "true"), ("AUTH_MODE", "none"), ("TOKEN_STAGE", "prod"), ("KEY_SINCE", "2024-01-31"),
    ],
)  # fmt: skip
def test_the_value_of_a_variable_that_is_not_secret_is_kept_in_text(name, value):
    masking.learn({name: value})

    assert masking.text(f"about {value}.") == f"about {value}."


@pytest.mark.parametrize(
    ("value", "said", "shown"),
    [
        ("summer", "summer, midsummernight", "•••, midsummernight"),
        (
            "1234",
            "1234 refused; 12345 rows, 0.1234, 1234.5, a1234",
            "••• refused; 12345 rows, 0.1234, 1234.5, a1234",
        ),
        ("2025", "12 rows on 2025-03-01", "12 rows on 2025-03-01"),
    ],
    ids=["a word", "a number", "a year"],
)
def test_a_secret_is_not_hidden_within_other_words_and_numbers(value, said, shown):
    masking.learn({"DB_PASSWORD": value})

    assert masking.text(said) == shown


@pytest.mark.parametrize(
    "name",
    ["API_TOKEN", "LAND_PASS", "SIGNKEY", "TILL_DSN", "PWD_DB", "SORT_KEY", "MAX_TOKENS", "ADMIN_TOKENS", "AUTHOR",
     "AUTHORIZATION", "PWD", "TOKEN_PORT", "PRIMARY_KEY", "CITY"],
)  # fmt: skip
def test_a_value_is_hidden_in_text_if_and_only_if_its_variable_is_hidden(name):
    masking.learn({name: "harbour"})

    assert masking.environment({name: "harbour"})[name] == masking.text("harbour")


@pytest.mark.parametrize(
    "word", ["--api-key harbour", "--token=harbour", "-db-password harbour", "X_TOKEN=harbour"]
)
def test_a_secret_argument_of_a_command_is_hidden_in_text(word):
    masking.learn_command(["load", *word.split(), "{start}"])

    assert masking.text("harbour refused") == "••• refused"


@pytest.mark.parametrize(
    "word", ["--sort-key harbour", "--key=harbour", "--no-token --harbour", "--token {harbour}"]
)
def test_an_argument_of_a_command_that_is_not_secret_is_kept_in_text(word):
    masking.learn_command(["load", *word.split(), "{start}"])

    assert masking.text("about harbour, {harbour}") == "about harbour, {harbour}"


@pytest.mark.parametrize(
    "name", ["S3_KEY_PREFIX", "KEYSPACE", "AUTH_USER", "KEY_TABLE", "KEY_DATE", "PASSES"]
)
def test_a_variable_whose_name_only_contains_a_secret_word_is_not_hidden(name):
    masking.learn({name: "swordfish"})

    assert masking.text("wrote to swordfish") == "wrote to swordfish"


def test_a_report_keeps_its_names_and_hides_a_secret_in_a_sentence():
    masking.learn({"GAUGE_PASSWORD": "tide"})

    assert masking.sentences({"table": "tide.level", "why": ["login with tide refused"]}) == {
        "table": "tide.level",
        "why": ["login with ••• refused"],
    }
