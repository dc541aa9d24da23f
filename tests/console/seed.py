"""A shop in the middle of its day, written into Redis by the schema: 40 conversations, jobs, workers, samples.

`python -m tests.console.seed redis://127.0.0.1:6379/0` fills a Redis to look at the console by hand.
"""

from __future__ import annotations

import random
import sys
import time
import zlib
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import orjson
from redis import Redis

from common.clock import iso
from common.messages import digest, job_id, message_id
from common.queueing import keys as rq
from common.store import keys

TENANT = "default"
NUMBER = "106540352242922"
NAMES = (
    "Ana R.", "Luis P.", "María José G.", "Camila T.", "Jorge M.", "Valentina S.", "Andrés C.", "Sofía H.",
    "Daniela V.", "Carlos E.", "Paula N.", "Mateo L.", "Lucía F.", "Sebastián O.", "Isabella D.", "Tomás A.",
    "Gabriela B.", "Felipe Q.", "Juliana Z.", "Nicolás I.", "Carolina U.", "Ricardo W.", "Natalia K.", "Esteban Y.",
    "Mariana J.", "Diego X.", "Laura C.", "Alejandro P.", "Emily W.", "James T.", "Fernanda M.", "Renata S.",
    "Pedro H.", "Beatriz L.", "Rafael G.", "Manuela R.", "Samuel D.", "Victoria N.", "Hugo E.", "Antonia B.",
)  # fmt: skip
TALKS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("in", "Hola, ¿tienen la crema de caléndula?"),
     ("bot", "¡Hola! Sí, la crema de caléndula de 60 ml está disponible a $48.000. ¿Te la enviamos?"),
     ("in", "Sí, ¿cuánto tarda el envío a Medellín?"),
     ("bot", "A Medellín tarda de 2 a 3 días hábiles, y el envío es gratis desde $120.000."),
     ("in", "Perfecto, gracias")),
    (("in", "Buenas, mi pedido 48213 no ha llegado"),
     ("bot", "Lamento la demora. ¿Me confirmas el correo con el que compraste?"),
     ("in", "[correo]"),
     ("in", "Pero ya pasaron 8 días, quiero hablar con una persona por favor"),
     ("bot", "Claro, ya le aviso a alguien del equipo. Te responde por aquí mismo en unos minutos.")),
    (("in", "Do you ship to Mexico?"),
     ("bot", "Yes, we ship to Mexico in 5 to 7 business days. The flat rate is 180 MXN."),
     ("in", "And can I pay with PayPal?"),
     ("bot", "We take cards, PSE and PayPal. You will find all of them at the last step of the checkout.")),
    (("in", "El serum me irritó la piel 😞"),
     ("bot", "Siento mucho leer eso. Deja de usarlo y lávate con agua tibia. Te paso con una persona del equipo."),
     ("human", "Hola, soy Marta del equipo. ¿Hace cuánto lo usas y con qué otro producto lo combinas?"),
     ("in", "Hace tres días, con el tónico de rosas"),
     ("human", "Gracias. Te recomiendo pausar los dos durante una semana; te devolvemos el valor del serum.")),
    (("in", "¿Qué jabón me recomiendas para piel grasa?"),
     ("bot", "Para piel grasa, el jabón de carbón activado: limpia sin resecar. Aquí lo tienes:"),
     ("bot-image", "Jabón de carbón activado, 100 g"),
     ("in", "Se ve muy bien, ¿lo tienen en 250 g?"),
     ("bot", "Por ahora solo lo tenemos en 100 g. ¿Quieres que te avise cuando llegue el grande?")),
    (("in-audio", ""), ("in-image", "así llegó la caja"),
     ("bot", "Gracias por la foto. Veo que hay un problema con el empaque: le aviso a una persona del equipo.")),
)  # fmt: skip
REASONS = ("asked for a person: persona", "asked for a person: queja", "3 questions in a row without an answer",
           "no model answers: AITimeout")  # fmt: skip
