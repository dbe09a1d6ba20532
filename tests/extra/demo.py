"""`wakegate demo` with a command that is run against it:

    demo.py COMMAND ...

finds in its environment WAKEGATE_URL, the demo's address, and WAKEGATE_SLEEP, a command that puts all of it to
sleep; `demo.py --sleep ADMIN` is that command.
"""

import os
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request

from kit import PATIENCE, WAKEGATE, Gateway, soon


class Demo:
    """A running demo, to be used in a `with`."""

    def __enter__(self):
        command = [WAKEGATE, "demo", "--address", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        said = ""
        while "/metrics" not in said:
            line = self.process.stdout.readline()
            assert line, f"the demo ended: {said}"
            said += line
        self.url = re.search(r"Open +(http://\S+)", said)[1]
        self.admin = re.search(r"--admin (http://\S+)", said)[1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)


def put_to_sleep(admin):
    """Asks for each service until it sleeps: what is needed by another is refused until that one does."""
    gateway = Gateway(None, admin.rsplit(":", 1)[1])

    def all_asleep():
        awake = [name for name, phase in gateway.phases().items() if phase != "asleep"]
        for name in awake:
            request = urllib.request.Request(f"{admin}/api/services/{name}/sleep", method="POST")
            try:
                urllib.request.urlopen(request, timeout=PATIENCE).close()
            except urllib.error.HTTPError as error:
                assert error.code == 409, error
        return not awake

    soon("the demo sleeps", all_asleep)


def main():
    if sys.argv[1] == "--sleep":
        return put_to_sleep(sys.argv[2])
    with Demo() as demo:
        sleep = shlex.join([sys.executable, os.path.abspath(__file__), "--sleep", demo.admin])
        environment = {**os.environ, "WAKEGATE_URL": demo.url, "WAKEGATE_SLEEP": sleep}
        sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)


if __name__ == "__main__":
    main()
