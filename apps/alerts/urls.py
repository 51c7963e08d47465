"""Addresses of the outbox."""

from django.urls import path

from apps.alerts import views

app_name = "outbox"

urlpatterns = [
    path("", views.index, name="index"),
    path("send-again/", views.send_again, name="send_all_again"),
    path("<int:pk>/", views.message, name="message"),
    path("<int:pk>/html/", views.html, name="html"),
    path("<int:pk>/failures.csv", views.failures_csv, name="csv"),
    path("<int:pk>/send-again/", views.send_again, name="send_again"),
]
