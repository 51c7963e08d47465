"""The web server: gunicorn on a socket that the launcher has opened, in a process that it has forked."""

from __future__ import annotations

import os
from typing import Any

from django.core.wsgi import get_wsgi_application
from gunicorn.app.base import BaseApplication

from .heartbeat import Beat
from .models import Worker

THREADS = 8


class Web(BaseApplication):
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for key, value in self.options.items():
            self.cfg.set(key, value)

    def load(self) -> Any:
        return get_wsgi_application()


def serve(fd: int, address: str) -> int:
    """Answer requests that come in at the socket `fd` until told to stop (SIGTERM)."""

    def begin_to_beat(worker: Any) -> None:
        worker.beat = Beat(Worker.WEB, doing=f"pages at {address}")
        worker.beat.start()

    os.environ["GUNICORN_CMD_ARGS"] = ""
    Web(
        {
            "bind": f"fd://{fd}",
            # Pages are small and wait for the database: threads are enough, and share their memory.
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "preload_app": True,
            "timeout": 60,
            "graceful_timeout": 5,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": begin_to_beat,
            "worker_exit": say_goodbye,
        }
    ).run()
    return 0


def say_goodbye(server: Any, worker: Any) -> None:
    if beat := getattr(worker, "beat", None):
        beat.stop()
