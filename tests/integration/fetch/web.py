"""An HTTP server that lies as told, and the messages of lib/base/ethapi.h."""

import socket
import ssl
import struct
import threading

GENESIS, FORK_SCHEDULE, BOOTSTRAP, UPDATES, FINALITY, OPTIMISTIC, CHECKPOINT = range(1, 8)
CHAIN_ID, HEADER, PROOF = 16, 17, 18
OK, ABSENT, UNSUPPORTED, BUSY, FAILED, NONSENSE = range(1, 7)
NAMES = {OK: "OK", ABSENT: "ABSENT", UNSUPPORTED: "UNSUPPORTED", BUSY: "BUSY", FAILED: "FAILED", NONSENSE: "NONSENSE"}
OPEN, VERIFY = 5, 1


def request(number, kind, body=b""):
    return struct.pack(">IB", number, kind) + body


def proof_request(number, slots=(), by_number=False):
    return request(number, PROOF, struct.pack(">B32sQ20sB", by_number, b"\x99" * 32, 77, b"\x22" * 20, len(slots)) + b"".join(slots))


class Answer:
    def __init__(self, message):
        self.id, self.kind, self.result = struct.unpack(">IBB", message[:6])
        self.body, self.retry = message[6:], None
        if self.result == BUSY:
            self.retry, self.body = struct.unpack(">I", self.body[:4])[0], self.body[4:]
        self.name = NAMES[self.result]
        self.text = "" if self.result == OK else self.body.decode()

    def objects(self):
        """[(fork, ssz)]"""
        at, found = 1, []
        for _ in range(self.body[0]):
            n = self.body[at + 1]
            fork = self.body[at + 2:at + 2 + n]
            size = struct.unpack(">H", self.body[at + 2 + n:at + 4 + n])[0]
            at += 4 + n
            found.append((fork, self.body[at:at + size]))
            at += size
        assert at == len(self.body)
        return found


def response(body=b"", status="200 OK", kind="application/json", **headers):
    """A well-formed answer; headers by name, with _ for -."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Asked:
    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, self.version = lines[0].split(" ")
        self.headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        self.body = body


class Web(threading.Thread):
    """Each request is given to answer(asked, connection): bytes to send, or None when it has done so itself. What it
    returns None for is the end of the connection."""

    def __init__(self, answer, address="127.0.0.1", port=0, pem=None):
        super().__init__(daemon=True)
        self.answer, self.asked, self.connections = answer, [], 0
        self.context = None
        if pem:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(pem)
        self.listener = socket.create_server((address, port))
        self.address, self.port = address, self.listener.getsockname()[1]
        self.start()

    def url(self, path="", user="", host=None):
        return f"http{'s' if self.context else ''}://{user}{host or self.address}:{self.port}{path}"

    def run(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            while self.one(connection):
                pass
        except OSError:
            pass
        finally:
            connection.close()

    def one(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        asked = Asked(head, body)
        want = int(asked.headers.get("content-length", 0))
        while len(asked.body) < want:
            asked.body += connection.recv(65536)
        self.asked.append(asked)
        answer = self.answer(asked, connection)
        if answer is None:
            return False
        connection.sendall(answer)
        return True

    def close(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
