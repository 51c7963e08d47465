"""What a person ticks and types to have verified, turned into a scope or into a sentence about what is wrong."""

from __future__ import annotations

from typing import Any

from apps.coverage.verification.scope import scope
from apps.pipeline.form_fields import ScopeForm
from apps.pipeline.scope import Scope


class VerifyForm(ScopeForm):
    def find_scope(self, **names: Any) -> Scope:
        return scope(self.pipeline, **names)