WORKER = "relevo-worker-7d9f8b6c5-x2x9k.410"
#: Seconds after a bubble was written down at which it reached each station, by how far it came.
WAYS: dict[str, tuple[tuple[str, float], ...]] = {
    "failed": (("accepted", 0.09),), "sent": (("accepted", 0.09), ("sent", 0.8)),
    "delivered": (("accepted", 0.09), ("sent", 0.8), ("delivered", 1.9)),
    "read": (("accepted", 0.09), ("sent", 0.8), ("delivered", 1.9), ("read", 24.0)),
}  # fmt: skip
OWNERS = ("waiting",) * 6 + ("human",) * 5 + ("bot",) * 24 + ("closed",) * 5


class Shop:
    """Writes one shop; `now` is when it is looked at."""

    def __init__(self, db: Redis, now: float, *, agent: str = "Marta") -> None:
        self.db = db
        self.now = now
        self.agent = agent
        self.dice = random.Random(7)
        self.jobs = 0

    def fill(self) -> None:
        for i, (name, owner) in enumerate(zip(NAMES, OWNERS, strict=True)):
            self.conversation(i, name, owner, TALKS[_talk_of(i, owner)])
        self.failed_jobs()
        self.queued_jobs()
        self.workers()
        self.samples()
        counters = {"inbound": 412, "answered": 371, "handed_over": 17, "sent": 455, "delivered": 440, "failed": 3,
                    "human_replies": 38, "duplicates": 21}  # fmt: skip
        self.db.hset(keys.counters(TENANT, datetime.fromtimestamp(self.now, UTC).strftime("%Y%m%d")), mapping=counters)

    def conversation(self, i: int, name: str, owner: str, talk: tuple[tuple[str, str], ...]) -> str:
        """One conversation with its messages; returns its cid."""
        cid = cid_of(i)
        end = self.now - (40 + i * 210 if i < 30 else 3600 * (i - 12))
        start = end - 70 * len(talk) - self.dice.randint(0, 900)
        stale = owner == "human" and i == 10
        if stale:
            end, start = self.now - 90_000, self.now - 93_000
        at, last_in, preview = start, start, ("", "text", "in")
        for n, (who, text) in enumerate(talk):
            at = start + (end - start) * (n + 1) / len(talk)
            mid = self.message(cid, i, n, who, text, at, last=n == len(talk) - 1)
            self.db.rpush(keys.transcript(TENANT, cid), mid)
            kind = who.partition("-")[2] or "text"
            preview = (text, kind, "in" if who.startswith("in") else "out")
            last_in = at if who.startswith("in") else last_in
        unread = self.dice.randint(1, 3) if owner == "waiting" or i % 9 == 0 else 0
        since = end - 15 if owner == "waiting" else start
        self.db.hset(keys.conversation(TENANT, cid), mapping={
            "phone_number_id": NUMBER, "contact": cid.partition(".")[2], "owner": owner, "since": since,
            "agent": (self.agent if i % 2 else "Iván") if owner == "human" else "",
            "reason": REASONS[i % 4] if owner in ("waiting", "human") else "", "unread": unread, "last_at": end,
            "last_in_at": last_in, "window_until": last_in + 86400, "preview": preview[0], "preview_kind": preview[1],
            "preview_dir": preview[2], "label": name, "tail": f"{1000 + i * 37:04d}", "v": len(talk) + 1,
        })  # fmt: skip
        contact = {"label": name, "tail": f"{1000 + i * 37:04d}"}
        self.db.hset(keys.contact(TENANT, cid.partition(".")[2]), mapping=contact)
        for index in ("all", owner) + (("unread",) if unread else ()):
            self.db.zadd(keys.index(TENANT, index), {cid: since if index == "waiting" else end})
        return cid

    def message(self, cid: str, i: int, n: int, who: str, text: str, at: float, *, last: bool = False) -> str:
        kind = who.partition("-")[2] or "text"
        if who.startswith("in"):
            mid = message_id(f"wamid.{i}.{n}")
            fields: dict[str, Any] = {"dir": "in", "state": "answered", "job": job_id(mid), "received": at + 0.2}
        else:
            mid = "o-" + digest(str(i), str(n))
            state = "read" if not last else ("delivered", "read", "sent", "failed")[i % 4]
            fields = {"dir": "out", "by": who.partition("-")[0], "state": state, "turn": turn_of(i, n)}
            fields |= {f"{name}_at": at + after for name, after in WAYS[state]}
            if who == "human":
                fields |= {"actor": self.agent if i % 2 else "Iván"}
            else:
                fields |= {"job": job_id(message_id(f"wamid.{i}.{max(0, n - 1)}"))}
            if state == "failed":
                fields |= {"error_code": 131026, "error": "Message undeliverable", "failed_at": at + 2}
        if text:
            fields["text"] = text
        self.db.hset(keys.message(TENANT, mid), mapping={"conv": cid, "kind": kind, "at": at} | fields)
        if who == "bot":
            self.turn(i, n, cid, mid, at)
        return mid

    def turn(self, i: int, n: int, cid: str, part: str, at: float) -> None:
        """The turn that answered message n - 1 with message n, and its job."""
        asked = message_id(f"wamid.{i}.{max(0, n - 1)}")
        held = self.db.hmget(keys.message(TENANT, asked), "text", "at")
        question = (held[0] or b"").decode()
        self.db.hset(keys.message(TENANT, asked), mapping={"received": at - 1.9, "at": at - 3, "turn": turn_of(i, n)})
        self.db.hset(keys.turn(TENANT, turn_of(i, n)), mapping={
            "conv": cid, "job": job_id(asked), "state": "done", "outcome": "answered", "at": at, "done_at": at + 0.2,
            "messages": orjson.dumps([asked]), "parts": orjson.dumps([part]), "prompt": question, "lang": "es",
            "provider": "builtin", "model": "builtin", "confidence": 0.87, "latency_ms": 11.2,
            "usage": orjson.dumps({"in": 412, "out": 38}), "cited": orjson.dumps(["envios-medellin"]),
            "timings": orjson.dumps({"gate": 0.1, "detect_handover": 0.6, "retrieve": 4.1, "generate": 412.7,
                                     "review": 0.9}),
            "sources": orjson.dumps([["envios-medellin", "¿Cuánto tarda el envío?", 11.42, 0.871],
                                     ["envio-gratis", "¿Desde cuánto es gratis el envío?", 7.15, 0.522],
                                     ["crema-calendula", "Crema de caléndula, 60 ml", 3.07, 0.214]]),
        })  # fmt: skip
        self.job(job_id(asked), "whatsapp-ai", "workers.jobs.answer", "finished",
                 {"tenant": TENANT, "conversation": cid, "message": asked}, at - 1.8,
                 result=orjson.dumps({"outcome": "answered", "turn": turn_of(i, n)}))  # fmt: skip

    def job(self, job: str, queue: str, func: str, status: str, kwargs: dict[str, str], at: float, **more: Any) -> None:
        """One RQ job hash, and its place in the registry of its state."""
        fields: dict[str, Any] = {
            "created_at": iso(at), "enqueued_at": iso(at), "origin": queue, "status": status, "func": func,
            "data": orjson.dumps([func, None, [], kwargs]), "description": func, "timeout": 120, "retries_left": 4,
            "number_of_retries": 0, "lane": f"{TENANT}:{kwargs.get('conversation', '')}",
        }  # fmt: skip
        if status in ("finished", "failed"):
            fields |= {"started_at": iso(at + 0.4), "ended_at": iso(at + 1.1), "worker_name": f"{WORKER}1"}
        if status == "started":
            fields |= {"started_at": iso(at + 0.4), "worker_name": f"{WORKER}1"}
        self.db.hset(rq.job(job), mapping=fields | more)
        self.db.sadd(rq.QUEUES, f"rq:queue:{queue}")
        match status:
            case "queued":
                self.db.rpush(rq.queue(queue), job)
            case "started":
                self.db.zadd(rq.wip(queue), {f"{job}:{digest(job)}": at + 75})
            case "finished" | "failed" | "deferred" | "scheduled":
                self.db.zadd(getattr(rq, status)(queue), {job: at + 86400})
        self.jobs += 1

    def failed_jobs(self) -> None:
        errors = ("GraphError: 131026 Message undeliverable", "AITimeout: no whole answer within 25 s",
                  "AIOverloaded: 503 from the provider")  # fmt: skip
        for i in range(7):
            job, error, at = f"wa-{digest('failed', str(i))}", errors[i % 3], self.now - 600 - i * 1800
            kwargs = {"tenant": TENANT, "conversation": cid_of(i), "message": f"m-{digest('f', str(i))}"}
            self.job(job, "whatsapp-ai" if i % 3 else "messages", "workers.jobs.answer", "failed", kwargs, at,
                     error=error, retries_left=0, number_of_retries=4)  # fmt: skip
            trace = ('Traceback (most recent call last):\n  File "pipeline/steps/generate.py", line 41, in run\n'
                     f"    raise AITimeout\n{error}")  # fmt: skip
            for attempt in range(5):
                entry = {"type": 2, "exc_string": b64encode(zlib.compress(trace.encode())), "worker_name": f"{WORKER}1"}
                when = int((at - 240 + attempt * 60) * 1000)
                self.db.xadd(rq.results(job), entry, id=f"{when}-0")  # type: ignore[arg-type]

    def queued_jobs(self) -> None:
        for i in range(9):
            kwargs = {"tenant": TENANT, "conversation": cid_of(i + 12), "message": f"m-{digest('q', str(i))}"}
            status = ("queued", "queued", "deferred", "scheduled", "started", "queued")[i % 6]
            job = f"wa-{digest('q', str(i))}"
            self.job(job, "whatsapp-ai", "workers.jobs.answer", status, kwargs, self.now - 12 + i)

    def workers(self) -> None:
        for n in (1, 2):
            self.db.sadd(rq.WORKERS, rq.worker(f"{WORKER}{n}"))
            self.db.hset(rq.worker(f"{WORKER}{n}"), mapping={
                "birth": iso(self.now - 5400), "last_heartbeat": iso(self.now - 2),
                "state": "busy" if n == 1 else "idle",
                "queues": "whatsapp-ai,messages,ai-response,maintenance", "pid": 4100 + n, "hostname": "relevo-1",
                "successful_job_count": 381 * n, "failed_job_count": 3 * n, "concurrency": 50,
            })  # fmt: skip
            self.db.expire(rq.worker(f"{WORKER}{n}"), 600)

    def samples(self) -> None:
        """The depth of two queues over the last day."""
        write_samples(self.db, self.now, self.dice)


