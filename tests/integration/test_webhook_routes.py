"""The webhook over Flask's test client: what is taken, what is refused, and how."""

from __future__ import annotations

import logging

import orjson
import pytest

from common.errors import StoreUnavailable
from common.messages import InboundMessage
from tests.webhook_bodies import FILES, body_of, status_of, text_message, value_of
from tests.webhook_fakes import PATH, RememberingIngest, app_with, signed

RAW = orjson.dumps(body_of(value_of(messages=[text_message("wamid.1")])))
LIMIT = 4 * 1024 * 1024


@pytest.fixture
def ingest():
    return RememberingIngest()


@pytest.fixture
def client(ingest):
    return app_with(ingest).test_client()


def problem(response):
    """The problem in `response`; every one says what, and in which terms."""
    assert response.content_type == "application/problem+json"
    body = response.get_json()
    assert body["status"] == response.status_code
    assert body["type"].startswith("urn:relevo:problem:")
    assert body["title"]
    assert body["detail"]
    return body


# --- GET --------------------------------------------------------------------------------------------------------


def test_meta_gets_its_challenge_back_as_plain_text(client):
    """200, the bare challenge, never to be taken for HTML."""
    response = client.get(f"{PATH}?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=<b>115</b>")

    assert response.status_code == 200
    assert response.data == b"<b>115</b>"
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=%C3%A9%ED%A0%80&hub.challenge=1",
        "hub.mode=unsubscribe&hub.verify_token=verify-me&hub.challenge=1",
        "hub.verify_token=verify-me&hub.challenge=1",
    ],
)
def test_verification_with_another_mode_or_token_is_refused(client, query):
    """403, and the challenge is not repeated."""
    response = client.get(f"{PATH}?{query}")

    assert response.status_code == 403
    assert "WHATSAPP_VERIFY_TOKEN" in problem(response)["action"]


def test_an_unset_verify_token_verifies_nothing(ingest):
    """Not even the empty token."""
    client = app_with(ingest, whatsapp_verify_token=None).test_client()

    assert client.get(f"{PATH}?hub.mode=subscribe&hub.verify_token=&hub.challenge=1").status_code == 403


# --- POST -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_collected_body_is_accepted(client, ingest, path):
    """200, a small answer, and at least one update handed on."""
    response = client.post(PATH, **signed(path.read_bytes()))

    assert (response.status_code, response.data) == (200, b"ok")
    assert ingest.updates


def test_a_signed_message_is_handed_on_with_the_time_of_receipt(client, ingest):
    """All of it, once."""
    client.post(PATH, **signed(RAW))

    (message,) = ingest.updates
    assert isinstance(message, InboundMessage)
    assert message.wamid == "wamid.1"


def test_a_body_of_escaped_json_is_checked_as_it_came(client, ingest):
    """Meta signs the bytes on the wire, with \\uXXXX and \\/ in them."""
    raw = RAW.replace(b"Hola", rb"\u00a1Hola\/\u00f1!")

    assert client.post(PATH, **signed(raw)).status_code == 200
    assert ingest.updates[0].text == "¡Hola/ñ!"


@pytest.mark.parametrize("header", [None, "", "sha256=", "sha256=" + "0" * 64, "sha1=x", "sha256=é", "ééé"], ids=repr)
def test_a_bad_or_missing_signature_is_refused(client, ingest, header):
    """401, and nothing is read."""
    headers = {} if header is None else {"X-Hub-Signature-256": header}

    response = client.post(PATH, data=RAW, headers=headers)

    assert response.status_code == 401
    assert "WHATSAPP_APP_SECRET" in problem(response)["action"]
    assert not ingest.updates


def test_any_of_several_app_secrets_is_good(ingest):
    """While one is rotated out."""
    client = app_with(ingest, whatsapp_app_secret="new, old").test_client()

    assert client.post(PATH, **signed(RAW, "new")).status_code == 200
    assert client.post(PATH, **signed(RAW, "old")).status_code == 200
    assert client.post(PATH, **signed(RAW, "older")).status_code == 401
    assert client.post(PATH, **signed(RAW, "")).status_code == 401


def test_without_an_app_secret_the_webhook_is_off(ingest):
    """503 that names the setting; an empty key is never used to verify."""
    client = app_with(ingest, whatsapp_app_secret="", encryption_key="x").test_client()

    response = client.post(PATH, **signed(RAW, ""))

    assert response.status_code == 503
    assert "WHATSAPP_APP_SECRET" in problem(response)["action"]
    assert not ingest.updates


@pytest.mark.parametrize("raw", [b"", b"{", b"hello", b"\xff\xfe", b"NaN"], ids=repr)
def test_a_signed_body_that_is_not_json_is_refused(client, raw):
    """400."""
    response = client.post(PATH, **signed(raw))

    assert response.status_code == 400
    assert problem(response)["detail"] == "The body is not JSON."


@pytest.mark.parametrize("raw", [b"null", b"[]", b'"x"', b"7", b"{}", b'{"object":"page"}', b'["\\ud800"]'], ids=repr)
def test_signed_json_of_any_shape_is_accepted(client, ingest, raw):
    """Else Meta would send it again for days."""
    assert client.post(PATH, **signed(raw)).status_code == 200
    assert len(ingest.updates) == 1


def test_a_body_up_to_the_limit_is_accepted_and_one_byte_more_is_not(client, ingest):
    """413 past 4 MiB, before anything is read."""
    padding = b" " * (LIMIT - len(RAW))

    assert client.post(PATH, **signed(RAW + padding)).status_code == 200
    response = client.post(PATH, **signed(RAW + padding + b" "))

    assert response.status_code == 413
    problem(response)
    assert len(ingest.updates) == 1


def test_a_thousand_statuses_in_one_post_all_arrive(client, ingest):
    """The most that Meta puts into one."""
    raw = orjson.dumps(body_of(value_of(statuses=[status_of(f"wamid.{i}") for i in range(1000)])))

    assert client.post(PATH, **signed(raw)).status_code == 200
    assert [update.wamid for update in ingest.updates] == [f"wamid.{i}" for i in range(1000)]


@pytest.mark.parametrize("error", [StoreUnavailable("down"), RuntimeError("bug"), KeyError("bug")], ids=repr)
def test_what_cannot_be_stored_is_asked_for_again(error, caplog):
    """503 with Retry-After, one log line, no traceback in the answer."""
    client = app_with(RememberingIngest(error=error)).test_client()

    with caplog.at_level(logging.ERROR):
        response = client.post(PATH, **signed(RAW))

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "Traceback" not in response.text
    assert problem(response)["type"] == "urn:relevo:problem:store-unavailable"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_another_method_is_told_which_ones_there_are(client, method):
    """405 with Allow."""
    response = getattr(client, method)(PATH)

    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["Allow"].replace(" ", "").split(","))
    problem(response)


def test_security_headers_stand_on_every_answer(client):
    """Errors included."""
    for response in (client.get("/healthz"), client.get("/nothing"), client.post(PATH)):
        assert response.headers.getlist("X-Content-Type-Options") == ["nosniff"]
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
