"""``Surveyor`` in memory: what the cloud's ``Surroundings`` say, as lists of what the met databases use."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from backstay.core.errors import ProviderError
from backstay.core.restoring import Unchecked
from backstay.core.surroundings import Surroundings, combination
from backstay.providers.memory.cloud import Surroundings as Around

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstay.core.model import Database, Scope
    from backstay.providers.memory.cloud import MemoryCloud


class MemorySurveyor:
    """What stands around the databases of one scope."""

    def __init__(self, cloud: MemoryCloud, scope: Scope) -> None:
        self._cloud, self._scope = cloud, scope

    def begin(self) -> MemorySurvey:
        """See ``Surveyor.begin``."""
        return MemorySurvey(self._cloud, self._scope)


class MemorySurvey:
    """See ``Survey``. One call of the cloud, ``survey``; one that fails leaves every part Unchecked."""

    def __init__(self, cloud: MemoryCloud, scope: Scope) -> None:
        self._cloud, self._scope, self._lock = cloud, scope, Lock()
        self._met: list[Database] = []

    def meet(self, databases: Iterable[Database]) -> None:
        """See ``Survey.meet``."""
        with self._lock:
            self._met.extend(databases)

    def result(self) -> Surroundings:
        """See ``Survey.result``."""
        try:
            with self._cloud.calling("survey", self._scope, None):
                around = self._cloud.surroundings.get(self._scope, Around())
        except ProviderError as exc:
            return _unread(Unchecked(str(exc)))
        return self._seen(around)

    def _seen(self, around: Around) -> Surroundings:
        configs = [each.config for each in self._met]
        parameters = {each.parameter_group for each in configs}
        parameters |= {member.parameter_group for each in configs for member in each.members}
        combinations = {combination(each) for each in self._met}
        free = around.free_addresses
        return Surroundings(
            parameter_groups=_there(parameters, "parameter group", around),
            cluster_parameter_groups=_there(parameters, "parameter group", around),
            option_groups=_there({each.option_group for each in configs}, "option group", around),
            security_groups=_there(
                {name for each in configs for name in each.security_groups}, "security group", around
            ),
            addresses=free if isinstance(free, Unchecked) else {each.subnet_group: free for each in configs},
            quotas=around.quotas,
            watchers=around.watchers,
            keys={each.kms_key: around.key for each in configs},
            orderable={each: around.orderable for each in combinations if each},
        )


def _there(names: set[str], what: str, around: Around) -> frozenset[str] | Unchecked:
    missing = around.missing_groups
    return missing if isinstance(missing, Unchecked) else frozenset(n for n in names if f"{what} {n}" not in missing)


def _unread(why: Unchecked) -> Surroundings:
    """Every list Unchecked; of keys and combinations nobody knows anything."""
    return Surroundings(
        parameter_groups=why,
        cluster_parameter_groups=why,
        option_groups=why,
        security_groups=why,
        addresses=why,
        quotas=why,
        watchers=why,
    )
