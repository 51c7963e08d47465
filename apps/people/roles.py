"""Roles: three groups with their permissions. Every user may read."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Exists, OuterRef, Q, QuerySet

VIEWER, OPERATOR, ADMIN = "Viewer", "Operator", "Admin"

OPERATING = ("runs.operate_run", "coverage.operate_coverage")
PEOPLE = ("auth.view_user", "auth.add_user", "auth.change_user", "auth.delete_user", "auth.view_group")
PERMISSIONS: dict[str, tuple[str, ...]] = {
    VIEWER: (),
    OPERATOR: OPERATING,
    ADMIN: (*OPERATING, *PEOPLE),
}
# Earlier versions gave these to Admin: with them its members could give themselves more permissions.
WITHDRAWN = (
    *("auth.add_group", "auth.change_group", "auth.delete_group", "auth.view_permission"),
    *("auth.add_permission", "auth.change_permission", "auth.delete_permission"),
)


def ensure_groups(using: str = "default") -> None:
    """Create the groups and add missing permissions; those that a superuser added stay."""
    for name, wanted in PERMISSIONS.items():
        group, _ = Group.objects.using(using).get_or_create(name=name)
        held = set(group.permissions.using(using).values_list("pk", flat=True))
        group.permissions.add(*(found for found in _find(wanted, using) if found.pk not in held))
        group.permissions.remove(*_find(WITHDRAWN, using))


def ensure_person(name: str, role: str, password: str) -> bool:
    """Create a person in a role; False if the name exists, whose user stays unchanged."""
    user, created = User.objects.get_or_create(
        username=name, defaults={"email": f"{name}@localhost", "is_staff": role == ADMIN}
    )
    if created:
        user.set_password(password)
        user.save()
        user.groups.add(Group.objects.get(name=role))
    return created


def is_admin(user: User) -> bool:
    return user.groups.filter(name=ADMIN).exists()


def permissions_of(user: User) -> QuerySet[Permission]:
    """The permissions of a person, by a group or directly; also of an inactive account."""
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def may_no_more_than(person: User, other: User) -> bool:
    """Whether the other has all permissions of the person."""
    if person.is_superuser:
        return other.is_superuser
    return not permissions_of(person).exclude(pk__in=permissions_of(other)).exists()


def groups_within(held: QuerySet[Permission]) -> QuerySet[Group]:
    """The groups that give nothing beyond these permissions."""
    given = Group.permissions.through.objects.filter(group=OuterRef("pk"))
    return Group.objects.filter(~Exists(given.exclude(permission__in=held)))


def _find(wanted: tuple[str, ...], using: str) -> list[Permission]:
    """The permissions that exist: during the first migration, not all do."""
    either = Q(pk__in=[])
    for app, _, codename in (permission.partition(".") for permission in wanted):
        either |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.using(using).filter(either))
