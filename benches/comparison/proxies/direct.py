"""No proxy at all: the origin, asked by the load itself."""

from contextlib import nullcontext


class Direct:
    name = "direct"

    def run(self, bench, _):
        return nullcontext(self.Origin(bench.origin.port))

    class Origin:
        def __init__(self, port):
            self.port = port

        def url(self):
            return f"http://127.0.0.1:{self.port}/100"
