"""Who manages people gives nobody, and not himself, more than he has; and the queue has no page."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.urls import NoReverseMatch, reverse

from apps.people import roles

pytestmark = pytest.mark.django_db

QUEUE = ("schedule", "success", "failure", "ormq", "task")


def person(name, role=None, **facts):
    user = User.objects.create_user(name, password=f"the word of {name}", **facts)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def admin(client):
    user = person("anna", roles.ADMIN, is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def root():
    return User.objects.create_superuser("root", password="the word of root")


def form(user, **changes):
    return {
        "username": user.username, "is_active": "on",
        "groups": [group.pk for group in user.groups.all()],
        "date_joined_0": "2024-01-01", "date_joined_1": "00:00:00",
    } | changes  # fmt: skip


def change(client, user, **changes):
    return client.post(reverse("admin:auth_user_change", args=[user.pk]), form(user, **changes))


def test_an_admin_cannot_make_himself_a_superuser(client, admin):
    change(client, admin, first_name="Anna", is_superuser="on", is_staff="on")

    admin.refresh_from_db()
    assert (admin.first_name, admin.is_superuser) == ("Anna", False)


def test_an_admin_cannot_make_another_person_a_superuser_or_staff(client, admin):
    vera = person("vera", roles.VIEWER)

    change(client, vera, first_name="Vera", is_superuser="on", is_staff="on")

    vera.refresh_from_db()
    assert (vera.first_name, vera.is_superuser, vera.is_staff) == ("Vera", False, False)


def test_an_admin_adds_a_person_who_is_no_superuser(client, admin):
    word = "a word that nobody guesses"
    client.post(
        reverse("admin:auth_user_add"),
        {"username": "new", "password1": word, "password2": word, "usable_password": "true",
         "is_superuser": "on", "is_staff": "on"},
    )  # fmt: skip

    new = User.objects.get(username="new")
    assert (new.is_superuser, new.is_staff) == (False, False)


def test_admin_cannot_grant_permissions_to_a_single_user(client, admin):
    schedule = Permission.objects.get(codename="add_schedule")

    change(client, admin, first_name="Anna", user_permissions=[schedule.pk])

    admin.refresh_from_db()
    assert admin.first_name == "Anna"
    assert not admin.user_permissions.exists()


def test_user_form_hides_the_fields_that_an_admin_cannot_change(client, admin):
    page = client.get(reverse("admin:auth_user_change", args=[admin.pk])).content.decode()

    assert "is_superuser" not in page and "user_permissions" not in page and "is_staff" not in page


@pytest.mark.parametrize("verb", ["change", "delete"])
def test_an_admin_cannot_edit_or_delete_a_superuser(client, admin, root, verb):
    response = client.post(reverse(f"admin:auth_user_{verb}", args=[root.pk]), form(root, post="yes"))

    assert response.status_code == 403
    assert User.objects.get(username="root").email == root.email


def test_an_admin_cannot_set_a_superusers_password(client, admin, root):
    word = "a word that nobody guesses"
    response = client.post(
        reverse("admin:auth_user_password_change", args=[root.pk]), {"password1": word, "password2": word}
    )

    assert response.status_code == 403
    assert User.objects.get(username="root").check_password("the word of root")


def test_superusers_are_not_deleted_with_others_from_the_list(client, admin, root):
    vera = person("vera", roles.VIEWER)
    client.post(
        reverse("admin:auth_user_changelist"),
        {"action": "delete_selected", "_selected_action": [root.pk, vera.pk], "post": "yes"},
    )

    assert User.objects.filter(username="root").exists()


def test_admin_cannot_edit_a_user_with_more_permissions_even_if_inactive(client, admin):
    schedule = Permission.objects.get(codename="add_schedule")
    strong = person("sven", is_active=False)
    strong.user_permissions.add(schedule)

    assert change(client, strong, is_active="on").status_code == 403
    assert not User.objects.get(username="sven").is_active


def test_an_admin_cannot_join_a_group_that_gives_more_than_he_has(client, admin):
    more = Group.objects.create(name="Schedulers")
    more.permissions.add(Permission.objects.get(codename="add_schedule"))

    change(client, admin, groups=[*admin.groups.values_list("pk", flat=True), more.pk])

    assert set(admin.groups.values_list("name", flat=True)) == {roles.ADMIN}


@pytest.mark.parametrize("verb", ["change", "delete"])
def test_admin_cannot_change_or_delete_a_group(client, admin, verb):
    group = Group.objects.get(name=roles.ADMIN)
    every = list(Permission.objects.values_list("pk", flat=True))
    held = group.permissions.count()

    address = reverse(f"admin:auth_group_{verb}", args=[group.pk])
    response = client.post(address, {"name": group.name, "permissions": every, "post": "yes"})

    assert response.status_code == 403
    assert Group.objects.get(name=roles.ADMIN).permissions.count() == held


def test_an_admin_cannot_add_a_group(client, admin):
    assert client.post(reverse("admin:auth_group_add"), {"name": "Mine"}).status_code == 403


def test_an_admin_makes_a_viewer_an_operator(client, admin):
    vera = person("vera", roles.VIEWER)

    change(client, vera, groups=[Group.objects.get(name=roles.OPERATOR).pk])

    assert User.objects.get(username="vera").has_perm("runs.operate_run")


def test_staff_status_follows_membership_of_the_admin_group(client, admin):
    olga = person("olga", roles.OPERATOR)

    change(client, olga, groups=[Group.objects.get(name=roles.ADMIN).pk])
    assert User.objects.get(username="olga").is_staff

    change(client, olga, groups=[Group.objects.get(name=roles.OPERATOR).pk])
    assert not User.objects.get(username="olga").is_staff


def test_an_admin_sets_the_password_of_an_operator(client, admin):
    olga, word = person("olga", roles.OPERATOR), "a word that nobody guesses"

    client.post(
        reverse("admin:auth_user_password_change", args=[olga.pk]), {"password1": word, "password2": word}
    )

    assert User.objects.get(username="olga").check_password(word)


def test_a_superuser_may_make_another_one(client, root):
    client.force_login(root)
    vera = person("vera", roles.VIEWER)

    change(client, vera, is_superuser="on", is_staff="on")

    vera.refresh_from_db()
    assert vera.is_superuser


@pytest.mark.parametrize("model", QUEUE)
def test_the_queue_has_no_admin_page_even_for_superusers(client, root, model):
    client.force_login(root)

    assert client.get(f"/admin/django_q/{model}/").status_code == 404
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:django_q_{model}_changelist")


def test_admin_site_lists_only_users_and_groups(client, root):
    client.force_login(root)

    apps = client.get(reverse("admin:index")).context["app_list"]
    assert [model["object_name"] for app in apps for model in app["models"]] == ["Group", "User"]


def test_migrate_revokes_excess_permissions_of_the_admin_group():
    group = Group.objects.get(name=roles.ADMIN)
    group.permissions.add(*Permission.objects.filter(content_type__app_label="auth"))

    call_command("migrate", verbosity=0)

    held = {
        f"{app}.{name}" for app, name in group.permissions.values_list("content_type__app_label", "codename")
    }
    assert held == set(roles.PERMISSIONS[roles.ADMIN])
