"""Time limits per example would fail on a busy machine, not on a wrong answer; and the suite is to stay short."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("backstay", deadline=None, max_examples=60)
settings.load_profile("backstay")
