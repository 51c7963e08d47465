"""The page of the workers: the processes of the console on all machines."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.coverage.views import live
from apps.workers import worker_list


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    context = {"workers": worker_list.workers_now(timezone.now())}
    piece = live.piece(
        "workers/_live.html", context, request=request, beside="workers/_facts.html", is_active=True
    )
    if live.is_refresh(request):
        return piece.answer(request)
    return render(request, "workers/index.html", context | {"live": piece})
