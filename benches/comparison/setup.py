"""What every proxy is asked to do, the same for all."""

from dataclasses import dataclass
from pathlib import Path

ROUTES = 100
# The one that is measured, in the middle.
HOST = "shop50.example.com"
HOSTS = [f"shop{number}.example.com" for number in range(ROUTES)]
# What a rule sets on every answer.
RULE = ("x-served-by", "a-gateway")
# What clients of one address, which all are here, may do: as many connections as there are files for.
CONNECTIONS = 9_800


@dataclass
class Setup:
    """The work of one proxy: where it listens, and where its upstream does."""

    folder: Path
    origin: int
    http: int
    tls: int
    h2c: int
    admin: int
    certificate: Path
    key: Path

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path
