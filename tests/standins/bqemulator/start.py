"""Starts bqemulator on a port, without the extensions of DuckDB that are downloads; our tables need none of them."""

import os
import sys

os.environ["BQEMU_ENABLE_FORMAT_EXTENSIONS"] = "false"

from bqemulator.cli import main
from bqemulator.storage.engine import DuckDBEngine

DuckDBEngine._load_spatial = lambda self: None
sys.argv = ["bqemulator", "start", "--rest-port", sys.argv[1], "--grpc-port", "0", "--log-level", "error"]
main()
