"""restore-run: the durable runner behind restore; only ever started through its alias."""

from __future__ import annotations

from aws_durable_execution_sdk_python import durable_execution

from backstay.entry import durable_restore

handler = durable_execution(durable_restore)
