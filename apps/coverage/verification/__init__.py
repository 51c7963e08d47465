"""Verifications: what one finds, piece by piece. `verifier` performs one."""
