"""Checks that call something: commands, addresses, imports. Whatever hangs is unknown, with the reason."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.runs.preflight import registry
from apps.runs.preflight.finding import Level
from tests.runs.preflight.conftest import finding

COMMAND = '[[check]]\nname = "Topic"\nkind = "command"\n'


def test_command_with_exit_0_and_expected_output_passes(checked, configure):
    configure(COMMAND + "command = ['{python}', '-c', 'print(\"topic is there\")']\npattern = 'is there$'")

    assert finding(checked(), "command").level == Level.PASS


def test_a_command_that_ends_badly_fails_with_its_last_words(checked, configure):
    configure(COMMAND + "command = ['{python}', '-c', 'import sys; print(\"no such topic\"); sys.exit(4)']")

    found = finding(checked(), "command")

    assert (found.level, found.value, found.detail) == (Level.FAILURE, "exit 4", "no such topic")
    assert found.command.startswith("cd ") and "sys.exit(4)" in found.command


def test_command_with_exit_0_but_unexpected_output_does_not_pass(checked, configure):
    configure(COMMAND + "command = ['{python}', '-c', 'print(\"nothing found\")']\npattern = 'is there'")

    assert finding(checked(), "command").text.endswith("did not say what it should.")


def test_nonexistent_command_is_unknown(checked, configure):
    configure(COMMAND + 'command = ["no-such-program"]')

    found = finding(checked(), "command")

    assert found.level == Level.UNKNOWN and "could not be started" in found.text


def test_a_command_that_hangs_is_unknown_and_ended(checked, configure):
    configure(COMMAND + "command = ['{python}', '-c', 'import time; time.sleep(600)']\ntimeout = 1")

    found = finding(checked(), "command")

    assert (found.level, found.text) == (Level.UNKNOWN, "Did not end within 1 s.")
    assert "time.sleep(600)" in found.command


def test_a_check_that_hangs_is_unknown(checked, configure, monkeypatch):
    hang = threading.Event()
    monkeypatch.setitem(registry.KINDS, "disk", registry.Kind(lambda *_: hang.wait()))
    configure('[[check]]\nname = "Disk"\nkind = "disk"\ntimeout = 1')

    found = finding(checked(), "disk")
    hang.set()

    assert (found.level, found.text) == (Level.UNKNOWN, "Did not answer within 1 s.")


# Addresses ------------------------------------------------------------------------------------------


class Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/broken" else 200)
        self.end_headers()
        self.wfile.write(b"all is well")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def service(url: str, more: str = "") -> str:
    return f'[[check]]\nname = "Service"\nkind = "http"\nurl = "{url}"\n{more}'


def test_a_service_that_answers_passes(checked, configure, address):
    configure(service(address, 'contains = "well"'))

    assert finding(checked(), "http").level == Level.PASS


def test_a_service_that_is_broken_fails(checked, configure, address):
    configure(service(f"{address}/broken"))

    assert finding(checked(), "http").text == f"{address}/broken answers 503."


def test_service_with_an_unexpected_body_fails(checked, configure, address):
    configure(service(address, 'contains = "Log in"'))

    assert finding(checked(), "http").level == Level.FAILURE


def test_refused_connection_fails(checked, configure):
    configure(service("http://127.0.0.1:9/"))

    assert (
        finding(checked(), "http").text == "http://127.0.0.1:9/ does not answer: the connection is refused."
    )


def test_an_address_that_cannot_be_found_is_unknown(checked, configure):
    configure(service("http://no-such-host.invalid/"))

    assert finding(checked(), "http").level == Level.UNKNOWN


# Imports ------------------------------------------------------------------------------------------


def test_imports_of_the_jobs_are_checked_in_their_interpreter(checked):
    found = finding(checked(tables=["daily.sales"]), "python")

    assert (found.level, found.value) == (Level.PASS, "9 modules")


def test_a_module_that_is_not_there_is_named(checked, shop):
    script = shop.parent / "jobs" / "fill.py"
    script.write_text("import no_such_module\n" + script.read_text())

    found = finding(checked(tables=["daily.sales"]), "python")

    assert found.level == Level.FAILURE
    assert "cannot import no_such_module: ModuleNotFoundError" in found.text
