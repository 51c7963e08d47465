"""Addresses of pre-flights."""

from django.urls import path

from apps.runs import urls  # noqa: F401  # which registers the converters
from apps.runs.views import preflight

app_name = "preflight"

urlpatterns = [
    path("", preflight.index, name="index"),
    path("start/", preflight.start, name="start"),
    path("start-for-plan/", preflight.start_for_plan, name="start_for_plan"),
    path("<number:pk>/", preflight.report, name="report"),
    path("<number:pk>.json", preflight.as_json, name="json"),
    path("<number:pk>/live/", preflight.live, name="live"),
    path("<number:pk>/beside-plan/", preflight.beside_plan, name="beside_plan"),
]
