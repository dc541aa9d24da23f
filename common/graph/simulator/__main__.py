"""Command line of the simulator.

- `python -m common.graph.simulator`: play Meta on port 3002, with a chat page.
- `python -m common.graph.simulator send FILE`: post a webhook body from a file, signed; prints the status.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import requests

from common import settings
from common.graph.simulator.options import (
    DEFAULT_APP_SECRET,
    DEFAULT_PHONE_ID,
    DEFAULT_PORT,
    DEFAULT_TOKEN,
    DEFAULT_VERIFY_TOKEN,
    DEFAULT_WEBHOOK,
    Behaviour,
    ControlError,
    Options,
)
from common.graph.simulator.server import SimulatorServer
from common.graph.simulator.webhooks import signed_headers

RULES = ("auth", "body", "number", "pair", "window")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = _parser(settings.load()).parse_args(argv)
    if args.command == "send":
        return _send(args)
    try:
        behaviour = _behaviour(args)
    except ControlError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    options = Options(
        webhook=args.webhook or None,
        app_secret=args.app_secret,
        token=args.token,
        verify_token=args.verify_token,
        phone_ids=tuple(args.phone_id or args.default_phone_ids),
        foreign_phone_ids=tuple(args.foreign_phone_id),
        seed=args.seed,
        customers=not args.no_customers,
    )
    try:
        return asyncio.run(_serve(SimulatorServer(options, behaviour=behaviour, host=args.host, port=args.port)))
    except OSError as error:
        print(f"simulator: cannot listen on {args.host}:{args.port}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


async def _serve(server: SimulatorServer) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with server:
        options = server.options
        print(f"simulator: Graph API and chat page on {server.url}", flush=True)
        print(f"simulator: numbers {', '.join(options.phone_ids)}; webhooks to {options.webhook}", flush=True)
        await stopping.wait()
    return 0


def _send(args: argparse.Namespace) -> int:
    """Post a file as a webhook; exit code 0 when the app answered 200."""
    try:
        body = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
    except OSError as error:
        print(f"simulator: cannot read {args.file}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        response = requests.post(args.url, data=body, headers=signed_headers(body, args.secret), timeout=30)
    except requests.RequestException as error:
        print(f"simulator: {args.url} cannot be reached ({type(error).__name__})", file=sys.stderr)
        return 1
    print(response.status_code)
    if response.text:
        print(response.text[:2_000], file=sys.stderr)
    return 0 if response.status_code == 200 else 1


def _behaviour(args: argparse.Namespace) -> Behaviour:
    """The behaviour that the flags ask for.

    Raises:
        ControlError: a flag's value is out of range.
    """
    names = ("number_rate", "pair_burst", "pair_seconds", "latency_seconds", "sent_seconds", "delivered_seconds",
             "read_seconds", "webhook_timeout_seconds")  # fmt: skip
    patch = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    lenient = [rule.strip() for rule in args.lenient.split(",") if rule.strip()]
    if unknown := set(lenient) - set(RULES):
        raise ControlError(f"--lenient takes {', '.join(RULES)}, not {', '.join(sorted(unknown))}")
    patch.update({f"strict_{rule}": False for rule in lenient})
    patch.update({"statuses": False} if args.no_statuses else {})
    return Behaviour().merged(patch)


def _parser(env: settings.Settings) -> argparse.ArgumentParser:
    secret = env.whatsapp_app_secret[0].get_secret_value() if env.whatsapp_app_secret else DEFAULT_APP_SECRET
    token = env.whatsapp_access_token.get_secret_value() if env.whatsapp_access_token else DEFAULT_TOKEN
    verify = env.whatsapp_verify_token.get_secret_value() if env.whatsapp_verify_token else DEFAULT_VERIFY_TOKEN
    parser = argparse.ArgumentParser("python -m common.graph.simulator", description="Meta's Graph API, played here.")
    parser.set_defaults(default_phone_ids=env.whatsapp_phone_id or (DEFAULT_PHONE_ID,), command="serve")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=DEFAULT_PORT, help="port to listen on (default %(default)s)")
    add("--webhook", default=DEFAULT_WEBHOOK, help='where webhooks go, "" for nowhere (default %(default)s)')
    add("--app-secret", default=secret, help="signs webhooks (default WHATSAPP_APP_SECRET, its first)")
    add("--token", default=token, help="access token to expect (default WHATSAPP_ACCESS_TOKEN)")
    add("--verify-token", default=verify, help="for the GET verification (default WHATSAPP_VERIFY_TOKEN)")
    add("--phone-id", action="append", help="a phone number id; repeat for more (default WHATSAPP_PHONE_ID)")
    add("--foreign-phone-id", action="append", default=[], help="a number that the token has no right to")
    add("--seed", type=int, help="the same ids and delays on every run")
    add("--no-customers", action="store_true", help="begin without test customers in the chat page")
    add("--no-statuses", action="store_true", help="send no status webhooks")
    add("--lenient", default="", metavar="RULES", help=f"rules not to apply: {', '.join(RULES)}")
    add("--number-rate", type=float, metavar="N", help="messages a second a number (80)")
    add("--pair-burst", type=int, metavar="N", help="messages at once to one user (45)")
    add("--pair-seconds", type=float, metavar="S", help="seconds until a user can get one more (6)")
    add("--latency-seconds", type=float, metavar="S", help="time Graph takes to answer (0)")
    add("--sent-seconds", type=float, metavar="S", help="delay of the status sent (0.05)")
    add("--delivered-seconds", type=float, metavar="S", help="delay of the status delivered (0.15)")
    add("--read-seconds", type=float, metavar="S", help="delay of the status read (1)")
    add("--webhook-timeout-seconds", type=float, metavar="S", help="how long the app may take (5)")
    commands = parser.add_subparsers(metavar="send")
    send = commands.add_parser("send", help="post a webhook body from a file, signed; prints the status")
    send.set_defaults(command="send")
    send.add_argument("file", help="file with the body, - for standard input")
    send.add_argument("--url", default=DEFAULT_WEBHOOK, help="where to (default %(default)s)")
    send.add_argument("--secret", default=secret, help="app secret (default WHATSAPP_APP_SECRET, its first)")
    return parser


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
