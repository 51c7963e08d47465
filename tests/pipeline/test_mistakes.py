"""What a person reads who made a mistake in the pipeline file: the key, the value, the remedy."""

# A mistake a line: the table is read downwards.
# ruff: noqa: E501

import pytest

SALES = 'table "daily.sales"'
BAND = "is not a band; write [least, most], two numbers in this order (inf leaves the end open)"
DATE = "is not a date; write it without quotes and without a time, such as 2024-01-31"
PATH = "${SHOP_WAREHOUSE:-shop.duckdb}"
BIGQUERY = 'project = "shop-1234"\nlocation = "US"'
SECTION = "is not a section of keys; write it as { key = value, ... } or below a line [key]"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        # Keys
        ("batch = 4", "bach = 4", f"{SALES} > job > bach: unknown key; did you mean batch? Correct or remove it"),
        ("batch = 4", "zzz = 4", f"{SALES} > job > zzz: unknown key; remove it or correct its name"),
        ('name = "Shop"', "", "name is missing; add it"),
        ('date_column = "day"', "", 'table "raw.orders" > date_column is missing; add it'),
        ("start = 2024-01-01", "", 'season "winter" > start is missing; add it'),
        ('name = "Shop"', 'name = "Shop"\npath = "x"', "path: unknown key; remove it or correct its name"),
        # Kinds of values
        ('name = "Shop"', 'name = "Shop"\ntimezone = "Europe/Berln"', 'timezone = "Europe/Berln" is not a time zone; did you mean Europe/Berlin? Write a name of the IANA list such as "UTC" or "America/New_York"'),
        ('name = "Shop"', 'name = "Shop"\ntimezone = "localtime"', 'timezone = "localtime" is not a time zone; write a name of the IANA list such as "UTC" or "America/New_York"'),
        ("batch = 4", "batch = 0", f"{SALES} > job > batch = 0 is too small; write 1 or more"),
        ("batch = 4", "batch = 4000", f"{SALES} > job > batch = 4000 is too large; write 1,000 or less"),
        ("batch = 4", 'batch = "4"', f'{SALES} > job > batch = "4" is not a whole number; write one such as 3'),
        ("batch = 4", "batch = true", f"{SALES} > job > batch = true is not a whole number; write one such as 3"),
        ("batch = 4", "batch = 4.0", f"{SALES} > job > batch = 4.0 is not a whole number; write one such as 3"),
        ('name = "Shop"', 'name = ""', 'name = "" is empty; fill it in'),
        (PATH, "${SET_BY_NOBODY}", 'warehouse > path = "${SET_BY_NOBODY}" is empty; fill it in'),
        ('name = "Shop"', 'name = "a\\nb"', 'name = "a b" has a line break in it; write it in one line'),
        ('name = "winter"', "name = 3", "season[1] > name = 3 is not text; write it in quotes"),
        ('name = "winter"', 'name = "a/b"', 'season "a/b" > name = "a/b" is not a name; write one in a line, without slashes'),
        ('phase = "2"', "phase = 2", f"{SALES} > phase = 2 is not text; write it in quotes"),
        ("rows = { per_unit = [2, 2] }", "rows = 3", f"{SALES} > rows = 3 {SECTION}"),
        ("[warehouse]", "[[warehouse]]", f"warehouse {SECTION}"),
        ('engine = "duckdb"', 'engine = "excel"', 'warehouse > engine = "excel" is not known; write one of "duckdb", "bigquery"'),
        # BigQuery
        *[
            (f'engine = "duckdb"\npath = "{PATH}"', f'engine = "bigquery"\n{values}', f"warehouse > {says}")
            for values, says in [
                ('location = "US"', "project is missing; add it"),
                ('project = "shop-1234"', "location is missing; add it"),
                ('project = "Shop"\nlocation = "US"', 'project = "Shop" is not a project\'s id; write it in small letters, digits and -, such as my-project-123'),
                ('project = "shop-1234"\nlocation = "the moon"', 'location = "the moon" is not a location; write one such as "US", "EU" or "europe-west1"'),
                (f'{BIGQUERY}\nimpersonate = "me"', 'impersonate = "me" is not a service account; write its address, such as reader@my-project.iam.gserviceaccount.com'),
                (f'{BIGQUERY}\nbyte_limit = "much"', 'byte_limit = "much" is not a size; write one such as "500 MB", "100 GB" or "1 TB"'),
                (f"{BIGQUERY}\nprice = 0", "price = 0 is too small; write more than 0"),
                (f'{BIGQUERY}\ncurrency = "dollars"', 'currency = "dollars" is not a currency; write its three letters, such as "USD" or "EUR"'),
                (f'{BIGQUERY}\nbyte_limit = "1 MB"', 'byte_limit = "1 MB" is too small; every query bills at least "10 MB", so write that or more'),
            ]
        ],
        ('gate = "manual"', 'gate = "hand"', 'phase "3" > gate = "hand" is not known; write "manual" or "auto"'),
        ('"day"\n', '"day of"\n', 'table "raw.orders" > date_column = "day of" is not a column\'s name; write it in letters, digits and _'),
        ('"raw.orders"', '"orders"', 'table "orders" > name = "orders" is not a table\'s name; write dataset.table, in letters, digits and _'),
        # Dates
        ("start = 2024-01-01", 'start = "2024-01-01"', f'season "winter" > start = "2024-01-01" {DATE}'),
        ("start = 2024-01-01", "start = 20240101", f'season "winter" > start = 20240101 {DATE}'),
        ("start = 2024-01-01", "start = 2024-01-01T00:00:00", f'season "winter" > start = 2024-01-01 00:00:00 {DATE}'),
        ("start = 2024-01-01", "start = 1024-01-01", 'season "winter" > start = 1024-01-01 is not a date of our time; write one from 1900 to 2199'),
        ("end = 2024-01-20", "end = 2023-01-20", 'season "winter": end 2023-01-20 is before start 2024-01-01; swap them'),
        ("end = 2024-01-20", "end = 2024-01-20\nopening = 2025-01-01", 'season "winter": opening 2025-01-01 lies outside 2024-01-01 to 2024-01-20; put it inside'),
        # Rows
        ("per_unit = [2, 2]", "per_unit = [3, 2]", f"{SALES} > rows > per_unit = [3, 2] {BAND}"),
        ("per_unit = [2, 2]", "per_unit = [nan, 2]", f"{SALES} > rows > per_unit = [nan, 2] {BAND}"),
        ("per_unit = [2, 2]", "per_unit = [inf, inf]", f"{SALES} > rows > per_unit = [inf, inf] {BAND}"),
        ("per_unit = [2, 2]", 'per_unit = ["2", 2]', f'{SALES} > rows > per_unit = ["2", 2] {BAND}'),
        ("per_unit = [2, 2]", "at_least = 0.5", f"{SALES} > rows: give per_unit = [least, most], between = [least, most] or like = a table"),
        ("[2, 2]", "[2, 2], at_least = 0.5", f"{SALES} > rows: at_least and at_most compare with another table; add like = that table"),
        ("at_least = 0.5", "at_least = 0.5, at_most = 0.2", 'table "daily.visits" > rows: at_most 0.2 is below at_least 0.5; swap them'),
        ("at_least = 0.5", "at_least = inf", 'table "daily.visits" > rows > at_least = inf is not a number; write one such as 0.9'),
        # Jobs
        ('["{python}"', '["{pyton}"', f"{SALES} > job: command has {{pyton}}, which has no value; use {{start}}, {{end}}, {{dates}}, {{python}}"),
        ('"--dates", "{dates}"', '"--dates"', 'table "daily.visits" > job: dates = "list" passes dates as {dates}, which the command lacks; add it'),
        ('"--start", "{start}", ', "", f'{SALES} > job: dates = "range" passes {{start}} and {{end}}, which the command lacks; add both'),
        ('"--safe"]', '"--saf"]', f"{SALES} > job: the job must run with --safe; add it to command (or to env as NAME=value)"),
        ("command = [", 'sql = "jobs/trend.sql"\ncommand = [', f'{SALES} > job: give either command = ["...", ...] or sql = "file.sql"'),
        ('sql = "jobs/trend.sql"', 'sql = "jobs/trend.sql"\ncwd = "x"', 'table "weekly.trend" > job: cwd belongs to a command, and this job is SQL; remove it'),
        ("env = {", 'env = { "A=B" = "1",', f'{SALES} > job > env > A=B = "A=B" is not a variable\'s name; write it in letters, digits and _'),
        ('["{python}"', '["{python}", "a\\u0000b"', f'{SALES} > job > command[2] = "a�b" contains a null character, which no path or command can; remove it'),
        ('timeout = "1m"', 'timeout = "1 minute"', f'{SALES} > job > timeout = "1 minute" is not a time; write one such as "90s", "30m" or "1h"'),
        ('timeout = "1m"', 'timeout = "9999h"', f'{SALES} > job > timeout = "9999h" is too large; write 6,600 or less'),
        # Addresses
        *(
            ('name = "winter"', f'name = "{name}"', f'season "{name}" > name = "{name}" is the address of another page below /coverage/; give the season another name')
            for name in ("scans", "partition", "partitions.csv", "partitions.json", "..")
        ),
        # Parallel calls
        ('phase = "2"', 'phase = "2"\nparallel = 0', f"{SALES} > parallel = 0 is too small; write 1 or more"),
        ('phase = "2"', 'phase = "2"\nparallel = 65', f"{SALES} > parallel = 65 is too large; write 64 or less"),
        ('phase = "2"', 'phase = "2"\nparallel = 2', f"{SALES}: parallel = 2 cannot work with engine = \"duckdb\", as one process at a time may hold a DuckDB file; write parallel = 1 or remove it"),
        # What does not fit together
        ('name = "winter"', 'name = "spring"', 'season "spring" is there twice; rename or remove one'),
        ("end = 2024-01-20", "end = 2024-03-05", 'season "spring" starts 2024-03-01, before season "winter" ends 2024-03-05; a date belongs to one season, so move one of the two'),
        ('phase = "2"', 'phase = "9"', f'{SALES}: phase = "9" is not defined; use one of 1, 2, 3'),
        ('"daily.visits"]\nrows', '"daily.nothing"]\nrows', 'table "weekly.trend": after names "daily.nothing", which is no table of this file; add or remove it'),
        ('"daily.visits"]\nrows', '"weekly.trend"]\nrows', "after goes in a circle: weekly.trend -> weekly.trend; remove one of these"),
        ('like = "daily.sales"', 'like = "daily.nothing"', 'table "daily.visits": rows.like = "daily.nothing" is no table of this file; name one that is'),
        ('name = "raw.orders"\n', 'name = "raw.orders"\nrows = { like = "weekly.trend" }\n', 'table "raw.orders": rows.like = "weekly.trend" is of a later phase; only what is filled before can be compared with'),
        ("rows = { per_unit = [2, 2] }", 'rows = { like = "daily.visits" }', "rows.like goes in a circle: daily.sales -> daily.visits -> daily.sales; remove one of these"),
        ('"raw.orders", "raw.orders_backup"]', '"raw.x"]', 'need "Orders": source "raw.x" is no table of this file; add a [[table]] for it'),
        ('["daily.sales", "daily.visits"]\n', '["daily.x"]\n', 'need "Orders": used_by "daily.x" is no table of this file; name one that is'),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_in_one_sentence(change, old, new, says):
    assert change((old, new)) == [says]


