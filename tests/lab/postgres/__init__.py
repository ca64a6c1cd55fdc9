"""Real PostgreSQL servers for the lab: create, snapshot, archive, restore to a moment, crash."""

from tests.lab.postgres.archive import contiguous, segment_number, segments
from tests.lab.postgres.cluster import Cluster, Recovery, RecoveryFailed
from tests.lab.postgres.heartbeat import Heartbeat
from tests.lab.postgres.tls import Tls, make_tls
from tests.lab.postgres.tools import ADMIN, Tools

__all__ = [
    "ADMIN",
    "Cluster",
    "Heartbeat",
    "Recovery",
    "RecoveryFailed",
    "Tls",
    "Tools",
    "contiguous",
    "make_tls",
    "segment_number",
    "segments",
]
