"""The other two ends of kedge-fetch: a node of the edge protocol (OpenSSL, through its C interface, since Python's own
takes no client certificate without an issuer), and kedged's end of the socket. Python's standard library alone."""

import ctypes
import os
import select
import socket
import struct
import subprocess
import time

WAIT = 20  # seconds; a deadline, not a pause

IDENTITY, CONNECT, SEND, DROP, UP, DOWN, MESSAGE = 1, 2, 3, 4, 16, 17, 18


class OpenSSL:
    """The few functions of libssl that a server needs."""

    def __init__(self):
        self.ssl = ctypes.CDLL("libssl.so.3")
        self.crypto = ctypes.CDLL("libcrypto.so.3")
        p, i, n = ctypes.c_void_p, ctypes.c_int, ctypes.c_long
        for lib, name, result, *args in (
            (self.ssl, "TLS_server_method", p),
            (self.ssl, "SSL_CTX_new", p, p),
            (self.ssl, "SSL_CTX_free", None, p),
            (self.ssl, "SSL_CTX_ctrl", n, p, i, n, p),
            (self.ssl, "SSL_CTX_set_cipher_list", i, p, ctypes.c_char_p),
            (self.ssl, "SSL_CTX_use_certificate_chain_file", i, p, ctypes.c_char_p),
            (self.ssl, "SSL_CTX_use_PrivateKey_file", i, p, ctypes.c_char_p, i),
            (self.ssl, "SSL_CTX_set_verify", None, p, i, p),
            (self.ssl, "SSL_CTX_set_session_id_context", i, p, ctypes.c_char_p, ctypes.c_uint),
            (self.ssl, "SSL_new", p, p),
            (self.ssl, "SSL_free", None, p),
            (self.ssl, "SSL_set_fd", i, p, i),
            (self.ssl, "SSL_accept", i, p),
            (self.ssl, "SSL_read", i, p, ctypes.c_char_p, i),
            (self.ssl, "SSL_write", i, p, ctypes.c_char_p, i),
            (self.ssl, "SSL_pending", i, p),
            (self.ssl, "SSL_shutdown", i, p),
            (self.ssl, "SSL_get_error", i, p, i),
            (self.ssl, "SSL_session_reused", i, p),
            (self.ssl, "SSL_get_version", ctypes.c_char_p, p),
            (self.ssl, "SSL_get_current_cipher", p, p),
            (self.ssl, "SSL_CIPHER_get_name", ctypes.c_char_p, p),
            (self.ssl, "SSL_ctrl", n, p, i, n, p),
            (self.ssl, "SSL_get1_peer_certificate", p, p),
            (self.crypto, "i2d_X509", i, p, p),
            (self.crypto, "X509_free", None, p),
        ):
            f = getattr(lib, name)
            f.restype, f.argtypes = result, args


LIB = OpenSSL()
ACCEPT_ANY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)(lambda ok, store: 1)
SSL_FILETYPE_PEM = 1
CTRL_MIN_VERSION, CTRL_MAX_VERSION, CTRL_SET_GROUPS_LIST, CTRL_GET_NEGOTIATED_GROUP = 123, 124, 92, 134
VERSIONS = {"1.2": 0x0303, "1.3": 0x0304}
NID_SECP256K1 = 714