def test_a_cycle_of_inputs_is_reported_with_its_tables(change):
    found = change(
        ("rows = { per_unit = [1, 3]", 'after = ["daily.sales"]\nrows = { per_unit = [1, 3]'),
        ("rows = { per_unit = [2, 2] }", 'after = ["daily.visits"]\nrows = { per_unit = [2, 2] }'),
    )

    assert found == [
        "after goes in a circle: daily.sales -> daily.visits -> daily.sales; remove one of these"
    ]


def test_a_cycle_of_inputs_and_comparisons_is_reported(change):
    """Visits are compared with sales: if sales read visits, each would wait for the other."""
    found = change(('key = ["item"]', 'key = ["item"]\nafter = ["daily.visits"]'))

    assert found == [
        "after together with rows.like goes in a circle: daily.sales -> daily.visits -> daily.sales; remove one of these"
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"{dates}", "--safe"', '"{dates}"', f"{SALES} > job: the job must run with --safe; add it to command (or to env as NAME=value)"),
        ('name = "winter"', 'name = "a/b"', 'season "a/b" > name = "a/b" is not a name; write one in a line, without slashes'),
        ('gate = "auto"', 'gate = "hand"', 'phase "2" > gate = "hand" is not known; write "manual" or "auto"'),
        ('["raw.orders"]', '["orders"]', 'need "Orders" > sources[1] = "orders" is not a table\'s name; write dataset.table, in letters, digits and _'),
        ('["raw.orders"]', "[]", 'need "Orders" > sources = [] is empty; fill it in'),
    ],
)  # fmt: skip
def test_a_mistake_in_the_only_item_of_a_list_does_not_report_an_empty_list(problems, old, new, says):
    assert problems(ONE_OF_EACH.replace(old, new)) == [says]


