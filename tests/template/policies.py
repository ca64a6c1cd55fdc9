"""IAM policies as values, and the question whether one allows a call."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.template.stacks import Stack


@functools.cache
def _pattern(text: str, *, exact: bool) -> re.Pattern[str]:
    body = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in text)
    return re.compile(body, re.DOTALL if exact else re.DOTALL | re.IGNORECASE)


def like(value: str, pattern: str) -> bool:
    """IAM's wildcards over a resource or a string: `*` any characters, `?` one; case counts."""
    return _pattern(pattern, exact=True).fullmatch(value) is not None


def _list(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value)


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From its JSON form, resolved."""
        assert "NotAction" not in document, "a list of what is not forbidden grows by itself"
        assert "NotResource" not in document, "a list of what is not forbidden grows by itself"
        return cls(
            document.get("Sid", ""),
            document["Effect"],
            _list(document["Action"]),
            _list(document.get("Resource", ())),
            document.get("Condition", {}),
        )

    def covers(self, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Whether it speaks of this call.

        A condition key that `context` does not hold counts as met: a recorded call does not carry every key, and the
        lab's own evaluation has seen them all.
        """
        return (
            any(_pattern(each, exact=False).fullmatch(action) for each in self.actions)
            and any(like(resource, each) for each in self.resources)
            and all(
                _meets(operator, context[key], _list(wanted))
                for operator, keys in self.condition.items()
                for key, wanted in keys.items()
                if key in context
            )
        )


def _meets(operator: str, value: str, wanted: tuple[str, ...]) -> bool:
    match operator:
        case "StringEquals" | "Bool":
            return value in wanted
        case "StringLike" | "ArnLike" | "ArnEquals":
            return any(like(value, each) for each in wanted)
        case _:
            raise AssertionError(f"no template has needed {operator} yet")


@dataclass(frozen=True)
class Role:
    """What a role may do: its own policies and those attached to it."""

    name: str
    trusts: tuple[str, ...]
    statements: tuple[Statement, ...]

    def allows(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
        """IAM's rule: some statement allows it, and none denies it."""
        met = [each.effect for each in self.statements if each.covers(action, resource, context or {})]
        return "Allow" in met and "Deny" not in met

    @property
    def granted(self) -> frozenset[str]:
        """Every action that some statement allows."""
        return frozenset(action for each in self.statements if each.effect == "Allow" for action in each.actions)


def statements(document: Mapping[str, Any]) -> tuple[Statement, ...]:
    """The statements of a policy document."""
    return tuple(Statement.of(each) for each in document["Statement"])


def roles(stack: Stack) -> dict[str, Role]:
    """Every role of a stack, by logical id."""
    attached = stack.of_type("AWS::IAM::ManagedPolicy").values()
    found = {}
    for name, properties in stack.of_type("AWS::IAM::Role").items():
        own = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
        shared = [policy["PolicyDocument"] for policy in attached if name in policy.get("Roles", ())]
        (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
        every = tuple(statement for document in own + shared for statement in statements(document))
        found[name] = Role(name, _list(trust["Principal"]["Service"]), every)
    return found


def function_roles(stack: Stack) -> dict[str, Role]:
    """The role of every function, by the function's name."""
    known = roles(stack)
    return {
        properties["FunctionName"]: known[properties["Role"].rpartition("/")[2]]
        for properties in stack.of_type("AWS::Lambda::Function").values()
    }
