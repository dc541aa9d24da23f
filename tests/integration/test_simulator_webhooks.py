"""The simulator's webhooks: signed bytes, statuses, redelivery, verification; its chat page and command line."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from common.graph.simulator.__main__ import main
from common.graph.simulator.client import SimulatorClient
from common.graph.simulator.options import DEFAULT_PHONE_ID, DEFAULT_TOKEN, Behaviour, Options
from common.graph.simulator.samples import KINDS
from common.graph.simulator.server import simulator_in_thread
from tests.conftest import free_port

ANA = "573001112233"
SECRET = "app-secret"


class App:
    """A webhook that keeps every request and answers what the test wants."""

    def __init__(self, port: int = 0) -> None:
        self.bodies: list[dict] = []
        self.raw: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.verify_token = "verify"
        app = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                good = query.get("hub.verify_token") == [app.verify_token] and query.get("hub.mode") == ["subscribe"]
                self.answer(200 if good else 403, query["hub.challenge"][0].encode() if good else b"no")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                app.raw.append((dict(self.headers), body))
                status = app.answers.pop(0) if app.answers else 200
                if status == 200:
                    app.bodies.append(json.loads(body))
                self.answer(status, b"ok")

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def values(self) -> list[dict]:
        return [change["value"] for body in list(self.bodies) for entry in body["entry"] for change in entry["changes"]]

    def of(self, kind: str) -> list[dict]:
        return [item for value in self.values() for item in value.get(kind, [])]


@pytest.fixture
def app() -> Iterator[App]:
    running = App()
    yield running
    running.close()


@pytest.fixture
def meta(app: App) -> Iterator[SimulatorClient]:
    quick = Behaviour(sent_seconds=0.01, delivered_seconds=0.03, read_seconds=0.06, redelivery_seconds=0.05)
    options = Options(webhook=app.url, app_secret=SECRET, verify_token="verify", seed=3)
    with simulator_in_thread(options, behaviour=quick) as server, SimulatorClient(server.url) as client:
        client.wait_verified()
        yield client


def send(meta: SimulatorClient, **more: object) -> requests.Response:
    body = {"messaging_product": "whatsapp", "to": ANA, "type": "text", "text": {"body": "¡Hola!"}, **more}
    url = f"{meta.base_url}/v25.0/{DEFAULT_PHONE_ID}/messages"
    return requests.post(url, json=body, headers={"Authorization": f"Bearer {DEFAULT_TOKEN}"}, timeout=10)


def test_a_message_is_posted_as_meta_writes_and_signs_it(meta: SimulatorClient, app: App):
    """ASCII JSON with escaped slashes, both signatures over the bytes, Meta's user agent."""
    said = meta.say(ANA, "¿Café en https://a.example?", name="Ana")
    assert said["status"] == 200
    headers, body = app.raw[0]
    assert body.isascii()
    assert b"https:\\/\\/a.example" in body
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature"].startswith("sha1=")
    assert headers["User-Agent"] == "facebookexternalua"
    (value,) = app.values()
    assert value["metadata"]["phone_number_id"] == DEFAULT_PHONE_ID
    assert value["contacts"][0]["profile"] == {"name": "Ana"}
    (message,) = value["messages"]
    assert (message["id"], message["from"], message["type"]) == (said["wamid"], ANA, "text")
    assert message["from_user_id"] == value["contacts"][0]["user_id"]
    assert meta.chat(ANA)["messages"][0]["status"] == "sent"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_message_can_be_said(meta: SimulatorClient, app: App, kind: str):
    """The webhook gets it with sender, id and time."""
    meta.say(ANA, "Hola")
    assert meta.say(ANA, kind=kind)["status"] == 200
    message = app.of("messages")[-1]
    assert message["type"] in message
    assert {"id", "from", "timestamp"} <= message.keys()