ONE_OF_EACH = """
name = "Shop"
warehouse = { engine = "duckdb", path = "shop.duckdb" }
calendar = { every = "day" }
[[season]]
name = "winter"
start = 2024-01-01
end = 2024-01-20
[[phase]]
name = "2"
gate = "auto"
[[table]]
name = "daily.sales"
phase = "2"
date_column = "day"
job = { command = ["fill", "{dates}", "--safe"], must_contain = ["--safe"] }
[[need]]
name = "Orders"
sources = ["raw.orders"]
"""


def test_several_mistakes_are_several_sentences(change):
    assert len(change(("batch = 4", "batch = 0"), ('gate = "manual"', 'gate = "hand"'))) == 2


def test_an_empty_file_is_reported_with_all_that_is_missing(problems):
    assert problems("") == [
        "name is missing; add it",
        "warehouse is missing; add [warehouse]",
        "calendar is missing; add [calendar]",
        "season is missing; add at least one [[season]]",
        "phase is missing; add at least one [[phase]]",
        "table is missing; add at least one [[table]]",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"x = = 3", "is not valid TOML: Invalid value (at line 1, column 5); correct it there"),
        (b'name = "caf\xe9"', "is not UTF-8 text; save it as UTF-8"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "is nested too deeply to be a pipeline file; flatten it"),
        (b"x = 1" + b"0" * 5000, "has a number with too many digits; shorten it"),
    ],
)
def test_an_invalid_toml_file_is_reported(problems, content, says):
    assert problems(content) == [says]


def test_a_byte_order_mark_does_no_harm(problems, shop):
    assert problems(b"\xef\xbb\xbf" + (shop.parent / "shop.toml").read_bytes()) == []


def test_an_overlong_path_is_reported_as_too_long(change):
    (says,) = change(('sql = "jobs/trend.sql"', f'sql = "{"a/" * 4000}"'))

    assert says.endswith("… is too long; write at most 1,000 letters")
