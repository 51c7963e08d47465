"""Signals that other apps connect to: they import the workers, the workers do not import them."""

from django.dispatch import Signal

# Sent in a worker process when it starts, before its first task. Arguments: cluster (its name).
worker_started = Signal()

# Sent in the launcher's process every 10 seconds. A receiver may make one cheap query: meanwhile the launcher
# checks nothing. An error is logged; the next tick follows. Arguments: none.
tick = Signal()

# Sent in the launcher's process before it forks: receivers import what their tasks need, so that the workers share it.
# They start no thread and open no connection. An error is logged; serving starts anyway. Arguments: none.
preloading = Signal()
