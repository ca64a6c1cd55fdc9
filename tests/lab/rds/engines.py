"""Engines, versions and classes that the lab offers. Only postgres and aurora-postgresql really run."""

from __future__ import annotations

from dataclasses import dataclass

RUNNING = frozenset({"postgres", "aurora-postgresql"})


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: versions newest first (the first one is the default), port and licence."""

    name: str
    versions: tuple[str, ...]
    port: int
    licence: str
    description: str
    clusters: bool = False

    def major(self, version: str) -> str:
        """Major version as parameter and option groups name it (`17`, `8.0`)."""
        parts = version.split(".")
        return parts[0] if "postgres" in self.name else ".".join(parts[:2])

    def family(self, version: str) -> str:
        """Parameter group family (`postgres17`, `aurora-postgresql17`)."""
        return f"{self.name}{self.major(version)}"


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("postgres", ("17.10", "17.9", "16.14", "15.18"), 5432, "postgresql-license", "PostgreSQL", True),
        Engine(
            "aurora-postgresql",
            ("17.10", "17.9", "16.14", "15.18"),
            5432,
            "postgresql-license",
            "Aurora PostgreSQL",
            True,
        ),
        Engine("mysql", ("8.4.6", "8.0.43"), 3306, "general-public-license", "MySQL", True),
        Engine("aurora-mysql", ("8.0.mysql_aurora.3.10.0",), 3306, "general-public-license", "Aurora", True),
        Engine("mariadb", ("11.8.3", "10.11.14"), 3306, "general-public-license", "MariaDB"),
        Engine("oracle-ee", ("19.0.0.0.ru-2025-07",), 1521, "bring-your-own-license", "Oracle"),
        Engine("sqlserver-se", ("16.00.4205.1",), 1433, "license-included", "SQL Server"),
        Engine("docdb", ("5.0.0",), 27017, "na", "DocumentDB", True),
        Engine("neptune", ("1.4.5.0",), 8182, "amazon-license", "Neptune", True),
    )
}

CLASSES = (
    "db.t3.medium",
    "db.t4g.micro",
    "db.t4g.small",
    "db.t4g.medium",
    "db.t4g.large",
    "db.m6g.large",
    "db.m7g.large",
    "db.m7g.xlarge",
    "db.r6g.large",
    "db.r7g.large",
    "db.r8g.large",
    "db.r8g.xlarge",
)

MULTI_AZ_CLUSTER_CLASSES = tuple(name for name in CLASSES if name.split(".")[1] in {"m6g", "r6g", "m7g", "r7g"})


def classes(engine: str) -> tuple[str, ...]:
    """Orderable classes: Aurora has none of the small burstable ones and no general purpose class."""
    if engine.startswith("aurora"):
        return tuple(
            name for name in CLASSES if name.split(".")[1][0] in "tr" and not name.endswith((".micro", ".small"))
        )
    return CLASSES
