"""Addresses of runs."""

from django.urls import path, register_converter

from apps.runs.views import attempts, converters, launch, operate, steps, watch

app_name = "runs"

register_converter(converters.Number, "number")
register_converter(converters.Date, "date")

urlpatterns = [
    path("", watch.index, name="index"),
    path("new/", launch.new, name="new"),
    path("plan/", launch.plan, name="plan"),
    path("plan/steps/", launch.steps_behind, name="steps_behind"),
    path("partition/<str:table>/<date:date>/", attempts.partition, name="partition"),
    path("<number:pk>/", watch.detail, name="detail"),
    path("<number:pk>/live/", watch.live, name="live"),
    path("<number:pk>/summary/", watch.summary, name="summary"),
    path("<number:pk>/steps/", steps.steps, name="steps"),
    path("<number:pk>/steps.csv", steps.steps_csv, name="steps_csv"),
    path("<number:pk>/failures.csv", watch.failures_csv, name="failures_csv"),
    path("<number:pk>/pause/", operate.pause, name="pause"),
    path("<number:pk>/stop/", operate.stop, name="stop"),
    path("<number:pk>/resume/", operate.resume, name="resume"),
    path("<number:pk>/cancel/", operate.cancel, name="cancel"),
    path("<number:pk>/start-phase/", operate.start_phase, name="start_phase"),
    path("<number:pk>/release/", operate.release, name="release"),
    path("<number:pk>/override/", operate.override, name="override"),
    path("<number:pk>/lanes/", operate.set_lanes, name="set_lanes"),
    path("<number:pk>/retry/", operate.retry, name="retry"),
    path("<number:pk>/attempts/", attempts.attempts, name="attempts"),
    path("<number:pk>/attempts/<number:number>/", attempts.attempt, name="attempt"),
    path("<number:pk>/attempts/<number:number>/tail/", attempts.tail, name="tail"),
    path("<number:pk>/attempts/<number:number>/log/", attempts.log, name="log"),
]
