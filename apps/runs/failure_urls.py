"""Addresses of failures over all runs."""

from django.urls import path

from apps.runs.views import failures

app_name = "failures"

urlpatterns = [
    path("", failures.index, name="index"),
    path("failures.csv", failures.download, name="csv"),
]
