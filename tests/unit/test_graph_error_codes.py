"""What each Graph error code makes us do."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import AccountBlocked, ChannelError, MessageRefused, NumberLimited, PairLimited
from common.graph.error_codes import LONGEST_WAIT, RULES, Policy, classify, pair_wait, rule_of, wait_before

RETRY = (1, 2, 131000, 131016, 133004)
NUMBER = (4, 17, 341, 80007, 130429, 131057, 133016)
ACCOUNT = (0, 3, 10, 190, 200, 250, 299, 368, 130497, 131005, 131031, 131037, 131042, 131044, 131045, 131048,
           133000, 133005, 133006, 133008, 133009, 133010, 133015, 134011)  # fmt: skip
STOP = (130472, 131049, 131064, 132015, 132069)
PERMANENT = (33, 100, 130403, 131008, 131009, 131021, 131026, 131030, 131047, 131050, 131051, 131052, 131053, 131062,
             131063, 132000, 132001, 132005, 132007, 132008, 132012, 132016, 132018, 132068, 135000,
             137000)  # fmt: skip
TABLE = [
    *((code, ChannelError, Policy.RETRY) for code in RETRY),
    (131056, PairLimited, Policy.PAIR),
    *((code, NumberLimited, Policy.NUMBER) for code in NUMBER),
    *((code, AccountBlocked, Policy.ACCOUNT) for code in ACCOUNT),
    *((code, MessageRefused, Policy.STOP) for code in STOP),
    *((code, MessageRefused, Policy.PERMANENT) for code in PERMANENT),
]


def body_of(code: object, **more: object) -> bytes:
    return orjson.dumps({"error": {"message": f"(#{code}) Something", "type": "OAuthException", "code": code, **more}})


@pytest.mark.parametrize(("code", "kind", "policy"), TABLE, ids=[str(row[0]) for row in TABLE])
@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_every_code_has_its_class_whatever_the_http_status_is(code, kind, policy, status):
    """Meta's codes decide; its HTTP statuses have changed before."""
    error = classify(status, body_of(code))
    assert type(error) is kind
    assert error.code == code
    assert rule_of(code).policy is policy
    assert str(code) in str(error)
    assert error.retryable is (kind is not MessageRefused)


def test_the_table_has_no_code_that_this_test_does_not_know():
    """A new code is decided on here first."""
    assert set(RULES) == {row[0] for row in TABLE} - set(range(200, 300))


def test_the_text_says_what_which_code_and_what_to_do():
    """An operator can act on it without looking anything up."""
    text = str(classify(401, body_of(190, fbtrace_id="Az8or2yhqkZfEZ")))
    assert text.startswith("Graph error 190 (HTTP 401): access token expired or revoked [(#190) Something].")
    assert "WHATSAPP_ACCESS_TOKEN" in text
    assert "Az8or2yhqkZfEZ" in text


def test_details_come_from_error_data_even_when_it_is_a_plain_string():
    """Some Graph endpoints write error_data as text."""
    assert classify(400, body_of(100, error_data={"details": "Param to is wrong"})).details == "Param to is wrong"
    assert classify(400, body_of(100, error_data="Param to is wrong")).details == "Param to is wrong"


def test_phone_numbers_and_tokens_in_details_are_blotted_out():
    """Graph quotes malformed tokens and recipients; neither may reach a log."""
    token = "EAAGm0PX4ZCpsBAKZBxyzABCDEFGHIJ0123456789"
    error = classify(400, body_of(190, error_data={"details": f"Malformed access token {token} for +573001112233"}))
    assert token not in f"{error} {error.details}"
    assert "573001112233" not in f"{error} {error.details}"


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (502, b"<html><h1>Bad Gateway</h1></html>", ChannelError, True),
        (500, b"", ChannelError, True),
        (503, None, ChannelError, True),
        (500, b'{"error":"text"}', ChannelError, True),
        (429, b"", NumberLimited, True),
        (408, b"", ChannelError, True),
        (400, b"", MessageRefused, False),
        (404, b"<html>", MessageRefused, False),
        (401, b"[]", MessageRefused, False),
        (302, b"", ChannelError, True),
        (400, body_of(999_999), MessageRefused, False),
        (500, body_of(999_999), ChannelError, True),
        (400, body_of(999_999, is_transient=True), ChannelError, True),
        (400, body_of(True), MessageRefused, False),
        (400, body_of("131056"), PairLimited, True),
    ],
)
def test_a_body_without_a_known_code_is_judged_by_its_status(status, body, kind, retryable):
    """5xx may pass, 429 slows down, other 4xx are final."""
    error = classify(status, body)
    assert type(error) is kind
    assert error.retryable is retryable


def test_retry_after_is_believed_up_to_a_day():
    """Seconds, of any header case; dates and nonsense are not understood and not trusted."""
    assert classify(429, body_of(130429), {"Retry-After": "17"}).retry_after == 17
    assert classify(503, b"", {"retry-after": "3"}).retry_after == 3
    assert classify(429, body_of(130429), {"Retry-After": "99999999"}).retry_after == LONGEST_WAIT
    for nonsense in ("Fri, 31 Dec 2026 23:59:59 GMT", "-5", "nan", "1e9", "", "٣"):
        assert classify(429, body_of(130429), {"Retry-After": nonsense}).retry_after == 1.0


def test_the_regain_time_of_rate_codes_is_in_minutes():
    """X-Business-Use-Case-Usage says how long the account stays limited; the longest counts, other codes ignore it."""
    rows = [{"type": "messages", "estimated_time_to_regain_access": 7}, {"estimated_time_to_regain_access": 9}]
    headers = {"X-Business-Use-Case-Usage": orjson.dumps({"1": rows, "2": 3}).decode()}
    assert classify(400, body_of(80007), headers).retry_after == 540
    assert classify(400, body_of(131047), headers).retry_after is None
    assert classify(400, body_of(80007), {"X-Business-Use-Case-Usage": "[}"}).retry_after == 300


def test_a_limited_pair_waits_four_to_the_power_of_the_attempt():
    """1, 4, 16, 64 seconds, and never more than an hour."""
    error = classify(400, body_of(131056))
    assert [wait_before(error, attempt) for attempt in range(5)] == [1, 4, 16, 64, 256]
    assert pair_wait(50) == 3600
    assert wait_before(classify(400, body_of(131056), {"Retry-After": "30"}), 1) == 30
    assert wait_before(classify(500, body_of(131000)), 3) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("code", "message", "error_data", "fbtrace_id", "is_transient", "type")
ERRORS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON))
BODIES = st.one_of(st.binary(), st.text(), JSON, st.builds(lambda error: {"error": error}, ERRORS | JSON))
USAGE = st.dictionaries(st.text(), st.lists(st.dictionaries(st.just("estimated_time_to_regain_access"), JSON)))
VALUES = st.text(max_size=40) | USAGE.map(json.dumps)
HEADERS = st.dictionaries(st.sampled_from(["Retry-After", "X-Business-Use-Case-Usage", "x-app-usage"]), VALUES)


@given(status=st.integers(300, 599), body=BODIES, headers=HEADERS)
def test_no_answer_however_mad_makes_classify_fail(status, body, headers):
    """Whatever comes back, there is an error of ours with a sane wait and a text of sane length."""
    error = classify(status, body, headers)
    assert isinstance(error, ChannelError)
    assert error.retry_after is None or 0 <= error.retry_after <= LONGEST_WAIT
    assert 0 < len(str(error)) < 1_000
    str(error).encode()
