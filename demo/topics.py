"""Whether messages can be left: `python topics.py phase-4` looks at the topic that starts Phase 4.

The demo's messages are rows of nba_ops.triggers. Elsewhere a message topic would be asked here.
Ends with 0 and says how many messages wait, or with 1 and says why there is no such topic.
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
