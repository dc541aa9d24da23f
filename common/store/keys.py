"""The whole Redis schema of Relevo: one function per key, and nothing else builds key names.

Each docstring says: type, what it holds, TTL, who writes, who reads. `docs/redis.md` is made from them.
RQ's own keys (`rq:*`) are listed in `common.queueing.keys`. Braces keep a tenant's keys together.
"""

from __future__ import annotations

#: Index names a conversation can stand in: all, those with unread or unanswered (open) messages, and one per owner.
INDEXES = ("all", "unread", "open", "bot", "waiting", "human", "closed")


def message(tenant: str, mid: str) -> str:
    """HASH, one message in or out; its existence is the dedup of a wamid. TTL: TRANSCRIPT_DAYS (at least 8 days).

    Both ways: dir (in|out), conv, kind, at (unix s), text (redacted, readable; absent on an inbound message until a
    worker has seen it), state.
    In: raw (sealed JSON as Meta sent it), received, state (new|answered|for_human|ignored|revoked|dead), turn,
    job, refers (mid or wamid digest), wish (out|in|still: it opted the customer out,
    in, or out once more), reaction fields are in text.
    Out: wamid (sealed: a wamid spells the customer's number), by (bot|human|app|bulk|api), actor, turn,
    body (sealed Graph payload), need (owner needed to send, or opted_out: the line that confirms it), exec (execution
    that sends it), asked, attempts, refused_at (first refusal of now),
    state (intent|sending|accepted|sent|delivered|read|played|failed|canceled), sending_at, settle_at, accepted_at,
    sent_at, delivered_at, read_at, played_at, failed_at, error_code, error, why (of canceled), category,
    pricing, billable, job.
    Written by the webhook (in, states), the worker (out), the console (out by human). Read by all.
    """
    return f"rv:{{{tenant}}}:msg:{mid}"


def told(tenant: str, mid: str) -> str:
    """HASH, what is known of a bubble that Redis has forgotten (docs/decisions/0004-retelling.md): the fields of its
    message that say what became of it (state, exec, settle_at, wamid, accepted_at, ...), and messages (JSON list of
    mid), those it answers. TTL 10 minutes. Written by tell_send, settle_send and Meta's statuses; load_turn makes the
    same turn again by it, begin_send takes it over."""
    return f"rv:{{{tenant}}}:told:{mid}"


def wamid(tenant: str, digest: str) -> str:
    """STRING, outbound mid of a wamid that Graph returned. TTL as its message. Written by deliver; read by statuses."""
    return f"rv:{{{tenant}}}:wamid:{digest}"


def conversation(tenant: str, cid: str) -> str:
    """HASH, one contact on one number. TTL: TRANSCRIPT_DAYS after the last change.

    phone_number_id, contact, owner (bot|waiting|human|closed), since (of this owner, unix s), agent, reason,
    unread, last_at, last_in_at, window_until (unix s), preview (redacted), preview_kind, preview_dir (in|out), label,
    tail, created, reminded, v (grows with every change: poll this). Written by webhook, worker, console.
    """
    return f"rv:{{{tenant}}}:conv:{cid}"


def transcript(tenant: str, cid: str) -> str:
    """LIST of mid, oldest first, the newest 2,000. TTL as the conversation. Written with every message."""
    return f"rv:{{{tenant}}}:log:{cid}"


def unanswered(tenant: str, cid: str) -> str:
    """LIST of inbound mid not yet dealt with, oldest first: what the next turn answers. TTL as the conversation."""
    return f"rv:{{{tenant}}}:open:{cid}"


def session(tenant: str, cid: str) -> str:
    """HASH, what the bot remembers: id, started, history (JSON list of [role, text], 20 turns), misses. TTL 24 h after
    the last inbound message. Made by the webhook, extended by the worker."""
    return f"rv:{{{tenant}}}:session:{cid}"


def contact(tenant: str, contact_id: str) -> str:
    """HASH: who (sealed JSON of Sender), label ("Ana R."), tail (last 4 digits), merged_into; opted_out (unix s:
    the bot is silent) with opted_at and opted_by (the last word on it, either way); marketing_out, marketing_at,
    marketing_by (likewise, of marketing templates only). TTL as the conversation; 5 years for one that is out. Written
    by the webhook and the desk; read by the gate, deliver, the console and an audited reveal."""
    return f"rv:{{{tenant}}}:contact:{contact_id}"


