"""Addresses of the sources' pages."""

from django.urls import path

from apps.coverage.views import sources

app_name = "sources"

urlpatterns = [
    path("", sources.index, name="index"),
    path("windows/", sources.test_windows, name="windows"),
]
