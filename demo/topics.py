"""Check a message topic: `python topics.py phase-4` checks the one that triggers Phase 4.

The demo's messages are rows of nba_ops.triggers. A real pipeline would query a message topic here.
Exits with 0 and prints the number of waiting messages, or with 1 and prints the error.
"""

from __future__ import annotations

import argparse
import sys

import duckdb
from jobs.common import JobError, Warehouse

TOPICS = {"phase-4": "nba_ops.triggers"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topic", choices=TOPICS)
    topic = parser.parse_args().topic
    try:
        with Warehouse.from_environment().open(read_only=True) as connection:
            waiting = connection.execute(f"SELECT count(*) FROM {TOPICS[topic]}").fetchall()[0][0]
    except (JobError, duckdb.Error) as error:
        print(f"topic {topic}: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"topic {topic} is there, {waiting} messages wait")
    return 0


if __name__ == "__main__":
    sys.exit(main())
