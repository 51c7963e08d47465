"""Every address of the console; what is not named here does not exist."""

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

# PROVISIONAL while modules are being written: only those that exist are wired. The lead replaces this by plain lines.
DEMO_LOGIN = None
optional = []
if find_spec("backfill_console.views"):
    from backfill_console import views

    optional.append(path("", views.overview, name="overview"))
for prefix, module in (
    ("coverage/", "apps.coverage.urls"),
    ("runs/", "apps.runs.urls"),
    ("failures/", "apps.runs.failure_urls"),
    ("outbox/", "apps.alerts.urls"),
):
    if find_spec(module):
        optional.append(path(prefix, include(module)))

urlpatterns = [
    *optional,
    path(
        "account/login/",
        auth.LoginView.as_view(extra_context={"demo_login": DEMO_LOGIN if settings.DEMO else None}),
        name="login",
    ),
    path("account/logout/", auth.LogoutView.as_view(), name="logout"),
    path("account/password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path("account/password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("admin/", admin.site.urls),
]
