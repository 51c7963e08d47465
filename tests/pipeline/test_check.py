"""`manage.py check` reads the pipeline file that the settings name."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from apps.pipeline import definition

pytestmark = pytest.mark.django_db


@pytest.fixture
def check(shop, settings, capsys):
    """What the command says of a file in the shop's folder."""

    def run(name: str = "shop.toml") -> str:
        settings.PIPELINE = shop.parent / name
        try:
            call_command("check", tags=["pipeline"])
        except SystemCheckError as error:
            return f"{error}{capsys.readouterr().err}"
        return capsys.readouterr().out

    return run


def test_a_good_file_has_no_issues(check):
    assert "no issues" in check()


def test_a_mistake_is_reported_with_file_key_value_and_remedy(check, shop):
    text = (shop.parent / "shop.toml").read_text()
    (shop.parent / "bad.toml").write_text(text.replace("batch = 4", "batch = 0"))

    says = check("bad.toml")

    assert (
        f'{shop.parent}/bad.toml: table "daily.sales" > job > batch = 0 is too small; write 1 or more.'
        in says
    )
    assert "pipeline.E001" in says


def test_a_nonexistent_file_is_reported(check):
    assert "nowhere.toml: there is no such file; set PIPELINE to the path of a pipeline file." in check(
        "nowhere.toml"
    )


def test_a_folder_is_no_file(check):
    assert "jobs: is a folder; set PIPELINE to the pipeline file in it." in check("jobs")


def test_a_path_with_two_dots_is_shown_as_it_is(check):
    assert "jobs/../nowhere.toml: there is no such file" in check("jobs/../nowhere.toml")


@pytest.fixture
def check_with(check, shop):
    """What the command says of the shop's file with something written differently."""

    def run(old: str, new: str) -> str:
        text = (shop.parent / "shop.toml").read_text()
        assert old in text
        (shop.parent / "changed.toml").write_text(text.replace(old, new, 1))
        return check("changed.toml")

    return run


def test_a_script_that_is_not_there_is_an_error(check_with, shop):
    says = check_with('"fill.py", "daily.sales"', '"fyll.py", "daily.sales"')

    assert (
        f'{shop.parent}/changed.toml: table "daily.sales": job.command names "fyll.py", '
        f"which is no file in {shop.parent}/jobs; add it there, or correct it." in says
    )
    assert "What jobs need is not there: 1 path." in says


def test_an_sql_file_that_is_not_there_is_an_error(check_with):
    says = check_with('sql = "jobs/trend.sql"', 'sql = "no.sql"')

    assert 'table "weekly.trend": job.sql = "no.sql" is no file; add it, or correct the path' in says


def test_a_missing_script_is_a_warning_that_preflight_reports_as_a_finding(shop, transactional_db, capsys):
    for name in ("fill.py", "trend.sql"):
        (shop.parent / "jobs" / name).unlink()
    definition.load.cache_clear()

    with pytest.raises(SystemExit) as end:
        call_command("preflight", "--quick", skip_checks=False)

    printed = capsys.readouterr()
    assert end.value.code == 1
    assert 'job.command names "fill.py", which is no file' in printed.err  # the warning
    assert "fill.py is not there, or cannot be read." in printed.out
    assert "trend.sql is not there, or cannot be read." in printed.out


def test_a_folder_that_is_not_there_is_an_error(check_with):
    assert 'job.cwd = "jups" is no folder; add it, or correct the path' in check_with('"jobs"', '"jups"')


@pytest.mark.parametrize("word", ["--config=far.py", "/opt/far.sh", "{start}.py", "far.pyc"])
def test_an_argument_that_may_name_a_file_elsewhere_is_no_error(check_with, word):
    assert "no issues" in check_with('"daily.sales", "--start"', f'"daily.sales", "{word}", "--start"')


def test_the_demos_own_file_has_no_issues(settings, capsys):
    settings.PIPELINE = settings.BASE_DIR / "demo" / "pipeline.toml"

    call_command("check", tags=["pipeline"])

    assert "no issues" in capsys.readouterr().out
