"""Groups and what they allow."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command

from apps.people import roles

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

OPERATING = {"runs.operate_run", "coverage.operate_coverage"}


def somebody(role):
    roles.ensure_person("somebody", role, "a password")
    return User.objects.get(username="somebody")


def test_the_groups_are_there_after_migrate():
    assert set(Group.objects.values_list("name", flat=True)) >= {"Viewer", "Operator", "Admin"}


def test_a_viewer_may_change_nothing():
    assert somebody(roles.VIEWER).get_all_permissions() == set()


def test_an_operator_may_operate_runs_and_coverage_and_no_more():
    assert somebody(roles.OPERATOR).get_all_permissions() == OPERATING


def test_an_admin_may_do_the_same_and_manage_people():
    admin = somebody(roles.ADMIN)

    assert admin.get_all_permissions() == OPERATING | {
        "auth.view_user", "auth.add_user", "auth.change_user", "auth.delete_user", "auth.view_group"
    }  # fmt: skip
    assert admin.is_staff


def test_operator_cannot_access_the_admin_site():
    assert not somebody(roles.OPERATOR).is_staff


def test_a_permission_that_an_admin_gave_to_a_group_stays():
    extra = Permission.objects.get(codename="view_user")
    Group.objects.get(name="Viewer").permissions.add(extra)

    call_command("migrate", verbosity=0)

    assert extra in Group.objects.get(name="Viewer").permissions.all()


def test_a_lost_permission_is_given_back_by_migrate():
    Group.objects.get(name="Operator").permissions.clear()

    call_command("migrate", verbosity=0)

    assert Group.objects.get(name="Operator").permissions.count() == 2
