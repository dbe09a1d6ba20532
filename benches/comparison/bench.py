"""What one run of it all has in common: its origin, its certificate, how long a round is."""

import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

from .origin import Origin
from .setup import HOST

Certificate = namedtuple("Certificate", "chain key")


class Bench:
    """To be used in a `with`."""

    def __init__(self, quick, profiles, crowd, ready):
        self.quick, self.profiles, self.crowd, self.ready = quick, profiles, crowd, ready

    def __enter__(self):
        self.keeper = tempfile.TemporaryDirectory(prefix="compare-")
        self.certificate = self.certify(Path(self.keeper.name))
        self.origin = Origin().__enter__()
        return self

    def __exit__(self, *how):
        self.origin.__exit__(*how)
        self.keeper.cleanup()

    def seconds(self, whole):
        """How long, or how much, a round is."""
        return max(1, whole // 3) if self.quick else whole

    def certify(self, folder):
        """ECDSA on P-256, signed by itself."""
        made = Certificate(folder / "chain.pem", folder / "key.pem")
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", f"/CN={HOST}", "-addext", "subjectAltName=DNS:*.example.com"]
        subprocess.run([*command, "-keyout", made.key, "-out", made.chain], check=True, capture_output=True)
        return made
