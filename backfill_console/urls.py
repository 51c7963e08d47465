"""All URLs of the console."""

from django.conf import settings
from django.contrib.auth import views as auth
from django.urls import include, path

from apps.people import demo
from apps.people.admin import site as people
from backfill_console import views, workers

login = auth.LoginView.as_view(extra_context={"demo_login": demo.LOGIN if settings.DEMO else None})

urlpatterns = [
    path("", views.overview, name="overview"),
    path("coverage/", include("apps.coverage.urls")),
    path("sources/", include("apps.coverage.source_urls")),
    path("runs/", include("apps.runs.urls")),
    path("preflight/", include("apps.runs.preflight_urls")),
    path("verify/", include("apps.coverage.verify_urls")),
    path("failures/", include("apps.runs.failure_urls")),
    path("workers/", workers.index, name="workers"),
    path("outbox/", include("apps.alerts.urls")),
    path("account/login/", login, name="login"),
    path("account/logout/", auth.LogoutView.as_view(), name="logout"),
    path("account/password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path("account/password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("admin/", people.urls),
]
