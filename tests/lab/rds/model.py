"""botocore's model of RDS, and the faults that travel in the query protocol."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, cast

import botocore.session

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape


@functools.cache
def service() -> ServiceModel:
    """The service model: the judge of every request and every response."""
    return botocore.session.get_session().get_service_model("rds")


@functools.cache
def operation(name: str) -> OperationModel | None:
    """Model of the operation `name`, or None when RDS has no such operation."""
    return service().operation_model(name) if name in service().operation_names else None


def namespace() -> str:
    """XML namespace of every response."""
    return cast("str", service().metadata["xmlNamespace"])


class Fault(Exception):
    """An error answer.

    Args:
        code: error code on the wire.
        message: text for people.
        status: HTTP status.
        name: the modelled exception's name, which CloudTrail records; the code when there is none.
    """

    def __init__(self, code: str, message: str, status: int = 400, name: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.name = code, message, status, name or code


def fault(shape: str, message: str) -> Fault:
    """The modelled fault `shape`, with the code and status that the model gives it.

    Raises:
        ValueError: the model has no such exception; a mistake of the lab, not of the caller.
    """
    modelled: Shape = service().shape_for(shape)
    if not modelled.metadata.get("exception"):
        raise ValueError(f"{shape} is no exception of RDS")
    error = modelled.metadata.get("error", {})
    return Fault(error.get("code", shape), message, error.get("httpStatusCode", 400), shape)


def invalid_value(message: str) -> Fault:
    """InvalidParameterValue, which RDS uses everywhere and the model does not list (common errors)."""
    return Fault("InvalidParameterValue", message)


def invalid_combination(message: str) -> Fault:
    """InvalidParameterCombination, a common error too."""
    return Fault("InvalidParameterCombination", message)


def not_here(what: str) -> Fault:
    """What the lab does not do is said so; it is never answered with an empty list."""
    return Fault("NotImplemented", f"{what} is not implemented in this lab", 501)
