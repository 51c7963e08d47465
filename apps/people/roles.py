"""Who may do what: three groups. Everybody who can log in may read; a group gives the rest."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q

VIEWER, OPERATOR, ADMIN = "Viewer", "Operator", "Admin"

# "app.codename", or all of an app's permissions as "app.*".
OPERATING = ("runs.operate_run", "coverage.operate_coverage")
PERMISSIONS: dict[str, tuple[str, ...]] = {
    VIEWER: (),
    OPERATOR: OPERATING,
    ADMIN: (*OPERATING, "auth.*"),
}


def ensure_groups(using: str = "default") -> None:
    """Create the groups and give them what they lack; what an admin has added stays."""
    for name, wanted in PERMISSIONS.items():
        group, _ = Group.objects.using(using).get_or_create(name=name)
        held = set(group.permissions.using(using).values_list("pk", flat=True))
        group.permissions.add(*(found for found in _find(wanted, using) if found.pk not in held))


def ensure_person(name: str, role: str, password: str) -> bool:
    """Create a person in a role; whether that was necessary. Somebody who is there stays as they are."""
    user, created = User.objects.get_or_create(
        username=name, defaults={"email": f"{name}@localhost", "is_staff": role == ADMIN}
    )
    if created:
        user.set_password(password)
        user.save()
        user.groups.add(Group.objects.get(name=role))
    return created


def _find(wanted: tuple[str, ...], using: str) -> list[Permission]:
    """Those of them that exist: while the first tables are made, not all do."""
    either = Q(pk__in=[])
    for app, _, codename in (permission.partition(".") for permission in wanted):
        either |= Q(content_type__app_label=app) & (Q() if codename == "*" else Q(codename=codename))
    return list(Permission.objects.using(using).filter(either))
