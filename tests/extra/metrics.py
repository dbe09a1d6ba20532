"""What the real binary's /metrics says after a wake, put before `promtool check metrics`."""

import subprocess

from demo import Demo
from kit import get


with Demo() as demo:
    get(demo.url, accept="*/*")
    text = get(f"{demo.admin}/metrics")
    for name in ["wakegate_requests_total", "wakegate_wakes_total"]:
        assert f"\n{name}{{" in text, f"{name} is missing:\n{text}"
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0 and not checked.stderr.strip(), checked
print(f"promtool has nothing to say about {len(text.splitlines())} lines")
