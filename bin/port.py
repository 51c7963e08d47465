"""Prints why the web server cannot listen on a port, and exits with 1; prints nothing if it can."""

import errno
import socket
import sys


def obstacle(port: str) -> str:
    """The reason why no program can listen on this port; empty if one can."""
    if not port.isdigit() or not 0 < int(port) < 65536:
        return f"'{port}' is not a port: give a number from 1 to 65535, as in: make demo PORT=8001"
    with socket.socket() as listener:
        # As gunicorn does, so that a recently stopped console is no obstacle.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(port)))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            return f"Port {port} {reason}: stop what holds it, or choose another one: make demo PORT=8001"
    return ""


if __name__ == "__main__":
    sys.exit(obstacle(sys.argv[1]) or 0)
