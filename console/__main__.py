"""`python -m console`: settings, wiring, serve."""

from __future__ import annotations

from common import logs, settings
from console import wiring


def main() -> None:
    """Run the console.

    Raises:
        SystemExit: a setting is missing or wrong (2).
    """
    found = settings.load().require("console_password")
    logs.configure("console", level=found.log_level, fmt=found.log_format)
    from console import server  # noqa: PLC0415  Streamlit takes a second to load: settings are checked before
    from console.auth.current import cookie  # noqa: PLC0415

    services = wiring.build(found, cookie)
    wiring.install(services)
    password = found.console_password.get_secret_value() if found.console_password else ""
    server.serve(
        server.build_app(services, password=password, secure=found.console_url.startswith("https://")), found
    )


if __name__ == "__main__":
    main()
