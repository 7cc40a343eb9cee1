"""Lets clients call from another address of this machine."""

import contextlib
import socket
import threading


class Relay:
    """Passes connections on to a server; it sees them come from `source`, such as 127.0.0.2."""

    def __init__(self, server, source):
        self.target = ("127.0.0.1", server.port)
        self.source = source
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target, source_address=(self.source, 0))
                self.open += [client, server]
                for one, other in [(client, server), (server, client)]:
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
