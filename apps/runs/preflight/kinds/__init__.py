"""The checks, a family a module. `apps.runs.preflight.registry` names them by kind."""