def test_raw_messages_batches_and_duplicates_go_out_as_asked(meta: SimulatorClient, app: App):
    """Three in one POST; one POST twice; a raw object of any type as it is."""
    meta.say(ANA, "x", batch=3)
    assert [len(value["messages"]) for value in app.values()] == [3]
    said = meta.say(ANA, "y", duplicates=1)
    assert said["duplicate_statuses"] == [200]
    assert [message["id"] for message in app.of("messages")[-2:]] == [said["wamid"]] * 2
    meta.say(ANA, message={"type": "hologram", "hologram": {"x": 1}})
    assert app.of("messages")[-1]["hologram"] == {"x": 1}


def test_a_sender_may_be_known_by_user_id_only(meta: SimulatorClient, app: App):
    """No from, no wa_id: neither for a BSUID-only customer nor for a phone that hides itself."""
    meta.say("CO.778899", "Hola", name="Vale")
    meta.say(ANA, "Hola", bsuid_only=True)
    for value in app.values():
        assert "from" not in value["messages"][0]
        assert "wa_id" not in value["contacts"][0]
        assert value["messages"][0]["from_user_id"] == value["contacts"][0]["user_id"]


def test_statuses_follow_and_echo_our_id(meta: SimulatorClient, app: App):
    """sent, delivered, read, each with our outbox id; the price on sent and delivered."""
    meta.say(ANA, "Hola")
    wamid = send(meta, biz_opaque_callback_data="default:m-1").json()["messages"][0]["id"]
    meta.wait_for(lambda _: len(app.of("statuses")) == 3)
    statuses = app.of("statuses")
    assert {status["status"] for status in statuses} == {"sent", "delivered", "read"}
    assert {status["id"] for status in statuses} == {wamid}
    assert {status["biz_opaque_callback_data"] for status in statuses} == {"default:m-1"}
    assert sum("pricing" in status for status in statuses) == 2
    assert not any("conversation" in status for status in statuses)
    assert meta.chat(ANA)["messages"][-1]["status"] == "read"


def test_an_accepted_message_can_fail_later(meta: SimulatorClient, app: App):
    """200 first, then a failed status with errors and without contacts."""
    meta.say(ANA, "Hola")
    meta.fail_next("fail_async", code=131049)
    assert send(meta).status_code == 200
    meta.wait_for(lambda _: app.of("statuses"))
    (status,) = app.of("statuses")
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131049)
    assert "contacts" not in app.values()[-1]
    assert meta.chat(ANA)["messages"][-1]["status"] == "failed"


def test_a_message_accepted_by_a_hanging_call_still_gets_its_statuses(meta: SimulatorClient, app: App):
    """That is how the app learns that it was sent."""
    meta.say(ANA, "Hola")
    meta.fail_next("hang", seconds=0.4)
    assert send(meta, biz_opaque_callback_data="default:m-2").status_code == 200
    assert {status["biz_opaque_callback_data"] for status in app.of("statuses")} == {"default:m-2"}


def test_statuses_can_be_off_doubled_or_unread(meta: SimulatorClient, app: App):
    """Read comes when the chat is opened, if not by itself."""
    meta.say(ANA, "Hola")
    meta.settings(auto_read=False, duplicates=1.0)
    send(meta)
    meta.wait_for(lambda _: len(app.of("statuses")) == 4)
    assert {status["status"] for status in app.of("statuses")} == {"sent", "delivered"}
    meta.settings(duplicates=0.0)
    assert meta.seen(ANA) == 1
    meta.wait_for(lambda _: app.of("statuses")[-1]["status"] == "read")
    meta.settings(statuses=False)
    before = meta.health()["counters"]["posted"]
    send(meta)
    assert meta.say(ANA, "Hola")["status"] == 200
    assert meta.health()["counters"]["posted"] == before + 1


