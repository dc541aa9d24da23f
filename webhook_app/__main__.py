"""`python -m webhook_app`: serve on HOST and PORT until SIGTERM. Scale by starting more of this."""

from __future__ import annotations

from webhook_app.supervisor import supervise


def main() -> None:
    """Serve in a child process, which checks settings and port first."""
    raise SystemExit(supervise(_serve))


def _serve(orphaned: int) -> None:
    from webhook_app.process import run  # noqa: PLC0415  not in the parent, which only waits: 5 MB instead of 50

    run(orphaned)


if __name__ == "__main__":
    main()
