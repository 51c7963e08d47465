"""Addresses of verifications."""

from django.urls import path

from apps.coverage.views import verify

app_name = "verify"

urlpatterns = [
    path("", verify.index, name="index"),
    path("start/", verify.start, name="start"),
    path("<int:pk>/", verify.report, name="report"),
    path("<int:pk>/verification.csv", verify.csv, name="csv"),
    path("<int:pk>/verification.json", verify.as_json, name="json"),
]
