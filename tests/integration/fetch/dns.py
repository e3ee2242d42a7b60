"""A DNS server for tests, on 127.0.0.1 of a network namespace."""

import socket
import struct
import threading


class Dns(threading.Thread):
    """Answers A for the names that it knows, no error and no data for AAAA, and NXDOMAIN for all else."""

    def __init__(self, hosts):
        super().__init__(daemon=True)
        self.hosts, self.asked, self.stopped = hosts, [], False
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(0.05)
        self.sock.bind(("127.0.0.1", 53))

    def run(self):
        while not self.stopped:
            try:
                self.answer(*self.sock.recvfrom(4096))
            except TimeoutError:
                continue
        self.sock.close()

    def answer(self, question, peer):
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        name, kind, end = ".".join(labels).lower(), question[at + 2], at + 5
        self.asked.append(name)
        answer, code = b"", 0 if name in self.hosts else 3
        if kind == 1:
            for address in self.hosts.get(name, ()):
                answer += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(address)
        head = struct.pack(">HHHHH", 0x8580 | code, 1, len(answer) // 16, 0, 0)
        self.sock.sendto(question[:2] + head + question[12:end] + answer, peer)

    def stop(self):
        self.stopped = True
        if self.is_alive():
            self.join()