def test_what_is_not_taken_comes_again_in_another_body(meta: SimulatorClient, app: App):
    """Two failed POSTs come back, batched or not, until they are taken; nothing is lost."""
    app.answers = [503, 500, 503, 500, 401]
    wamids = [meta.say(ANA, text)["wamid"] for text in ("uno", "dos")]
    meta.wait_for(lambda _: {message["id"] for message in app.of("messages")} == set(wamids))
    meta.wait_for(lambda m: [x["status"] for x in m.chat(ANA)["messages"]] == ["sent", "sent"])
    assert meta.health()["counters"]["redelivered"] >= 2


def test_redelivery_ends_after_its_attempts_and_can_be_off(meta: SimulatorClient, app: App):
    """As Meta drops after days."""
    meta.settings(redelivery=False)
    app.answers = [500]
    assert meta.say(ANA, "uno")["status"] == 500
    assert meta.chat(ANA)["messages"][0]["status"] == "failed"
    assert meta.health()["counters"]["dropped"] == 1


def test_an_app_that_comes_later_is_verified_and_gets_what_it_missed():
    """make up starts everything at once: nobody is there at first."""
    port = free_port()
    options = Options(webhook=f"http://127.0.0.1:{port}/hook", verify_token="verify")
    quick = Behaviour(redelivery_seconds=0.05)
    with simulator_in_thread(options, behaviour=quick) as server, SimulatorClient(server.url) as meta:
        assert meta.say(ANA, "¿Hay alguien?")["status"] == 0
        app = App(port)
        try:
            meta.wait_verified()
            meta.wait_for(lambda _: app.of("messages"))
        finally:
            app.close()


def test_a_wrong_verify_token_is_told(app: App):
    """The page and the log say what is wrong instead of waiting silently."""
    options = Options(webhook=app.url, verify_token="another")
    with simulator_in_thread(options) as server, SimulatorClient(server.url) as meta:
        said = meta.wait_for(lambda m: m.health()["verified"] not in {"not yet", "ok"} and m.health()["verified"])
        assert "403" in said
        assert "WHATSAPP_VERIFY_TOKEN" in said


def test_any_body_can_be_posted_signed_or_not(meta: SimulatorClient, app: App):
    """Bytes as they are, with the right, a given or no signature."""
    assert meta.post_webhook(b'{"entry":[]}') == (200, "ok")
    headers, body = app.raw[-1]
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    meta.post_webhook(b"{}", signature="sha256=00")
    assert app.raw[-1][0]["X-Hub-Signature-256"] == "sha256=00"
    meta.post_webhook(b"{}", signature="")
    assert "X-Hub-Signature-256" not in app.raw[-1][0]


def test_reactions_edits_and_revocations_change_their_bubble(meta: SimulatorClient, app: App):
    """The chat shows what a phone would show."""
    own = meta.say(ANA, "¿Hacen envios?")["wamid"]
    their = send(meta).json()["messages"][0]["id"]
    meta.say(ANA, message={"type": "reaction", "reaction": {"message_id": their, "emoji": "❤️"}})
    edited = {"type": "text", "text": {"body": "¿Hacen envíos?"}}
    meta.say(ANA, message={"type": "edit", "edit": {"original_message_id": own, "message": edited}})
    by_id = {message["wamid"]: message for message in meta.chat(ANA)["messages"]}
    assert by_id[their]["reactions"] == {"in": "❤️"}
    assert (by_id[own]["body"], by_id[own]["edited"]) == ({"body": "¿Hacen envíos?"}, True)
    meta.say(ANA, message={"type": "revoke", "revoke": {"original_message_id": own}})
    assert meta.chat(ANA)["messages"][0]["revoked"] is True


def test_the_page_and_its_files_are_served_with_a_strict_policy(meta: SimulatorClient):
    """Own files only, pictures from anywhere, media without a token, nothing else from the folder."""
    page = requests.get(meta.base_url + "/", timeout=5)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for name in ("chat.css", "chat.js", "bubbles.js", "samples.js", "dom.js"):
        assert requests.get(f"{meta.base_url}/_sim/page/{name}", timeout=5).status_code == 200
    assert requests.get(f"{meta.base_url}/_sim/page/__init__.py", timeout=5).status_code == 404
    meta.say(ANA, kind="image")
    media_id = meta.chat(ANA)["messages"][-1]["body"]["id"]
    image = requests.get(f"{meta.base_url}/_sim/media/{media_id}", timeout=5)
    assert image.content.startswith(b"\x89PNG")
    part = requests.get(f"{meta.base_url}/_sim/media/{media_id}", headers={"Range": "bytes=1-3"}, timeout=5)
    assert (part.status_code, part.content) == (206, b"PNG")


