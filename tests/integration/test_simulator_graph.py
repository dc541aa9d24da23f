"""The simulator's Graph API refuses what Meta refuses, accepts what Meta accepts, and answers in Meta's words."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest
import requests

from common.graph.simulator.client import SimulatorClient, SimulatorError
from common.graph.simulator.options import DEFAULT_PHONE_ID, DEFAULT_TOKEN, Behaviour, Options
from common.graph.simulator.server import SimulatorServer, simulator_in_thread

ANA = "573001112233"
SECOND, FOREIGN = "200000000000002", "300000000000003"
AUTH = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    options = Options(webhook=None, phone_ids=(DEFAULT_PHONE_ID, SECOND), foreign_phone_ids=(FOREIGN,))
    with simulator_in_thread(options, behaviour=Behaviour(redelivery=False)) as running:
        yield running


@pytest.fixture
def meta(server: SimulatorServer) -> Iterator[SimulatorClient]:
    with SimulatorClient(server.url) as client:
        client.reset()
        client.say(ANA, "Hola")
        yield client


def post(meta: SimulatorClient, body: object = None, *, number=DEFAULT_PHONE_ID, version: str = "/v25.0", **more):
    options = {"headers": AUTH, "timeout": 10, **more}
    if "data" not in options:
        options["json"] = body
    return requests.post(f"{meta.base_url}{version}/{number}/messages", **options)


def text(to: str = ANA, body: str = "Hola", **more: object) -> dict:
    return {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": body}, **more}


def reading(wamid: str) -> dict:
    typing = {"typing_indicator": {"type": "text"}}
    return {"messaging_product": "whatsapp", "status": "read", "message_id": wamid, **typing}


def error_of(response: requests.Response) -> tuple[int, int]:
    error = response.json()["error"]
    assert error["type"] == "OAuthException"
    assert error["message"]
    assert error["fbtrace_id"] == response.headers["x-fb-trace-id"]
    return response.status_code, error["code"]


@pytest.mark.parametrize("version", ["/v25.0", "/v26.0", ""])
def test_a_send_is_accepted_under_any_version_and_none(meta: SimulatorClient, version: str):
    """Input as given, wa_id normalised, a wamid."""
    answer = post(meta, text(to="+57 300-111-2233"), version=version)
    assert answer.status_code == 200
    assert answer.json()["contacts"] == [{"input": "+57 300-111-2233", "wa_id": ANA}]
    assert answer.json()["messages"][0]["id"].startswith("wamid.")


def test_the_token_is_looked_at_before_anything_else(meta: SimulatorClient):
    """401 and code 190 even for a wrong number and no body; non-ASCII tokens are only wrong."""
    assert error_of(post(meta, None, number="1", headers={})) == (401, 190)
    for wrong in ("Bearer wrong", DEFAULT_TOKEN, b"Bearer \xff"):
        assert error_of(post(meta, None, number="1", headers={"Authorization": wrong})) == (401, 190)


def test_numbers_are_known_or_not(meta: SimulatorClient):
    """A wrong one is 100 with subcode 33, one without permission 403 and 10; a second of ours works."""
    wrong = post(meta, text(), number="999")
    assert error_of(wrong) == (400, 100)
    assert wrong.json()["error"]["error_subcode"] == 33
    assert error_of(post(meta, text(), number=FOREIGN)) == (403, 10)
    meta.say(ANA, "Hola", phone_number_id=SECOND)
    assert post(meta, text(), number=SECOND).status_code == 200
    number = requests.get(f"{meta.base_url}/v25.0/{DEFAULT_PHONE_ID}", headers=AUTH, timeout=5).json()
    assert number["id"] == DEFAULT_PHONE_ID
    assert number["display_phone_number"].startswith("+")


def test_bodies_are_checked_and_the_parameter_named(meta: SimulatorClient):
    """One case of each family here; all of them are unit tests."""
    assert error_of(post(meta, data=b"{not json")) == (400, 100)
    assert error_of(post(meta, [])) == (400, 100)
    missing = text()
    del missing["messaging_product"]
    assert error_of(post(meta, missing)) == (400, 100)
    assert error_of(post(meta, text(to=""))) == (400, 100)
    long = post(meta, text(body="x" * 4097))
    assert error_of(long) == (400, 100)
    assert "4096" in long.json()["error"]["message"]
    caption = {"link": "https://a.example/x.png", "caption": "c" * 1025}
    bad = post(meta, {**text(), "type": "image", "image": caption})
    assert error_of(bad) == (400, 131009)
    assert "caption" in bad.json()["error"]["error_data"]["details"]
    assert meta.ledger() == []


def test_to_wins_over_recipient_and_a_user_id_gets_no_phone_back(meta: SimulatorClient):
    """BSUID sends answer with the user id only."""
    assert post(meta, text(recipient="CO.5551")).json()["contacts"] == [{"input": ANA, "wa_id": ANA}]
    meta.say("CO.5551", "Hola", name="Vale")
    body = text(recipient="CO.5551")
    del body["to"]
    assert post(meta, body).json()["contacts"] == [{"input": "CO.5551", "user_id": "CO.5551"}]
    assert [entry["recipient"] for entry in meta.ledger("CO.5551")] == ["CO.5551", "CO.5551"]


def test_phone_numbers_can_be_rewritten_as_in_brazil_and_mexico(meta: SimulatorClient):
    """wa_id is not what was asked for, and the chat is the wa_id's."""
    meta.settings(rewrite_wa_id=True, strict_window=False)
    assert post(meta, text(to="5511987654321")).json()["contacts"][0]["wa_id"] == "551187654321"
    assert post(meta, text(to="5215512345678")).json()["contacts"][0]["wa_id"] == "525512345678"
    assert meta.ledger("551187654321")[0]["to"] == "5511987654321"


