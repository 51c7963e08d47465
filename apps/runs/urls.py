"""Addresses of runs."""

from django.urls import path

from apps.runs.views import attempts, launch, operate, watch

app_name = "runs"

urlpatterns = [
    path("", watch.index, name="index"),
    path("new/", launch.new, name="new"),
    path("plan/", launch.plan, name="plan"),
    path("partition/<str:table>/<str:date>/", attempts.partition, name="partition"),
    path("<int:pk>/", watch.detail, name="detail"),
    path("<int:pk>/live/", watch.live, name="live"),
    path("<int:pk>/summary/", watch.summary, name="summary"),
    path("<int:pk>/failures.csv", watch.failures_csv, name="failures_csv"),
    path("<int:pk>/pause/", operate.pause, name="pause"),
    path("<int:pk>/stop/", operate.stop, name="stop"),
    path("<int:pk>/resume/", operate.resume, name="resume"),
    path("<int:pk>/cancel/", operate.cancel, name="cancel"),
    path("<int:pk>/start-phase/", operate.start_phase, name="start_phase"),
    path("<int:pk>/retry/", operate.retry, name="retry"),
    path("<int:pk>/attempts/", attempts.attempts, name="attempts"),
    path("<int:pk>/attempts/<int:number>/", attempts.attempt, name="attempt"),
    path("<int:pk>/attempts/<int:number>/tail/", attempts.tail, name="tail"),
    path("<int:pk>/attempts/<int:number>/log/", attempts.log, name="log"),
]
