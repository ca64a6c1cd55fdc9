"""Answers of Describe… as RDS gives them, held against botocore's own model."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.model import ListShape, StructureShape

from backstay.core.model import Database, Provider, Scope
from backstay.providers.aws import shapes

if TYPE_CHECKING:
    from botocore.model import Shape

FOLDER = Path(__file__).parent
SCOPE = Scope(Provider.AWS, "111122223333", "eu-west-2")


@cache
def _answers(file: str, operation: str) -> dict[str, dict[str, Any]]:
    model = botocore.session.get_session().get_service_model("rds").operation_model(operation)
    answer = json.loads((FOLDER / file).read_text())
    parsed = as_botocore_parses(model.output_shape, answer)
    (entries,) = parsed.values()
    names = ("DBSnapshotIdentifier", "DBClusterSnapshotIdentifier", "DBInstanceIdentifier", "DBClusterIdentifier")
    return {str(next(entry[name] for name in names if name in entry)): entry for entry in entries}


def as_botocore_parses(shape: Shape | None, value: Any) -> Any:
    """``value`` with its timestamps as datetimes. A field that the model does not know fails the test that uses it."""
    assert shape is not None
    match shape:
        case StructureShape():
            assert isinstance(value, dict), f"{shape.name} is {value!r}"
            unknown = set(value) - set(shape.members)
            assert not unknown, f"{shape.name} has no {unknown}"
            return {key: as_botocore_parses(shape.members[key], each) for key, each in value.items()}
        case ListShape():
            return [as_botocore_parses(shape.member, each) for each in value]
    if shape.type_name == "timestamp":
        return datetime.fromisoformat(value)
    expected = {"string": str, "boolean": bool, "integer": int, "double": float, "float": float}[shape.type_name]
    assert isinstance(value, expected), f"{shape.name} is {value!r}"
    return value


def instance_answer(name: str) -> dict[str, Any]:
    """One entry of db-instances.json; a fresh copy."""
    return dict(_answers("db-instances.json", "DescribeDBInstances")[name])


def cluster_answer(name: str) -> dict[str, Any]:
    """One entry of db-clusters.json; a fresh copy."""
    return dict(_answers("db-clusters.json", "DescribeDBClusters")[name])


def snapshot_answer(name: str) -> dict[str, Any]:
    """One entry of db-snapshots.json; a fresh copy."""
    return dict(_answers("db-snapshots.json", "DescribeDBSnapshots")[name])


def cluster_snapshot_answer(name: str) -> dict[str, Any]:
    """One entry of db-cluster-snapshots.json; a fresh copy."""
    return dict(_answers("db-cluster-snapshots.json", "DescribeDBClusterSnapshots")[name])


def backup_answers() -> dict[str, dict[str, Any]]:
    """The entries of automated-backups.json by the instance's name; fresh copies."""
    found = _answers("automated-backups.json", "DescribeDBInstanceAutomatedBackups")
    return {name: dict(each) for name, each in found.items()}


def instance(name: str) -> Database:
    """An entry of db-instances.json as our facts."""
    return shapes.instance(instance_answer(name), SCOPE)


def cluster(name: str) -> Database:
    """An entry of db-clusters.json as our facts."""
    return shapes.cluster(cluster_answer(name), SCOPE)