def write_samples(db: Redis, now: float, dice: random.Random) -> None:
    """Queue samples as the scheduler writes them, of the last hour and of the last day."""
    level = {"whatsapp-ai": 6.0, "messages": 1.5}
    for step, most in rq.SAMPLE_STEPS[:2]:
        pipe = db.pipeline(transaction=False)
        for n in range(most, -1, -1):
            at = now - n * step
            rush = 14.0 if 1800 < now - at < 2600 or 30_000 < now - at < 36_000 else 2.0
            sample = {}
            for name, size in (("whatsapp-ai", rush), ("messages", 1.0)):
                level[name] = max(0.0, level[name] * 0.9 + (dice.random() - 0.35) * size * 0.35)
                queued = round(level[name])
                sample[name] = [queued, dice.randint(0, 5), 1, 1, 5, queued / 3 or None, 9000 - n, 7]
            pipe.xadd(rq.samples(step), {"q": orjson.dumps(sample)}, id=f"{int(at * 1000)}-0")
        pipe.execute()


def turn_of(i: int, n: int) -> str:
    """The turn behind bubble n of the i-th conversation."""
    return f"t-{digest(str(i), str(n))}"


def cid_of(i: int) -> str:
    """The conversation of the i-th contact."""
    return f"{NUMBER}.c{digest('contact', str(i))[:20]}"


def _talk_of(i: int, owner: str) -> int:
    return {"waiting": (1, 5)[i % 2], "human": 3}.get(owner, (0, 2, 4)[i % 3])


def fill(db: Redis, *, now: float | None = None, agent: str = "Marta") -> Shop:
    """Fill an empty Redis; returns the shop."""
    shop = Shop(db, time.time() if now is None else now, agent=agent)
    shop.fill()
    return shop


if __name__ == "__main__":
    with Redis.from_url(sys.argv[1]) as client:
        client.flushdb()
        print(f"seeded: {fill(client).jobs} jobs, {len(NAMES)} conversations")
