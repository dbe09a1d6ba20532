"""Varnish's own tester speaks with a gateway on one side and is its service on the other: the cases in vtc/."""

import socket
import subprocess
import threading
from pathlib import Path

from kit import folder, free_ports, gateway

CASES = sorted((Path(__file__).parent / "vtc").glob("*.vtc"))


def relay(into, out):
    """Hands on what comes, but for connections on which nothing does: the gateway's probes, which a case does not
    expect."""
    listener = socket.create_server(("127.0.0.1", into))

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve(client):
        with client:
            try:
                if not client.recv(1, socket.MSG_PEEK):
                    return
                service = socket.create_connection(("127.0.0.1", out))
            except OSError:
                return
            with service:
                back = threading.Thread(target=pump, args=(service, client), daemon=True)
                back.start()
                pump(client, service)
                back.join()

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def main():
    with folder() as into:
        front, service = free_ports(2)
        relay(front, service)
        config = {
            "listeners": [{}],
            "services": {"web": {"upstream": f"http://127.0.0.1:{front}"}},
            "routes": [{"service": "web"}],
        }
        failed = []
        for case in CASES:
            # Each finds a gateway that keeps no connection to the service of the one before.
            running, (port,) = gateway(into, config)
            with running:
                command = ["varnishtest", "-t", "20", f"-Dgateway=127.0.0.1:{port}", f"-Dservice=127.0.0.1:{service}"]
                ran = subprocess.run([*command, str(case)], capture_output=True, text=True, timeout=60)
                if ran.returncode != 0:
                    failed.append(f"{case.name}\n{ran.stdout}{ran.stderr}")
    assert len(CASES) >= 12 and not failed, "\n".join(failed)
    print(f"ok    {len(CASES)} cases of varnishtest")


if __name__ == "__main__":
    main()
