"""Bytes on the wire, as the kernel counts them: `INET_DIAG` over netlink gives TCP_INFO of every connection.

The servers listen on loopback, so each connection is there twice; the end that has the server's port is the server's.
Layouts: linux/inet_diag.h and linux/tcp.h.
"""

import socket
import struct

SOCK_DIAG_BY_FAMILY = 20
NLMSG_DONE = 3
NLM_F_REQUEST_DUMP = 0x301
INET_DIAG_INFO = 2
NETLINK_SOCK_DIAG = 4
# All states but LISTEN: a connection that is being closed still has its counts.
STATES = 0xFFF & ~(1 << 10)
# Offsets in struct tcp_info.
BYTES_RECEIVED, BYTES_SENT = 128, 200


def _request(family):
    body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0, STATES) + bytes(48)
    return struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0) + body


def _attributes(data):
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind, data[at + 4 : at + length]
        at += (length + 3) & ~3


def _messages(family):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.send(_request(family))
        while True:
            data, at = netlink.recv(1 << 18), 0
            while at + 16 <= len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                if kind == NLMSG_DONE or length < 16:
                    return
                yield data[at + 16 : at + length]
                at += (length + 3) & ~3


def connections(ports):
    """The server's ends of the connections to these ports: {cookie: (bytes sent, bytes received)}."""
    found = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for message in _messages(family):
            if len(message) < 72 or struct.unpack_from("!H", message, 4)[0] not in ports:
                continue
            for kind, value in _attributes(message[72:]):
                if kind == INET_DIAG_INFO and len(value) >= BYTES_SENT + 8:
                    sent = struct.unpack_from("=Q", value, BYTES_SENT)[0]
                    received = struct.unpack_from("=Q", value, BYTES_RECEIVED)[0]
                    found[message[44:52]] = (sent, received)
    return found


def moved(before, after):
    """What was sent and received between two looks, over the connections that were there at the second."""
    sent = received = 0
    for cookie, (now_sent, now_received) in after.items():
        then_sent, then_received = before.get(cookie, (0, 0))
        sent, received = sent + now_sent - then_sent, received + now_received - then_received
    return sent, received
