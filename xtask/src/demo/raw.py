"""Every way out that a program without rights could try, beside an ordinary connection."""

import socket
import struct
import sys

PORT = int(sys.argv[1])
V4, V6 = ("127.0.0.1", PORT), ("::1", PORT)
MPTCP, SCTP, UDPLITE = 262, 132, 136


def opened(family, kind, protocol=0):
    made = socket.socket(family, kind, protocol)
    made.settimeout(2)
    return made


def answer(opened):
    try:
        return "GOT THROUGH" if opened.recv(64) else "closed without a word"
    except TimeoutError:
        return "no answer"


def stream(family, address, protocol=0):
    with opened(family, socket.SOCK_STREAM, protocol) as tried:
        tried.connect(address)
        tried.sendall(b"?")
        return answer(tried)


def fast_open():
    with opened(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.settimeout(None)
        tried.sendto(b"?", socket.MSG_FASTOPEN, V4)
        tried.settimeout(2)
        return answer(tried)


def datagram(family, address, protocol=0):
    with opened(family, socket.SOCK_DGRAM, protocol) as tried:
        tried.sendto(b"?", address)
        return answer(tried)


def connected_datagram():
    with opened(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        tried.connect(V4)
        tried.send(b"?")
        return answer(tried)


def echo(kind):
    request = struct.pack("!BBHHH", 8, 0, 0xF7FD, 1, 1)
    with opened(socket.AF_INET, kind, socket.IPPROTO_ICMP) as tried:
        tried.sendto(request, V4)
        return answer(tried)


def packet():
    with opened(socket.AF_PACKET, socket.SOCK_RAW, 3) as tried:
        tried.bind(("lo", 0))
        return "GOT THROUGH"


WAYS = [
    ("TCP to an undeclared port", lambda: stream(socket.AF_INET, V4)),
    ("TCP to it over IPv6", lambda: stream(socket.AF_INET6, V6)),
    ("TCP to it as ::ffff:127.0.0.1", lambda: stream(socket.AF_INET6, ("::ffff:127.0.0.1", PORT))),
    ("TCP to it by fast open", fast_open),
    ("multipath TCP to it", lambda: stream(socket.AF_INET, V4, MPTCP)),
    ("UDP", lambda: datagram(socket.AF_INET, V4)),
    ("UDP, connected", connected_datagram),
    ("UDP over IPv6", lambda: datagram(socket.AF_INET6, V6)),
    ("UDP-Lite", lambda: datagram(socket.AF_INET, V4, UDPLITE)),
    ("SCTP", lambda: stream(socket.AF_INET, V4, SCTP)),
    ("a ping socket", lambda: echo(socket.SOCK_DGRAM)),
    ("a raw socket", lambda: echo(socket.SOCK_RAW)),
    ("a packet socket", packet),
]

for name, way in WAYS:
    try:
        result = way()
    except OSError as error:
        result = f"refused: {error.strerror or error}"
    print(f"{name:<31}{result}")