def run(*command, data=None):
    return subprocess.run(command, input=data, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def make_certificate(folder, name, curve="secp256k1", days=1):
    """A self-signed certificate and its key in one file; the path, and the last bytes of its public key."""
    path = os.path.join(folder, name + ".pem")
    key = run("openssl", "ecparam", "-name", curve, "-genkey", "-noout")
    with open(path, "wb") as f:
        f.write(key)
    certificate = run("openssl", "req", "-x509", "-new", "-key", path, "-sha256", "-days", str(days), "-subj", "/CN=node")
    with open(path, "ab") as f:
        f.write(certificate)
    return path, run("openssl", "ec", "-in", path, "-pubout", "-outform", "DER")[-64:]


def make_expired(folder, pem):
    """A certificate for the key of another one, long over; the path."""
    with open(os.path.join(folder, "ca.conf"), "w", encoding="ascii") as f:
        f.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={folder}/index\nrand_serial=yes\nnew_certs_dir={folder}\n"
                "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    with open(os.path.join(folder, "index"), "w", encoding="ascii"):
        pass
    request, path = os.path.join(folder, "request"), os.path.join(folder, "expired.pem")
    run("openssl", "req", "-new", "-key", pem, "-subj", "/CN=node", "-out", request)
    run("openssl", "ca", "-batch", "-selfsign", "-config", os.path.join(folder, "ca.conf"), "-keyfile", pem, "-in", request,
        "-startdate", "20100101000000Z", "-enddate", "20110101000000Z", "-notext", "-out", path)
    key = run("openssl", "ec", "-in", pem)
    with open(path, "ab") as f:
        f.write(key)
    return path


class Node:
    """A TLS server on a free port of loopback. One connection at a time, each step on demand."""

    def __init__(self, pem, version="1.2", group="secp256k1", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384", receive_buffer=0):
        self.ctx = LIB.ssl.SSL_CTX_new(LIB.ssl.TLS_server_method())
        for what, value in ((CTRL_MIN_VERSION, VERSIONS[version]), (CTRL_MAX_VERSION, VERSIONS[version])):
            assert LIB.ssl.SSL_CTX_ctrl(self.ctx, what, value, None) == 1
        assert LIB.ssl.SSL_CTX_ctrl(self.ctx, CTRL_SET_GROUPS_LIST, 0, ctypes.cast(ctypes.c_char_p(group.encode()), ctypes.c_void_p)) == 1
        assert LIB.ssl.SSL_CTX_set_cipher_list(self.ctx, ciphers.encode()) == 1
        if pem:
            assert LIB.ssl.SSL_CTX_use_certificate_chain_file(self.ctx, pem.encode()) == 1
            assert LIB.ssl.SSL_CTX_use_PrivateKey_file(self.ctx, pem.encode(), SSL_FILETYPE_PEM) == 1
            LIB.ssl.SSL_CTX_set_verify(self.ctx, 3, ACCEPT_ANY)  # ask, and take any
        LIB.ssl.SSL_CTX_set_session_id_context(self.ctx, b"edge", 4)
        self.listener = socket.socket()
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(8)
        self.listener.settimeout(WAIT)
        self.port = self.listener.getsockname()[1]

    def accept(self):
        """A connection, or None if the handshake failed."""
        sock = self.listener.accept()[0]
        sock.setblocking(True)
        timeout = struct.pack("ll", WAIT, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        ssl = LIB.ssl.SSL_new(self.ctx)
        LIB.ssl.SSL_set_fd(ssl, sock.fileno())
        if LIB.ssl.SSL_accept(ssl) != 1:
            LIB.ssl.SSL_free(ssl)
            sock.close()
            return None
        return Connection(sock, ssl)

    def close(self):
        self.listener.close()
        LIB.ssl.SSL_CTX_free(self.ctx)


class Connection:
    def __init__(self, sock, ssl):
        self.sock, self.ssl, self.rest = sock, ssl, b""

    def facts(self):
        """Version, cipher, group, whether resumed, and the client's certificate in DER."""
        x509 = LIB.ssl.SSL_get1_peer_certificate(self.ssl)
        der = b""
        if x509:
            n = LIB.crypto.i2d_X509(x509, None)
            block = ctypes.create_string_buffer(n)
            at = ctypes.c_void_p(ctypes.addressof(block))
            LIB.crypto.i2d_X509(x509, ctypes.byref(at))
            der = block.raw
            LIB.crypto.X509_free(x509)
        return {
            "version": LIB.ssl.SSL_get_version(self.ssl).decode(),
            "cipher": LIB.ssl.SSL_CIPHER_get_name(LIB.ssl.SSL_get_current_cipher(self.ssl)).decode(),
            "group": LIB.ssl.SSL_ctrl(self.ssl, CTRL_GET_NEGOTIATED_GROUP, 0, None),
            "resumed": LIB.ssl.SSL_session_reused(self.ssl) == 1,
            "certificate": der,
        }

    def write(self, data):
        """Bytes as they are; False when the other end is gone or takes none."""
        while data:
            n = LIB.ssl.SSL_write(self.ssl, data, min(len(data), 16384))
            if n <= 0:
                return False
            data = data[n:]
        return True

    def send(self, message):
        return self.write(struct.pack(">H", len(message)) + message)

    def read(self, n):
        """Exactly n bytes, or what came before the end."""
        data = b""
        while len(data) < n:
            block = ctypes.create_string_buffer(n - len(data))
            got = LIB.ssl.SSL_read(self.ssl, block, n - len(data))
            if got <= 0:
                break
            data += block.raw[:got]
        return data

    def receive(self):
        head = self.read(2)
        return self.read(struct.unpack(">H", head)[0]) if len(head) == 2 else None

    def close(self, politely=True):
        if not self.ssl:
            return
        if politely:
            LIB.ssl.SSL_shutdown(self.ssl)
        LIB.ssl.SSL_free(self.ssl)
        self.ssl = None
        self.sock.close()


class Kedged:
    """kedged's end: listens, and speaks the frames of lib/wire/courier.h."""

    def __init__(self, path):
        self.path, self.link = path, None
        self.listen()

    def listen(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.listener.settimeout(WAIT)

    def accept(self):
        self.link = self.listener.accept()[0]
        self.link.settimeout(WAIT)

    def hang_up(self):
        self.link.close()
        self.link = None

    def close(self):
        if self.link:
            self.hang_up()
        self.listener.close()

    def packet(self, data):
        self.link.send(data)

    def frame(self, kind, upstream=0, body=b""):
        self.packet(struct.pack(">BBHI", kind, upstream, 0, len(body)) + body)

    def connect(self, port, host="127.0.0.1", upstream=0):
        self.frame(CONNECT, upstream, struct.pack(">H", port) + host.encode())

    def take(self):
        """The next frame: kind, upstream, body; None at the end of the link."""
        data = self.link.recv(70000)
        if not data:
            return None
        kind, upstream, zero, n = struct.unpack(">BBHI", data[:8])
        assert zero == 0 and n == len(data) - 8, data[:16]
        return kind, upstream, data[8:]

    def is_quiet(self):
        return not select.select([self.link], [], [], 0)[0]


def until(what, seconds=WAIT):
    """Polls; True when it holds in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.01)
    return False
