"""The outbox of the demo, and the banner that says when a mail did not arrive."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.urls import reverse
from django_q.models import OrmQ

from apps.alerts import context
from apps.alerts.models import Message
from tests.markup import tight

MAIL = '<html><head></head><body><p style="color: red">html part</p></body></html>'


@pytest.fixture
def outbox(settings, tmp_path):
    settings.OUTBOX_DIR = settings.EMAIL_FILE_PATH = tmp_path / "outbox"
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"


@pytest.fixture
def message(db) -> Message:
    return Message.objects.create(
        subject="FAILED 1/6 - sales",
        to=["team@shop.example"],
        text="text part",
        html=MAIL,
        csv="table,date\n",
        run_id=7,
    )


@pytest.fixture
def undelivered(message) -> Message:
    Message.objects.update(
        status=Message.Status.FAILED, tries=8, problem="ConnectionRefusedError: nobody listens"
    )
    message.refresh_from_db()
    return message


@pytest.fixture
def see(client, viewer):
    """Reads a page as a viewer."""
    client.force_login(viewer)

    def get(name: str, *args, **kwargs):
        return client.get(reverse(f"outbox:{name}", args=args), **kwargs)

    return get


@pytest.mark.parametrize("name", ["index", "message", "html", "csv"])
def test_outbox_pages_return_404_if_no_outbox_is_configured(see, message, name):
    assert see(name, *([] if name == "index" else [message.pk])).status_code == 404


def test_the_outbox_lists_every_mail_with_its_state_and_names_the_folder(see, outbox, undelivered, tmp_path):
    page = see("index").content.decode()

    assert "FAILED 1/6 - sales" in page
    assert "not sent, tried 8 times" in page
    assert "nobody listens" in page
    assert str(tmp_path / "outbox") in page


def test_empty_outbox_shows_that_there_are_no_mails_yet(see, outbox):
    assert "No mails yet" in see("index").content.decode()


def test_mail_is_shown_in_a_sandboxed_frame_that_only_allows_user_navigation(see, outbox, message):
    answer = see("message", message.pk)

    assert f'src="/outbox/{message.pk}/html/"' in answer.content.decode()
    assert 'sandbox="allow-top-navigation-by-user-activation"' in answer.content.decode()
    assert "frame-src 'self'" in answer["Content-Security-Policy"]
    assert "style-src 'self'" in answer["Content-Security-Policy"]


def test_html_part_policy_allows_only_inline_styles_and_same_origin_framing(see, outbox, message):
    answer = see("html", message.pk)

    assert "html part" in answer.content.decode()
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    policy = set(answer["Content-Security-Policy"].split("; "))
    assert {"default-src 'none'", "style-src 'unsafe-inline'", "frame-ancestors 'self'"} <= policy
    assert not any(directive.startswith("script-src") for directive in policy)


def test_the_text_part_is_shown(see, outbox, message):
    assert "text part" in see("message", message.pk, data={"part": "text"}).content.decode()


def test_the_csv_can_be_downloaded(see, outbox, message):
    answer = see("csv", message.pk)

    assert answer.content == b"table,date\n"
    assert answer["Content-Disposition"] == 'attachment; filename="failures-run-7.csv"'


def test_an_operator_sends_an_undelivered_mail_again(client, operator, undelivered):
    client.force_login(operator)

    client.post(reverse("outbox:send_again", args=[undelivered.pk]))

    undelivered.refresh_from_db()
    assert (undelivered.status, undelivered.tries) == (Message.Status.WAITING, 0)
    assert OrmQ.objects.get().func() == "apps.alerts.tasks.deliver"


def test_an_operator_sends_all_undelivered_mails_again_where_there_is_no_outbox(
    client, operator, undelivered
):
    client.force_login(operator)

    answer = client.post(reverse("outbox:send_all_again"), {"next": "/runs/"})

    undelivered.refresh_from_db()
    assert undelivered.is_waiting
    assert answer["Location"] == "/runs/"


def test_resend_never_redirects_to_another_site(client, operator, undelivered):
    client.force_login(operator)

    answer = client.post(reverse("outbox:send_all_again"), {"next": "https://elsewhere.example/"})

    assert answer["Location"] == "/"


def test_sent_mail_is_not_resent(client, operator, message):
    Message.objects.update(status=Message.Status.SENT)
    client.force_login(operator)

    client.post(reverse("outbox:send_again", args=[message.pk]))

    message.refresh_from_db()
    assert message.is_sent


def test_a_viewer_may_not_send_again(client, viewer, undelivered):
    client.force_login(viewer)

    assert client.post(reverse("outbox:send_again", args=[undelivered.pk])).status_code == 403


def banner(rf, user) -> str:
    request = rf.get("/runs/")
    request.user = user
    return tight(render_to_string("alerts/_banner.html", context.undelivered(request), request))


def test_banner_shows_the_number_of_undelivered_mails_and_the_error(rf, viewer, undelivered):
    text = banner(rf, viewer)

    assert "1 mail could not be sent: ConnectionRefusedError: nobody listens" in text
    assert "Send again" not in text


def test_an_operator_can_send_again_from_the_banner(rf, operator, undelivered):
    assert "Send again" in banner(rf, operator)


def test_there_is_no_banner_while_mails_only_wait_for_their_first_try(rf, viewer, message):
    assert banner(rf, viewer).strip() == ""


def test_there_is_no_banner_for_anonymous_users(rf, undelivered):
    assert banner(rf, AnonymousUser()).strip() == ""


def test_page_without_a_banner_does_not_query_undelivered_mails(
    rf, viewer, undelivered, django_assert_num_queries
):
    request = rf.get("/")
    request.user = viewer

    with django_assert_num_queries(0):
        context.undelivered(request)
