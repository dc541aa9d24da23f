"""The process that serves: one event loop, and a few threads for the Flask application."""

from __future__ import annotations

import asyncio
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import uvloop

from common import garbage, logs
from common.logs import get_logger
from common.settings import Settings, stop
from common.store.connection import connect_async
from common.store.group_commit import GroupCommit
from webhook_app import wiring
from webhook_app.app import create_app
from webhook_app.front.bridge import Bridge
from webhook_app.front.hook import Hook
from webhook_app.front.server import Front
from webhook_app.receiver import Receiver

#: For what the Flask application answers, and for long bodies. More would fight for the interpreter lock.
THREADS = 4

log = get_logger("webhook_app")


def run(orphaned: int) -> None:
    """Check settings and port, then serve until SIGTERM, or until file descriptor `orphaned` ends.

    Raises:
        SystemExit: a setting is wrong, or the port is taken; a line on stderr says which.
    """
    found = wiring.settings()
    with listen(found) as listening:
        logs.configure("web", level=found.log_level, fmt=found.log_format)
        log.info("starting", host=found.host, port=found.port)
        uvloop.run(serve(found, listening, orphaned))


async def serve(found: Settings, listening: socket.socket, orphaned: int) -> None:
    """Serve on `listening`."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)

    def alone() -> None:
        loop.remove_reader(orphaned)
        ended.set()

    loop.add_reader(orphaned, alone)
    services = wiring.services(found)
    ingest = wiring.ingest(found, services.db)
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web")
    commit = GroupCommit(connect_async(found), replicas=found.redis_ack_replicas)
    hook = Hook(Receiver(found, ingest, services.clock), ingest, commit, threads)
    rest = Bridge(create_app(services), threads, (found.host, found.port))
    garbage.settle()
    await Front(hook, rest).serve(listening, ended)
    await commit.close()
    threads.shutdown(wait=False, cancel_futures=True)


def listen(found: Settings) -> socket.socket:
    """A socket on HOST and PORT.

    Raises:
        SystemExit: they cannot be had.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in found.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((found.host, found.port))
        listening.listen(1024)
    except socket.gaierror as error:
        stop("host", f"{found.host} is no address of this machine: {error.strerror}")
    except OSError as error:
        stop("port", f"{found.port} on {found.host} cannot be used: {error.strerror or error}")
    listening.setblocking(False)
    return listening
