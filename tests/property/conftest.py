"""Settings of all property tests."""

from __future__ import annotations

from hypothesis import settings

# The machine may be busy: an example that takes long is no failure, one that never ends meets pytest's time limit.
settings.register_profile("relevo", deadline=None)
settings.load_profile("relevo")
