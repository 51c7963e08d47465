"""Addresses of the coverage pages. Fixed words come before the seasons' names."""

from django.urls import path

from apps.coverage.views import maps, scans

app_name = "coverage"

urlpatterns = [
    path("", maps.index, name="index"),
    path("partitions.csv", maps.download, {"kind": "csv"}, name="csv"),
    path("partitions.json", maps.download, {"kind": "json"}, name="json"),
    path("scans/", scans.start_scan, name="start_scan"),
    path("scans/<int:pk>/", scans.scan, name="scan"),
    path("partition/", maps.find, name="find"),
    path("partition/<str:table>/<str:date>/", maps.partition, name="partition"),
    path("<str:name>/", maps.season, name="season"),
    path("<str:name>/heatmap.json", maps.heatmap_data, name="heatmap"),
    path("<str:name>/partitions.csv", maps.download, {"kind": "csv"}, name="season_csv"),
    path("<str:name>/partitions.json", maps.download, {"kind": "json"}, name="season_json"),
]
