"""The demo's jobs: one script per table, as the owner of such a pipeline would have them."""
