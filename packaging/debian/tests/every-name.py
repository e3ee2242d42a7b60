"""A DNS server that gives every name the address 192.0.2.1, and writes down what it was asked.
usage: every-name.py FILE"""
import socket
import sys

try:
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", 53))
except OSError:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 53))

with open(sys.argv[1], "w", buffering=1) as asked:
    while True:
        packet, sender = server.recvfrom(512)
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        print(".".join(labels), file=asked)
        a = packet[at + 1:at + 3] == b"\0\1"
        # Header: an answer, no error; one question, and one address where an address of IPv4 was asked for.
        head = packet[:2] + b"\x81\x80\0\1" + (b"\0\1" if a else b"\0\0") + b"\0\0\0\0"
        body = packet[12:at + 5] + (b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + bytes([192, 0, 2, 1]) if a else b"")
        server.sendto(head + body, sender)
