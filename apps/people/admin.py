"""The pages under /admin/: users, and their groups read-only. No other model has a page there.

An admin manages users who have no more permissions than the admin: creates and edits no superuser, and
gives no permission that the admin lacks.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import ManyToManyField, Model
from django.forms import ModelForm, ModelMultipleChoiceField
from django.http import HttpRequest

from apps.people import roles


class PeopleAdmin(UserAdmin):
    """Users, as far as the signed-in admin may manage them."""

    fieldsets_for_admins = (
        (None, {"fields": ("username", "password")}),
        ("Personal info", {"fields": ("first_name", "last_name", "email")}),
        ("Permissions", {"fields": ("is_active", "groups")}),
        ("Important dates", {"fields": ("last_login", "date_joined")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Fields that are not in the fieldsets are not in the form either, whatever is posted."""
        if obj is None or is_superuser(request):
            return super().get_fieldsets(request, obj)
        return self.fieldsets_for_admins

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and manages(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and manages(request, obj)

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **options: Any
    ) -> ModelMultipleChoiceField | None:
        field = super().formfield_for_manytomany(db_field, request, **options)
        if db_field.name == "groups" and field and not is_superuser(request):
            field.queryset = roles.groups_within(roles.permissions_of(acting(request)))
        return field

    def save_related(self, request: HttpRequest, form: ModelForm[Any], formsets: Any, change: bool) -> None:
        """Members of Admin, and only they, may open these pages."""
        was_admin = roles.is_admin(form.instance)
        super().save_related(request, form, formsets, change)
        is_admin = roles.is_admin(form.instance)
        if was_admin != is_admin and not form.instance.is_superuser:
            form.instance.is_staff = is_admin
            form.instance.save(update_fields=["is_staff"])


class GroupsAdmin(GroupAdmin):
    """Groups, read-only except for superusers: an admin could give the own group more permissions otherwise."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_superuser(request)

    has_change_permission = has_delete_permission = has_add_permission


def acting(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser


def manages(request: HttpRequest, person: User | None) -> bool:
    """Whether the signed-in user may edit that person; True without a person."""
    return person is None or is_superuser(request) or roles.may_no_more_than(person, acting(request))


# Not Django's own site, where every installed app registers its models: only these have a page.
site = AdminSite()
site.site_header = site.site_title = "Backfill Console"
site.index_title = "People"
site.register(User, PeopleAdmin)
site.register(Group, GroupsAdmin)
