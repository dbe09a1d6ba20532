"""h2load over HTTP/2, plain and with TLS: many streams on few connections, and every one of them answered."""

import re
import subprocess

from kit import certificate, folder, gateway

REQUESTS = 20_000


def load(url):
    """Requests that were answered with a 2xx, and those that were not."""
    # 100 streams at once are as many as one connection may have.
    command = ["h2load", "-n", str(REQUESTS), "-c", "10", "-m", "100", url]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert "Application protocol: h2" in said, said
    fine = int(re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", said)[1])
    bad = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", said)
    assert fine == REQUESTS and bad.groups() == ("0", "0", "0"), said
    print(f"ok    {re.search(r'finished in .*', said)[0]}: {url}")


def main():
    with folder() as into:
        config = {
            "listeners": [{}, {"tls": certificate(into, "a.example")}],
            "services": {},
            "routes": [{"respond": {"status": 200, "body": "x" * 100}}],
        }
        running, (plain, tls) = gateway(into, config)
        with running:
            load(f"http://127.0.0.1:{plain}/")
            load(f"https://127.0.0.1:{tls}/")


if __name__ == "__main__":
    main()
