"""Time limits per example would fail on a busy machine, not on a wrong answer."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("backstay", deadline=None)
settings.load_profile("backstay")
