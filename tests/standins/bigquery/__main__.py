"""The stand-in as a process of its own, until its input ends: `python -m tests.standins.bigquery`. Says its address."""

import sys

from tests.standins.bigquery import StandIn

with StandIn() as server:
    print(server.url, flush=True)
    sys.stdin.read()