def alias(tenant: str, pseudonym: str) -> str:
    """STRING, contact id of a keyed digest of a user id or phone. TTL as the contact. Webhook."""
    return f"rv:{{{tenant}}}:alias:{pseudonym}"


def turn(tenant: str, turn_id: str) -> str:
    """HASH, one batch in and one reply out: conv, job, state (open|done), outcome, reason, messages (JSON list of mid),
    parts (JSON list of out mid), prompt (redacted), lang, history (JSON, what the session becomes; while open), sources
    (JSON list of [id, title, score, confidence]), cited (JSON), provider, model, confidence, usage (JSON), latency_ms,
    timings (JSON, ms per step), at, done_at. TTL 30 days. Written by the worker; read by a repeated execution and the
    console.
    """
    return f"rv:{{{tenant}}}:turn:{turn_id}"


def index(tenant: str, name: str) -> str:
    """ZSET of conversation id by last activity (`waiting`: by when the wait began; `open`: by the last look). No TTL:
    members leave with their conversation. `name` is one of INDEXES. Written by webhook, worker, console."""
    return f"rv:{{{tenant}}}:convs:{name}"


def number(tenant: str, phone_number_id: str) -> str:
    """HASH, a business number that rests: paused_until (unix s), reason, blocked (1: a person must act).
    TTL 30 days. Written by deliver; read by deliver and the console."""
    return f"rv:{{{tenant}}}:number:{phone_number_id}"


def number_waiting(tenant: str, phone_number_id: str) -> str:
    """SET of job ids that wait for a blocked number; promoted when it works again. TTL 1 day. Deliver."""
    return f"rv:{{{tenant}}}:number_waiting:{phone_number_id}"


def number_limit(tenant: str, phone_number_id: str) -> str:
    """STRING, GCRA arrival time in us of a number's throughput. TTL seconds. Deliver."""
    return f"rv:{{{tenant}}}:limit:number:{phone_number_id}"


def pair_limit(tenant: str, cid: str) -> str:
    """STRING, GCRA arrival time in us of a (number, contact) pair. TTL minutes. Deliver."""
    return f"rv:{{{tenant}}}:limit:pair:{cid}"


def other_updates(tenant: str) -> str:
    """STREAM of webhook items that are no message: kind, number, at, raw (sealed); the newest 10,000. Webhook."""
    return f"rv:{{{tenant}}}:updates"


def seen_update(tenant: str, digest: str) -> str:
    """STRING 1, dedup of an item of `other_updates`. TTL 8 days. Webhook."""
    return f"rv:{{{tenant}}}:seen:{digest}"


def counters(tenant: str, day: str) -> str:
    """HASH of daily counts: inbound, duplicates, answered, handed_over, left_to_person, ignored, sent, delivered,
    failed, dead, human_replies, echoes, other, unknown_statuses, opted_out, opted_in.
    `day` is yyyymmdd (UTC). TTL 90 days."""
    return f"rv:{{{tenant}}}:count:{day}"


def products(tenant: str) -> str:
    """HASH, product id to JSON (name, price, currency, description, images, url). No TTL: the shop's catalogue."""
    return f"rv:{{{tenant}}}:products"


def knowledge(tenant: str) -> str:
    """HASH, knowledge row id to JSON (question, answer, aliases, lang, kind). No TTL: the shop's knowledge."""
    return f"rv:{{{tenant}}}:knowledge"


def knowledge_version(tenant: str) -> str:
    """STRING, grows when products or knowledge change: workers reload their index. No TTL."""
    return f"rv:{{{tenant}}}:knowledge:v"


def audit(tenant: str) -> str:
    """STREAM of what people did in the console: actor, action, target, why, result. One year, append-only."""
    return f"rv:{{{tenant}}}:audit"


def console_session(sid: str) -> str:
    """HASH of a console login: name, role, csrf, lang. TTL 2 h idle. Console."""
    return f"rv:console:session:{sid}"


def login_failures(who: str) -> str:
    """STRING, failed logins of an address. TTL 15 min. Console."""
    return f"rv:console:failed:{who}"
