"""Pre-flight: what is looked at before a launch, what it said, and the verdict for a plan."""
