"""What other apps connect to: they know the workers, the workers do not know them."""

from django.dispatch import Signal

# Sent in a worker process when it starts, before its first task. Arguments: cluster (its name).
worker_started = Signal()

# Sent in the launcher's process every 10 seconds. For one cheap query, no more: while a receiver
# works nobody watches. An error is logged and the next tick comes all the same. Arguments: none.
tick = Signal()

# Sent in the launcher's process before it forks: receivers import what their tasks need, so that the workers share it.
# They start no thread and open no connection. An error is logged and serving begins all the same. Arguments: none.
preloading = Signal()
