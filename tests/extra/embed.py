"""examples/embed as it runs without default features: EMBED names the binary."""

import os
import signal
import subprocess
import urllib.error

from kit import PATIENCE, get

process = subprocess.Popen([os.environ["EMBED"]], stdout=subprocess.PIPE, text=True)
try:
    url = process.stdout.readline().strip()
    assert "wakes nobody" in get(f"{url}about")
    try:
        get(url, accept="text/html")
        raise AssertionError("a browser gets the waiting page")
    except urllib.error.HTTPError as page:
        assert page.code == 503 and page.headers["content-type"].startswith("text/html"), page
        # The page's stream ends when the oracle is there.
        assert page.read().decode().rstrip().endswith("</html>")
    assert get(url, accept="text/html") == "The oracle says: What sleeps is not lost.\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
finally:
    process.kill()
print("the middleware wakes its process in front of an axum application")
