"""Who wrote which partition when: a line at the start and one at the end, from which tests see what overlapped."""

import contextlib
import json
import os
import time


@contextlib.contextmanager
def writing(table, date):
    """Around the writing of a partition. Somebody else who is at it, and alive, is told of by whoever comes second."""
    note("start", table, date)
    for other in at_work(table, str(date)):
        note("overlap", table, date, other=other["pid"])
    yield
    note("end", table, date)


def note(what, table, date, **more):
    entry = {
        "what": what,
        "table": table,
        "date": str(date),
        "at": time.time(),
        **who(os.getpid()),
        **more,
    }
    entry |= {"attempt": os.environ.get("BACKFILL_ATTEMPT"), "worker": os.getppid()}
    with open(os.environ.get("JOURNAL", os.devnull), "ab", buffering=0) as journal:
        journal.write(
            json.dumps(entry).encode() + b"\n"
        )  # one write to a file opened to append: lines stay whole


def at_work(table, date):
    """Starts of this partition that have no end, whose process lives."""
    begun = {}
    for entry in entries():
        if (entry["table"], entry["date"]) == (table, date):
            begun.pop(entry["pid"], None)
            if entry["what"] == "start" and entry["pid"] != os.getpid():
                begun[entry["pid"]] = entry
    return [entry for entry in begun.values() if who(entry["pid"])["born"] == entry["born"]]


def entries():
    with open(os.environ.get("JOURNAL", os.devnull)) as journal:
        return [json.loads(line) for line in journal]


def who(pid):
    """A process by its number and the moment of its birth; one that has ended has none."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return {"pid": pid, "born": None}
    return {"pid": pid, "born": None if fields[0] in "ZX" else fields[19]}
