"""`manage.py ensure_people`."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings):
    settings.DEMO = True


def test_the_demo_gets_three_people_who_can_log_in(demo, client):
    call_command("ensure_people", "--demo")

    for name in ("viewer", "operator", "admin"):
        assert client.login(username=name, password="demo")


def test_command_prints_the_demo_password(demo, capsys):
    call_command("ensure_people", "--demo")

    assert 'operator (Operator): created, password "demo"' in capsys.readouterr().out


def test_a_changed_password_stays_changed(demo, client, capsys):
    call_command("ensure_people", "--demo")
    viewer = User.objects.get(username="viewer")
    viewer.set_password("her own")
    viewer.save()

    call_command("ensure_people", "--demo")

    assert client.login(username="viewer", password="her own")
    assert "viewer: left unchanged" in capsys.readouterr().out


def test_demo_people_are_refused_outside_a_demo(settings):
    settings.DEMO = False

    with pytest.raises(CommandError, match="set DEMO=1"):
        call_command("ensure_people", "--demo")

    assert not User.objects.exists()


def test_no_user_is_created_without_the_demo_option():
    call_command("ensure_people")

    assert not User.objects.exists()
