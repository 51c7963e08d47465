"""`manage.py check` reads the pipeline file that the settings name."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError


@pytest.fixture
def check(shop, settings, capsys):
    """What the command says of a file in the shop's folder."""

    def run(name: str = "shop.toml") -> str:
        settings.PIPELINE = shop.parent / name
        try:
            call_command("check", tags=["pipeline"])
        except SystemCheckError as error:
            return str(error)
        return capsys.readouterr().out

    return run


def test_a_good_file_has_no_issues(check):
    assert "no issues" in check()


def test_a_mistake_is_told_with_file_key_value_and_remedy(check, shop):
    text = (shop.parent / "shop.toml").read_text()
    (shop.parent / "bad.toml").write_text(text.replace("batch = 4", "batch = 0"))

    says = check("bad.toml")

    assert (
        f'{shop.parent}/bad.toml: table "daily.sales" > job > batch = 0 is too small; write 1 or more.'
        in says
    )
    assert "pipeline.E001" in says


def test_a_file_that_is_not_there_says_so(check):
    assert "nowhere.toml: there is no such file; set PIPELINE to the path of a pipeline file." in check(
        "nowhere.toml"
    )


def test_a_folder_is_no_file(check):
    assert "jobs: is a folder; set PIPELINE to the pipeline file in it." in check("jobs")


def test_a_path_with_two_dots_is_shown_as_it_is(check):
    assert "jobs/../nowhere.toml: there is no such file" in check("jobs/../nowhere.toml")
