"""The services' models, which every new process reads before its first call: half of what making the clients takes."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader


class Models(Loader):
    """botocore's loader, without looking into the folders of four hundred services for the one that is asked for."""

    def __init__(self) -> None:
        super().__init__(file_loader=_Files())

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
