"""The launcher's file: which launcher serves this folder, and which processes an earlier one may have left."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import processes


class AlreadyServed(Exception):
    """Another launcher is alive in this folder."""


@dataclass
class Record:
    """services: name to (pid, identity) of its main process, which is unique, also after a reboot.

    predecessor: the pid of an earlier launcher of this folder that died without cleaning up.
    """

    path: Path
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    services: dict[str, tuple[int, str]] = field(default_factory=dict)
    predecessor: int | None = None

    def claim(self) -> int:
        """Take over the folder, or raise AlreadyServed; returns how many leftover processes were killed."""
        if launcher := self.launcher():
            raise AlreadyServed(f"Already served by process {launcher}: stop that one first.")
        earlier = self._read()
        self.predecessor = earlier["launcher"][0] if earlier else None
        ended = _end_leftovers(earlier) if earlier else 0
        self.save()
        return ended

    def launcher(self) -> int | None:
        """The process number of the launcher that serves the folder now."""
        earlier = self._read()
        return earlier["launcher"][0] if earlier and processes.is_still(*earlier["launcher"]) else None

    def save(self) -> None:
        this = (os.getpid(), processes.identity(os.getpid()))
        text = json.dumps({"launcher": this, "token": self.token, "services": self.services})
        draft = self.path.with_suffix(f".{os.getpid()}")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text)
        draft.replace(self.path)

    def release(self) -> None:
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        try:
            return json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return None


def _end_leftovers(earlier: dict[str, Any]) -> int:
    """Kill what the earlier launcher left. No process is killed by its pid alone."""
    sessions = [
        pid for pid, known_as in earlier["services"].values() if processes.still_its_session(pid, known_as)
    ]
    return sum(processes.kill(session, earlier["token"]) for session in [None, *sessions])
