"""The Flight service without a Flight library: bytes in, bytes out, and the gRPC code of a failure."""

import base64

import grpc

SERVICE = "/arrow.flight.protocol.FlightService/"

SHAPES = {
    "Handshake": "stream_stream",
    "ListFlights": "unary_stream",
    "GetFlightInfo": "unary_unary",
    "PollFlightInfo": "unary_unary",
    "GetSchema": "unary_unary",
    "DoGet": "unary_stream",
    "DoPut": "stream_stream",
    "DoExchange": "stream_stream",
    "DoAction": "unary_stream",
    "ListActions": "unary_stream",
}


def basic(user, password, padded=True):
    """The value of an `authorization` header with a user and a password."""
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return "Basic " + (text if padded else text.rstrip("="))


class Failure(Exception):
    """A call that ended with a code other than OK."""

    def __init__(self, error):
        self.code = error.code().name
        self.message = error.details()
        self.metadata = error.initial_metadata(), error.trailing_metadata()
        super().__init__(f"{self.code}: {self.message}")


class Raw:
    """One connection."""

    def __init__(self, address, authorization=None, timeout=60):
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self.channel = grpc.insecure_channel(address, options)
        self.authorization = authorization
        self.timeout = timeout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def start(self, method, requests=b"", headers=()):
        """Starts a call. One request of bytes, or an iterable of them for the methods that take a stream."""
        shape = SHAPES.get(method, "unary_unary")
        if self.authorization is not None:
            headers = [*headers, ("authorization", self.authorization)]
        if shape.startswith("stream") and isinstance(requests, bytes):
            requests = [requests]
        request = iter(requests) if shape.startswith("stream") else requests
        stub = getattr(self.channel, shape)(SERVICE + method)
        if shape == "unary_unary":
            return stub.with_call, request, headers
        return stub(request, metadata=headers, timeout=self.timeout)

    def call(self, method, requests=b"", headers=()):
        """All responses of a call, or `Failure`."""
        return self.call_with_headers(method, requests, headers)[0]

    def call_with_headers(self, method, requests=b"", headers=()):
        """All responses, and the response's headers and trailers as one dictionary."""
        try:
            started = self.start(method, requests, headers)
            if isinstance(started, tuple):
                stub, request, headers = started
                response, call = stub(request, metadata=headers, timeout=self.timeout)
                responses = [response]
            else:
                call, responses = started, list(started)
            return responses, dict([*call.initial_metadata(), *call.trailing_metadata()])
        except grpc.RpcError as error:
            raise Failure(error) from None

    def code(self, method, requests=b"", headers=()):
        """The name of the code that a call ends with."""
        try:
            self.call(method, requests, headers)
            return "OK"
        except Failure as failure:
            return failure.code
