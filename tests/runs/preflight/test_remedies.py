"""What does not pass says what to do next: words to type that show the cause, or where to look in the console."""

import shlex
import subprocess

import pytest
from django.core.management import call_command

from apps.runs.preflight import remedies
from apps.runs.preflight.finding import Level
from tests.conftest import day
from tests.runs.preflight.conftest import finding, result


def typed(words: str) -> str:
    """What a person reads who types them."""
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_a_missing_column_comes_with_the_words_that_show_the_columns(checked, ask):
    ask("ALTER TABLE daily.sales DROP COLUMN written_at")

    found = finding(checked(tables=["daily.sales"]), "table")

    assert "item" in typed(found.command) and "written_at" not in typed(found.command)


def test_the_words_that_show_columns_quote_the_table(pipeline, ask):
    ask('CREATE SCHEMA "order"')
    ask('CREATE TABLE "order"."group" (amount BIGINT)')

    assert "amount" in typed(remedies.list_columns(pipeline, "order.group"))


def test_a_dataset_without_tables_comes_with_the_words_that_show_all_tables(checked, configure, ask):
    configure('[[check]]\nname = "Datasets"\nkind = "dataset"\ndatasets = ["weekly", "elsewhere"]')
    ask("DROP TABLE weekly.trend")

    failed, unknown = result(checked(), "dataset").findings

    assert failed.command == unknown.command and "visits" in typed(failed.command)


def test_a_warehouse_that_is_gone_comes_with_the_words_that_show_its_folder(checked, shop):
    shop.rename(shop.parent / "away.duckdb")

    told = checked()

    assert "away.duckdb" in typed(finding(told, "credentials").command)
    assert "away.duckdb" in typed(finding(told, "coverage").command)


def test_bigquery_remedies_use_the_bq_command(checked, pipeline):
    from apps.pipeline.sections import BigQuery

    google = pipeline.model_copy(
        update={"warehouse": BigQuery(engine="bigquery", project="shop-1", location="EU")}
    )

    assert remedies.list_tables(google, "daily") == "bq ls --max_results=1000 shop-1:daily"
    assert remedies.list_columns(google, "else.daily.sales") == "bq show --format=prettyjson else:daily.sales"


def test_a_script_that_is_gone_comes_with_the_words_that_show_its_folder(checked, shop):
    (shop.parent / "jobs" / "fill.py").unlink()

    found = finding(checked(tables=["daily.sales"]), "file")

    assert "trend.sql" in typed(found.command)


def test_a_missing_safety_flag_comes_with_the_words_that_open_the_file_at_its_job(checked, shop, pipeline):
    path = shop.parent / "shop.toml"
    path.write_text(path.read_text().replace(', "--safe"]', "]", 1))
    line = path.read_text().splitlines().index('name = "daily.sales"') + 1

    found = finding(checked(tables=["daily.sales"]), "must_contain")

    assert found.command == f"${{EDITOR:-vi}} +{line} {path}"


def test_a_file_that_should_have_words_and_is_gone_is_unknown(checked, configure):
    configure(
        '[[check]]\nname = "Flags"\nkind = "must_contain"\nfiles = ["jobs/gone.py"]\nwords = ["--safe"]'
    )

    found = finding(checked(), "must_contain")

    assert found.level == Level.UNKNOWN and "fill.py" in typed(found.command)


def test_an_import_that_fails_comes_with_the_words_that_show_its_traceback(checked, configure):
    configure('[[check]]\nname = "Imports"\nkind = "python"\nmodules = ["json", "no_such_module"]')

    found = finding(checked(tables=["daily.sales"]), "python")

    assert "ModuleNotFoundError: No module named 'no_such_module'" in typed(found.command)


def test_an_address_comes_with_the_words_that_fetch_it(checked, configure):
    configure('[[check]]\nname = "Web"\nkind = "http"\nurl = "http://127.0.0.1:9/health"')

    found = finding(checked(), "http")

    assert shlex.split(found.command)[0] == "curl" and found.command.endswith("http://127.0.0.1:9/health")


def test_a_full_disk_comes_with_the_words_that_show_what_takes_the_room(checked, configure, shop):
    configure('[[check]]\nname = "Disk"\nkind = "disk"\nfree_mb = 999999999')

    found = finding(checked(), "disk")

    assert found.level == Level.FAILURE and "\t" in typed(found.command)


@pytest.mark.usefixtures("workers")
def test_the_shell_prints_detail_and_remedy(shop, transactional_db, capsys, settings, ask):
    settings.BASE_URL = "https://console.example"
    for table in ("raw.orders", "raw.orders_backup"):
        ask(f"DELETE FROM {table} WHERE day = ?", day("01-05"))
    (shop.parent / "jobs" / "fill.py").unlink()

    with pytest.raises(SystemExit):
        call_command("preflight", "--quick")

    printed = capsys.readouterr().out
    assert f"         $ ls -la {shop.parent}/jobs\n" in printed
    assert "         Served by orders 28, orders_backup 0\n" in printed
    assert "         Look at it: https://console.example/coverage/\n" in printed
