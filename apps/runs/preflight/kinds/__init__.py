"""The checks that the console knows by itself, a family a module; importing them registers them."""

from apps.runs.preflight.kinds import calls, code, completeness, dry_run, machine, warehouse

__all__ = ["calls", "code", "completeness", "dry_run", "machine", "warehouse"]