def test_read_marks_cover_what_came_before_and_need_a_message_of_this_number(meta: SimulatorClient):
    """{"success": true}, blue ticks, typing until the reply."""
    first = meta.chat(ANA)["messages"][0]["wamid"]
    second = meta.say(ANA, "¿Hola?")["wamid"]
    read = reading(second)
    assert post(meta, read).json() == {"success": True}
    assert {message["status"] for message in meta.chat(ANA)["messages"]} == {"read"}
    assert meta.chat(ANA)["typing"] is True
    post(meta, text())
    assert meta.chat(ANA)["typing"] is False
    assert error_of(post(meta, {**read, "message_id": "wamid.unknown"})) == (400, 131009)
    assert error_of(post(meta, {**read, "message_id": first}, number=SECOND)) == (400, 131009)
    assert error_of(post(meta, {**read, "status": "seen"})) == (400, 100)
    assert error_of(post(meta, {**read, "typing_indicator": True})) == (400, 131009)


def test_typing_ends_after_25_seconds(meta: SimulatorClient):
    """As long as Meta shows it."""
    wamid = meta.chat(ANA)["messages"][0]["wamid"]
    post(meta, reading(wamid))
    meta.settings(clock_offset=24)
    assert meta.chat(ANA)["typing"] is True
    meta.settings(clock_offset=26)
    assert meta.chat(ANA)["typing"] is False


@pytest.mark.parametrize("status", [400, 429])
def test_a_number_has_a_throughput(meta: SimulatorClient, status: int):
    """130429, by the documents 400; switchable to 429."""
    meta.settings(number_rate=3, strict_pair=False, rate_limit_status=status)
    answers = [post(meta, text()) for _ in range(8)]
    refused = [error_of(answer) for answer in answers if answer.status_code != 200]
    assert refused
    assert set(refused) == {(status, 130429)}
    meta.settings(strict_number=False)
    assert all(post(meta, text()).status_code == 200 for _ in range(8))


