"""hyper with nothing around it (`benches/bare.rs`)."""

import signal

from .. import build
from .proxy import Proxy


class HyperBare(Proxy):
    name = "hyper-bare"
    stop_signal = signal.SIGINT

    def find(self):
        return build.bare()

    def command(self, setup):
        ports = [setup.http, setup.h2c, setup.tls, setup.origin]
        return [self.program, *map(str, ports), str(setup.certificate), str(setup.key)]
