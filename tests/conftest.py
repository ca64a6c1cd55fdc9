"""Hypothesis, wherever it is used: a time limit per example would fail on a busy machine, not on a wrong answer."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("backstay", deadline=None, max_examples=60)  # the suite is to stay short
settings.load_profile("backstay")
