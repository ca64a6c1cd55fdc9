"""Backstay keeps managed databases restorable, and proves it."""

__version__ = "0.1.0"
