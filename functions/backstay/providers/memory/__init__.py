"""Every port in memory: for tests, and for a terminal where nothing is deployed.

As strict as RDS where a workflow could rely on laxness: a name that is taken is refused, a moment outside the window
is refused, what waits for the maintenance window waits, a cluster comes back without a writer. Imports nothing but the
core.
"""

from __future__ import annotations

from backstay.providers.memory.cloud import MemoryCloud, Surroundings, Work
from backstay.providers.memory.inventory import MemoryInventory
from backstay.providers.memory.logins import MemoryLogins, MemorySecrets
from backstay.providers.memory.pitr import MemoryPitrControl
from backstay.providers.memory.restorer import MemoryRestorer
from backstay.providers.memory.services import MemoryBus, MemoryClock, MemoryPager, MemoryShards, MemoryStarter
from backstay.providers.memory.shares import MemoryShares
from backstay.providers.memory.snapshots import MemorySnapshotStore
from backstay.providers.memory.surveyor import MemorySurveyor
from backstay.providers.memory.vault import MemoryVault

__all__ = [
    "MemoryBus",
    "MemoryClock",
    "MemoryCloud",
    "MemoryInventory",
    "MemoryLogins",
    "MemoryPager",
    "MemoryPitrControl",
    "MemoryRestorer",
    "MemorySecrets",
    "MemoryShards",
    "MemoryShares",
    "MemorySnapshotStore",
    "MemoryStarter",
    "MemorySurveyor",
    "MemoryVault",
    "Surroundings",
    "Work",
]
