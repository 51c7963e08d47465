"""The checks that the console knows by itself, a family a module; importing them registers them."""

from apps.runs.preflight.kinds import calls, code, completeness, cost, dry_run, machine, quota, warehouse

__all__ = ["calls", "code", "completeness", "cost", "dry_run", "machine", "quota", "warehouse"]
