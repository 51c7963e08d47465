"""What a verification finds, piece by piece: `apps.coverage.verification` performs one."""
