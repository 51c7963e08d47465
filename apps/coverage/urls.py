"""Addresses of the coverage pages. Fixed words come before the seasons' names."""

from django.urls import path

from apps.coverage.views import accepted, calendar, maps, scans

app_name = "coverage"

urlpatterns = [
    path("", maps.index, name="index"),
    path("partitions.csv", maps.download, {"kind": "csv"}, name="csv"),
    path("partitions.json", maps.download, {"kind": "json"}, name="json"),
    path("accepted/", accepted.index, name="accepted"),
    path("accepted/accepted.csv", accepted.download, {"kind": "csv"}, name="accepted_csv"),
    path("accepted/accepted.json", accepted.download, {"kind": "json"}, name="accepted_json"),
    path("accepted/new/", accepted.new, name="accept"),
    path("accepted/<int:pk>/withdraw/", accepted.withdraw, name="withdraw"),
    path("calendar/", calendar.index, name="calendar"),
    path("calendar/confirm/", calendar.confirm, name="confirm_removed"),
    path("scans/", scans.scans, name="scans"),
    path("scans/<int:pk>/", scans.scan, name="scan"),
    path("partition/", maps.find, name="find"),
    path("partition/<str:table>/<str:date>/", maps.partition, name="partition"),
    path("<str:name>/", maps.season, name="season"),
    path("<str:name>/heatmap.json", maps.heatmap_data, name="heatmap"),
    path("<str:name>/partitions.csv", maps.download, {"kind": "csv"}, name="season_csv"),
    path("<str:name>/partitions.json", maps.download, {"kind": "json"}, name="season_json"),
]
