"""What strangers get to see, and people who type addresses."""

import logging

import pytest
from django.template.loader import render_to_string
from django.test import Client

FOREIGN = {"host": "evil.example"}


@pytest.fixture(autouse=True)
def quiet(caplog, client):
    caplog.set_level(logging.CRITICAL)
    client.raise_request_exception = False


@pytest.mark.parametrize("address", ["/", "/account/login/", "/nowhere/", "/runs/1/"])
def test_a_foreign_host_gets_an_error_page_with_status_400(client, shop, address):
    response = client.get(address, headers=FOREIGN)

    assert response.status_code == 400
    assert "This request could not be read" in response.content.decode()


def test_a_foreign_host_learns_nothing_of_the_pipeline(client, shop):
    page = client.get("/", headers=FOREIGN).content.decode()

    assert "Shop" not in page and "Traceback" not in page


def test_a_foreign_host_is_refused_before_a_redirect_to_https_too(client, shop, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/", headers=FOREIGN).status_code == 400


def test_a_form_without_its_token_is_refused_with_our_own_page(shop, db):
    response = Client(enforce_csrf_checks=True).post("/account/login/", {"username": "olga"})

    assert response.status_code == 403
    assert "Backfill Console" in response.content.decode()


@pytest.mark.parametrize("page", ["400.html", "403.html", "404.html", "500.html", "403_csrf.html"])
def test_an_error_page_renders_without_a_user(rf, shop, page):
    assert "Backfill Console" in render_to_string(page, request=rf.get("/"))


UNKNOWN_ADDRESSES = [
    "/runs/partition/nope/2024-01-01/",
    "/runs/partition/daily.nope/2024-01-01/",
    "/runs/partition/daily%00.sales/2024-01-01/",
    "/runs/partition/daily.sales/2024-02-30/",
    "/runs/partition/daily.sales/20240101/",
    "/runs/partition/daily.sales/0000-01-01/",
    "/runs/partition/daily.sales/2024-W01-1/",
    "/runs/partition/daily.sales/soon/",
    "/runs/0/",
    "/runs/99/",
    "/runs/99/steps/",
    f"/runs/{10**30}/",
    f"/runs/{10**18}/",
    f"/runs/{10**30}/summary/",
    f"/runs/{10**19}/attempts/1/",
    f"/runs/1/attempts/{10**30}/log/",
    "/runs/1/attempts/9/tail/",
    "/runs/1/failures.csv",
    "/failures/1/",
    "/preflight/0/",
    "/preflight/999/",
    f"/preflight/{10**20 - 1}/",
    "/verify/9/",
    "/verify/9/verification.csv",
    f"/verify/{10**30}/",
    f"/coverage/scans/{10**30}/",
    "/coverage/summer/",
    "/coverage/summer/heatmap.json",
    "/coverage/partition/daily.nope/2024-01-01/",
    "/coverage/partition/daily.sales/2024-02-30/",
]


@pytest.mark.parametrize("address", UNKNOWN_ADDRESSES)
def test_an_unknown_address_is_not_found(viewing, address):
    assert viewing.get(address).status_code == 404


def test_a_forbidden_request_is_logged_in_one_line_without_a_traceback(viewing, caplog):
    with caplog.at_level(logging.WARNING):
        viewing.post("/verify/start/")

    (line,) = [record for record in caplog.records if record.name == "django.request"]
    assert (line.status_code, line.exc_info) == (403, None)
