"""The services' models, read faster: the same models, the same complaint about a service that is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader

from backstay.providers.aws.clients import Clients
from backstay.providers.aws.models import EC2_OPERATIONS, Models, trimmed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("service", ["rds", "kms", "events", "s3", "lambda", "sns", "sqs", "sts"])
def test_given_a_service_that_we_use_when_loaded_then_its_model_is_botocores(service: str) -> None:
    for kind in ("service-2", "paginators-1", "endpoint-rule-set-1"):
        assert Models().load_service_model(service, kind) == Loader().load_service_model(service, kind)


def test_given_what_we_keep_of_ec2_when_held_against_botocores_then_it_is_that_part_of_it() -> None:
    theirs = Loader().load_service_model("ec2", "service-2")
    assert Models().load_service_model("ec2", "service-2") == trimmed(theirs, EC2_OPERATIONS), "run `make models`"
    for kind in ("paginators-1", "endpoint-rule-set-1"):
        assert Models().load_service_model("ec2", kind) == Loader().load_service_model("ec2", kind)


def test_given_ec2s_operations_when_a_client_is_made_then_it_has_just_these() -> None:
    client = Clients(region="eu-west-2").ec2("eu-west-2")
    assert set(client.meta.method_to_api_mapping.values()) == set(EC2_OPERATIONS)


@pytest.mark.parametrize(
    ("service", "kind"), [("redis", "service-2"), ("endpoints.json", "service-2"), ("rds", "no-1")]
)
def test_given_no_such_model_when_loaded_then_it_is_refused(service: str, kind: str) -> None:
    with pytest.raises(DataNotFoundError):
        Models().load_service_model(service, kind)


def test_given_models_of_ones_own_when_a_client_is_made_then_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = json.loads(json.dumps(Loader().load_service_model("rds", "service-2")))
    model["operations"] = {"OurOwn": model["operations"]["DescribeDBInstances"] | {"name": "OurOwn"}}
    folder = tmp_path / "rds" / "2099-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert Clients(region="eu-west-2").rds("eu-west-2").meta.method_to_api_mapping == {"our_own": "OurOwn"}
