"""The demo's jobs: one script a table, as an owner of such a pipeline would have them."""
