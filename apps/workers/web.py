"""The web server: gunicorn on a socket that the launcher has opened, in a process that it has forked."""

from __future__ import annotations

import os
from typing import Any

from django.core.wsgi import get_wsgi_application
from gunicorn.app.base import BaseApplication

from .heartbeat import Heartbeat
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
    """Serve requests on the socket `fd` until SIGTERM."""

    def start_heartbeat(worker: Any) -> None:
        worker.heartbeat = Heartbeat(Worker.WEB, doing=f"pages at {address}")
        worker.heartbeat.start()

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
            "post_worker_init": start_heartbeat,
            "worker_exit": stop_heartbeat,
        }
    ).run()
    return 0


def stop_heartbeat(server: Any, worker: Any) -> None:
    if heartbeat := getattr(worker, "heartbeat", None):
        heartbeat.stop()
