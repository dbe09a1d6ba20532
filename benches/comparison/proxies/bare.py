"""The least that a proxy on hyper costs (`benches/bare.rs`)."""

import signal

from .proxy import Proxy


class HyperBare(Proxy):
    name = "hyper-bare"
    stop_signal = signal.SIGINT

    def __init__(self, program):
        self.program = str(program)

    def command(self, setup):
        ports = [setup.http, setup.h2c, setup.tls, setup.origin]
        return [self.program, *map(str, ports), str(setup.certificate), str(setup.key)]
