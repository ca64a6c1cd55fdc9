"""The services' models, which every new process reads before its first call: half of what making the clients takes."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.loaders import JSONFileLoader, Loader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_OWN: Final = Path(__file__).with_name("data")
EC2_OPERATIONS: Final = ("DescribeSecurityGroups", "DescribeSubnets")
"""All that we ask of EC2, whose model is the largest there is: reading it whole is a tenth of a function's start."""


class Models(Loader):
    """botocore's loader, without looking into the folders of four hundred services for the one that is asked for."""

    def __init__(self) -> None:
        super().__init__(extra_search_paths=[str(_OWN)], file_loader=_Files())

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002  # botocore's signature
        """Every service that has a folder. Whether it has the type shows when that is loaded."""
        folders = [path for path in self.search_paths if Path(path).is_dir()]
        return [each.name for path in folders for each in os.scandir(path) if each.is_dir()]


class _Files(JSONFileLoader):
    """As plain mappings, which keep their order too and are read in half the time of ``OrderedDict``."""

    def load_file(self, file_path: str) -> Any:
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return json.loads(plain.read_bytes())
        return json.loads(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


def trimmed(model: Mapping[str, Any], operations: Iterable[str]) -> dict[str, Any]:
    """A service's model with these operations only, and the shapes that they need; without documentation."""
    kept = {name: model["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    wanted = list(_references(kept))
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            wanted.extend(_references(shapes[name]))
    return {
        "version": model["version"],
        "metadata": model["metadata"],
        "operations": _bare(kept),
        "shapes": {name: _bare(shapes[name]) for name in sorted(shapes)},
    }


def _references(value: Any) -> Iterator[str]:
    """The names of the shapes that a part of a model refers to."""
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _references(each)
    if isinstance(value, Mapping) and isinstance(value.get("shape"), str):
        yield value["shape"]


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {key: _bare(each) for key, each in value.items() if not (key == "documentation" and isinstance(each, str))}


def main() -> None:
    """Writes anew what we keep of EC2's model: ``python -m backstay.providers.aws.models``."""
    loader = Loader()
    version = loader.determine_latest_version("ec2", "service-2")
    path = _OWN / "ec2" / version / "service-2.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    model = trimmed(loader.load_service_model("ec2", "service-2", version), EC2_OPERATIONS)
    path.write_text(json.dumps(model, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
