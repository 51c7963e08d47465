"""Addresses of the coverage pages. Fixed words come before the seasons' names."""

from django.urls import path

from apps.coverage import views

app_name = "coverage"

urlpatterns = [
    path("", views.index, name="index"),
    path("partitions.csv", views.download, {"kind": "csv"}, name="csv"),
    path("partitions.json", views.download, {"kind": "json"}, name="json"),
    path("scans/", views.start_scan, name="start_scan"),
    path("scans/<int:pk>/", views.scan, name="scan"),
    path("partition/", views.find, name="find"),
    path("partition/<str:table>/<str:date>/", views.partition, name="partition"),
    path("<str:name>/", views.season, name="season"),
    path("<str:name>/heatmap.json", views.heatmap_data, name="heatmap"),
    path("<str:name>/partitions.csv", views.download, {"kind": "csv"}, name="season_csv"),
    path("<str:name>/partitions.json", views.download, {"kind": "json"}, name="season_json"),
]