def test_events_stream_to_the_page(meta: SimulatorClient):
    """A message said is an event with its bubble, and so is the answer of the webhook."""
    with requests.get(meta.base_url + "/_sim/events", stream=True, timeout=5) as stream:
        lines = stream.iter_lines(chunk_size=1)
        assert next(lines) == b"retry: 1000"
        meta.say(ANA, "Hola")
        events = [json.loads(line[6:]) for line in islice((x for x in lines if x.startswith(b"data: ")), 2)]
    assert [event["kind"] for event in events] == ["message", "update"]
    assert events[0]["message"]["body"] == {"body": "Hola"}
    assert events[1]["message"]["status"] == "sent"


def test_customers_can_be_added(meta: SimulatorClient):
    """With a phone, or with a user id only."""
    url = meta.base_url + "/_sim/chats"
    luz = requests.post(url, json={"name": "Luz", "wa_id": "+57 311 000 1122"}, timeout=5).json()
    assert luz["wa_id"] == "573110001122"
    assert requests.post(url, json={"name": "Sin Número"}, timeout=5).json()["phone"] is None
    assert requests.post(url, json={"name": ""}, timeout=5).status_code == 400
    assert {"Luz", "Sin Número", "Ana Ríos"} <= {chat["name"] for chat in meta.chats()}


def test_the_command_line_sends_a_file_signed(app: App, tmp_path, capsys: pytest.CaptureFixture[str]):
    """Prints the status; exit code 0 only for 200."""
    file = tmp_path / "body.json"
    file.write_bytes(b'{ "object": "whatsapp_business_account", "entry": [] }')
    assert main(["send", str(file), "--url", app.url, "--secret", SECRET]) == 0
    assert capsys.readouterr().out == "200\n"
    headers, body = app.raw[-1]
    assert body == file.read_bytes()
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    app.answers = [401]
    assert main(["send", str(file), "--url", app.url]) == 1
    assert main(["send", str(tmp_path / "missing"), "--url", app.url]) == 2
    assert main(["send", str(file), "--url", f"http://127.0.0.1:{free_port()}/"]) == 1


def test_the_process_runs_stops_on_a_signal_and_names_a_busy_port(app: App):
    """Settings by environment and flags; SIGTERM ends it at once; one line when the port is taken."""
    port = free_port()
    argv = [sys.executable, "-m", "common.graph.simulator", "--port", str(port), "--webhook", app.url,
            "--lenient", "window", "--pair-burst", "3", "--verify-token", "verify"]  # fmt: skip
    process = subprocess.Popen(argv, env={"WHATSAPP_PHONE_ID": "42", "WHATSAPP_ACCESS_TOKEN": "tok"})
    try:
        with SimulatorClient(f"http://127.0.0.1:{port}") as meta:
            meta.wait_for(_reachable)
            meta.wait_verified()
            settings = meta.settings()
            assert (settings["strict_window"], settings["pair_burst"]) == (False, 3)
            assert meta.health()["numbers"][0]["id"] == "42"
        busy = subprocess.run(argv, env={}, capture_output=True, text=True, timeout=20, check=False)
        assert busy.returncode == 2
        assert f"127.0.0.1:{port}" in busy.stderr
        assert busy.stderr.count("\n") == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    finally:
        process.kill()
        process.wait()


def _reachable(meta: SimulatorClient) -> bool:
    try:
        return bool(meta.health()["ok"])
    except requests.ConnectionError:
        return False
