"""Deploys templates into the lab the way `sam deploy` does: code to S3, its address into the template, that to S3 too.

The template's text is not touched but for `CodeUri`, which becomes the uploaded object. The zip holds the product's own
code only; functions find the locked run-time requirements on their path (see the launcher), so that a cold start stays
short.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CAPABILITIES = ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
# The earliest moment that a zip can hold: the same code gives the same bytes.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
CODE_URI = re.compile(r"^(\s*CodeUri:\s*)(?!s3://)\S+\s*$", re.MULTILINE)
UNCHANGED = "No updates are to be performed"
POLL = 0.05
DEADLINE = 60.0


class Clients(Protocol):
    """Whoever makes boto3 clients for a service and region."""

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client."""


class DeployError(Exception):
    """A stack did not come up; the message holds the failed resources with their reasons."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: its name, region and outputs, and whether this deployment changed it."""

    name: str
    region: str
    outputs: Mapping[str, str]
    changed: bool


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip of files by name, byte for byte reproducible."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def package(root: Path, names: Sequence[str]) -> bytes:
    """A zip of the files and folders `names` inside `root`, without compiled files."""
    found = [path for name in names for path in (root / name, *(root / name).rglob("*"))]
    code = [path for path in found if path.is_file() and "__pycache__" not in path.parts]
    return archive({path.relative_to(root).as_posix(): path.read_bytes() for path in code})


def place_code(template: str, uri: str) -> str:
    """The template with every local `CodeUri` replaced, as `sam package` does it; nothing else changes."""
    return CODE_URI.sub(rf"\g<1>{uri}", template)


def upload(clients: Clients, region: str, content: bytes, suffix: str) -> str:
    """Put something into the account's artifact bucket in the region, made on first use; `bucket/key`."""
    s3, account = clients.client("s3", region), clients.client("sts", region).get_caller_identity()["Account"]
    bucket, key = f"lab-artifacts-{account}-{region}", f"{hashlib.sha256(content).hexdigest()[:32]}.{suffix}"
    try:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    return f"{bucket}/{key}"


def deploy(clients: Clients, region: str, name: str, template: str, parameters: Mapping[str, str]) -> Stack:
    """Create a stack, or update it when it exists; wait for it. DeployError when it ends in any other state."""
    cloudformation = clients.client("cloudformation", region)
    wanted = {
        "StackName": name,
        "TemplateURL": f"https://s3.{region}.amazonaws.com/{upload(clients, region, template.encode(), 'template')}",
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": list(CAPABILITIES),
    }
    exists = _find(cloudformation, name) is not None
    try:
        (cloudformation.update_stack if exists else cloudformation.create_stack)(**wanted)
    except ClientError as error:
        if UNCHANGED not in str(error):
            raise DeployError(f"{name} in {region}: {error}") from error
        return Stack(name, region, _outputs(_find(cloudformation, name)), changed=False)
    return Stack(name, region, _outputs(_settled(cloudformation, name, region)), changed=True)


def _find(cloudformation: Any, name: str) -> Any:
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None


def _settled(cloudformation: Any, name: str, region: str) -> Any:
    end = time.monotonic() + DEADLINE
    while (stack := _find(cloudformation, name))["StackStatus"].endswith("IN_PROGRESS"):
        if time.monotonic() > end:
            raise DeployError(f"{name} in {region} is still {stack['StackStatus']} after {DEADLINE:.0f} s")
        time.sleep(POLL)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeployError(f"{name} in {region} is {stack['StackStatus']}:\n{_failures(cloudformation, name)}")
    return stack


def _failures(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    lines = [f"  {e['LogicalResourceId']} {e['ResourceStatus']}: {e.get('ResourceStatusReason', '')}" for e in failed]
    return "\n".join(lines) or "  (no resource says why)"


def _outputs(stack: Any) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
