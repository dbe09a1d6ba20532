"""What is compared and what loads it: Debian's packages. What cannot be had is missed, and said."""

import os
import shutil
import subprocess

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
        quiet = {"env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
        print(f"installing {' '.join(missing)}", flush=True)
        subprocess.run([*root, "apt-get", "update", "-qq"], **quiet)
        for package in missing:
            command = [*root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
            subprocess.run(command, **quiet)
    return [program for program in PACKAGES if not shutil.which(program)]