def test_a_pair_is_limited_and_others_are_not(meta: SimulatorClient):
    """131056 without Retry-After after the burst."""
    meta.settings(pair_burst=4, strict_number=False)
    answers = [post(meta, text()) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [400] * 2
    assert error_of(answers[-1]) == (400, 131056)
    assert "Retry-After" not in answers[-1].headers
    meta.say("573009998877", "Hola")
    assert post(meta, text(to="573009998877")).status_code == 200
    meta.settings(clock_offset=6.5)
    assert post(meta, text()).status_code == 200


def test_the_window_is_24_hours_from_the_last_message(meta: SimulatorClient):
    """131047 at once or as a failed status; templates always pass; a number has its own window."""
    template = {**text(), "type": "template", "template": {"name": "hola", "language": {"code": "es"}}}
    assert error_of(post(meta, text(to="573005554433"))) == (400, 131047)
    assert error_of(post(meta, text(), number=SECOND)) == (400, 131047)
    meta.settings(clock_offset=86_390)
    assert post(meta, text()).status_code == 200
    meta.settings(clock_offset=86_410)
    assert error_of(post(meta, text())) == (400, 131047)
    assert post(meta, template).status_code == 200
    meta.settings(window_error="async")
    wamid = post(meta, text()).json()["messages"][0]["id"]
    failed = meta.wait_for(lambda m: [x for x in m.chat(ANA)["messages"] if x["error"]])
    assert [(x["wamid"], x["error"][:6]) for x in failed] == [(wamid, "131047")]
    meta.settings(strict_window=False, window_error="sync")
    assert post(meta, text(to="573005554433")).status_code == 200


def test_a_reaction_opens_no_window(meta: SimulatorClient):
    """Only real messages do."""
    meta.settings(clock_offset=90_000)
    meta.say(ANA, kind="reaction")
    assert error_of(post(meta, text())) == (400, 131047)
    meta.say(ANA, "Hola")
    assert post(meta, text()).status_code == 200


def test_blocked_users_get_nothing(meta: SimulatorClient):
    """130403 while blocked; only who wrote within 24 h can be blocked; partly done work is told."""
    url = f"{meta.base_url}/v25.0/{DEFAULT_PHONE_ID}/block_users"
    body = {"messaging_product": "whatsapp", "block_users": [{"user": "+" + ANA}]}
    answer = requests.post(url, json=body, headers=AUTH, timeout=5)
    assert answer.json()["block_users"]["added_users"] == [{"input": "+" + ANA, "wa_id": ANA}]
    assert requests.get(url, headers=AUTH, timeout=5).json()["data"][0]["wa_id"] == ANA
    assert error_of(post(meta, text())) == (400, 130403)
    assert requests.delete(url, json=body, headers=AUTH, timeout=5).status_code == 200
    assert post(meta, text()).status_code == 200
    stranger = {"messaging_product": "whatsapp", "block_users": [{"user": "573110000000"}]}
    failed = requests.post(url, json=stranger, headers=AUTH, timeout=5)
    assert (failed.status_code, len(failed.json()["block_users"]["failed_users"])) == (400, 1)


def test_sending_to_oneself_is_refused(meta: SimulatorClient):
    """131021."""
    own = meta.health()["numbers"][0]["display"]
    assert error_of(post(meta, text(to=own))) == (400, 131021)


def upload(meta: SimulatorClient, data: bytes = b"%PDF-1.4", mime: str = "application/pdf", **fields: str):
    form = {"messaging_product": "whatsapp", "type": mime, **fields}
    url = f"{meta.base_url}/v25.0/{DEFAULT_PHONE_ID}/media"
    return requests.post(url, data=form, files={"file": ("a.pdf", data, mime)}, headers=AUTH, timeout=10)


def test_media_are_uploaded_resolved_downloaded_and_deleted(meta: SimulatorClient):
    """The address is signed, needs the bearer, and dies after 5 minutes; the hash is hex or base64."""
    media_id = upload(meta).json()["id"]
    url = f"{meta.base_url}/v25.0/{media_id}"
    info = requests.get(url, headers=AUTH, timeout=5).json()
    digest = hashlib.sha256(b"%PDF-1.4")
    assert (info["sha256"], info["file_size"], info["mime_type"]) == (digest.hexdigest(), 8, "application/pdf")
    assert requests.get(info["url"], headers=AUTH, timeout=5).content == b"%PDF-1.4"
    assert requests.get(info["url"], timeout=5).status_code == 401
    assert requests.get(info["url"][:-2] + "zz", headers=AUTH, timeout=5).status_code == 404
    meta.settings(media_sha256="base64", clock_offset=301)
    assert requests.get(info["url"], headers=AUTH, timeout=5).status_code == 404
    again = requests.get(url, headers=AUTH, timeout=5).json()
    assert again["sha256"] == base64.b64encode(digest.digest()).decode()
    assert requests.delete(url, headers=AUTH, timeout=5).json() == {"success": True}
    assert error_of(requests.get(url, headers=AUTH, timeout=5)) == (400, 100)


def test_uploads_have_types_and_sizes(meta: SimulatorClient):
    """5 MB for images, none for programs; messaging_product and file are needed."""
    assert error_of(upload(meta, mime="application/x-msdownload")) == (400, 100)
    assert error_of(upload(meta, data=b"x" * (5 * 1024 * 1024 + 1), mime="image/jpeg")) == (400, 100)
    assert error_of(upload(meta, messaging_product="telegram")) == (400, 100)
    url = f"{meta.base_url}/v25.0/{DEFAULT_PHONE_ID}/media"
    assert error_of(requests.post(url, json={}, headers=AUTH, timeout=5)) == (400, 100)


def test_a_media_id_that_nobody_uploaded_fails_after_the_200(meta: SimulatorClient):
    """131053 comes as a status."""
    answer = post(meta, {**text(), "type": "image", "image": {"id": "123456"}})
    assert answer.status_code == 200
    meta.wait_for(lambda m: (m.chat(ANA)["messages"][-1]["error"] or "").startswith("131053"))


def test_other_paths_are_refused_in_graphs_words(meta: SimulatorClient):
    """No page, no traceback: an error object."""
    assert error_of(requests.get(f"{meta.base_url}/v25.0/me/accounts/x", headers=AUTH, timeout=5)) == (400, 2500)
    assert error_of(requests.get(f"{meta.base_url}/v25.0/424242", headers=AUTH, timeout=5)) == (400, 100)
    assert error_of(requests.put(f"{meta.base_url}/v25.0/x/messages", headers=AUTH, timeout=5)) == (400, 2500)


def test_the_ledger_tells_what_was_accepted_and_nothing_else(meta: SimulatorClient):
    """Numbered without gaps, filtered by recipient, with everything that was asked for."""
    meta.say("573009998877", "Hola")
    for to in (ANA, "573009998877", "+" + ANA):
        post(meta, text(to=to, biz_opaque_callback_data=f"default:{to}"))
    post(meta, text(body=""))
    entries = meta.ledger()
    assert [entry["seq"] for entry in entries] == list(range(entries[0]["seq"], entries[0]["seq"] + 3))
    assert [entry["to"] for entry in meta.ledger(ANA)] == [ANA, "+" + ANA]
    assert [entry["opaque"] for entry in meta.ledger(since=entries[1]["seq"])] == [f"default:+{ANA}"]
    assert meta.texts(ANA) == ["Hola", "Hola"]
    assert {"time", "phone_number_id", "type", "body", "wamid"} <= entries[0].keys()


def test_a_fault_hits_the_chosen_endpoint_recipient_and_count(meta: SimulatorClient):
    """The next two sends to Ana fail; reading does not, nor does anybody else."""
    meta.say("573009998877", "Hola")
    meta.fail_next("503", times=2, match={"to": ANA})
    assert post(meta, text(to="573009998877")).status_code == 200
    assert [post(meta, text()).status_code for _ in range(3)] == [503, 503, 200]
    assert meta.faults()[0]["hits"] == 2
    meta.clear_faults()
    meta.add_fault("html502", always=True, endpoint="*")
    assert post(meta, text()).headers["Content-Type"].startswith("text/html")
    meta.clear_faults()
    assert post(meta, text()).status_code == 200


def test_control_calls_that_make_no_sense_say_why(meta: SimulatorClient):
    """A test with a typo must fail."""
    for wrong in (
        lambda: meta.fail_next("no such preset"),
        lambda: meta.settings(no_such=1),
        lambda: meta.say(ANA),
        lambda: meta.say("", "Hola"),
        lambda: meta.say(ANA, kind="no such kind"),
        lambda: meta.chat("573000000000"),
    ):
        with pytest.raises(SimulatorError):
            wrong()


def test_another_sites_page_cannot_steer_the_simulator(meta: SimulatorClient):
    """A browser says where a call comes from; only the simulator's own page may make one."""
    url = f"{meta.base_url}/_sim/reset"
    assert requests.post(url, headers={"Origin": "https://evil.example"}, timeout=5).status_code == 403
    assert requests.post(url, headers={"Origin": meta.base_url}, timeout=5).status_code == 200


def test_reset_forgets_everything_but_the_way_it_was_started(meta: SimulatorClient):
    """Ledger, chats, faults and settings are as at the start."""
    post(meta, text())
    meta.settings(strict_window=False)
    meta.add_fault("500", always=True)
    meta.reset()
    assert meta.ledger() == []
    assert meta.faults() == []
    assert meta.settings()["strict_window"] is True
    assert meta.settings()["redelivery"] is False
    assert error_of(post(meta, text())) == (400, 131047)
