"""A client of the edge protocol for tests: Python's standard library alone, and no line shared with
the product or with the test node, so that three writers must agree."""
import hashlib
import os
import socket
import ssl
import struct
import subprocess

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def sha256(data):
    return hashlib.sha256(data).digest()


def _rotl(x, n):
    n %= 64
    return (x << n | x >> (64 - n)) & (2**64 - 1) if n else x


def _keccak_f(a):
    lfsr = 1
    for _ in range(24):
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[(x - 1) % 5] ^ _rotl(c[(x + 1) % 5], 1) for x in range(5)]
        a = [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]
        x, y, cur = 1, 0, a[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            cur, a[x][y] = a[x][y], _rotl(cur, (t + 1) * (t + 2) // 2)
        for y in range(5):
            row = [a[x][y] for x in range(5)]
            for x in range(5):
                a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & (2**64 - 1))
        for j in range(7):
            if lfsr & 1:
                a[0][0] ^= 1 << ((1 << j) - 1)
            lfsr = (lfsr << 1) ^ (0x171 if lfsr & 0x80 else 0)
    return a


def keccak256(data):
    rate = 136
    data = bytearray(data) + b"\x01"
    data += bytes(-len(data) % rate)
    data[-1] |= 0x80
    a = [[0] * 5 for _ in range(5)]
    for off in range(0, len(data), rate):
        for i in range(rate // 8):
            a[i % 5][i // 5] ^= int.from_bytes(data[off + 8 * i:off + 8 * i + 8], "little")
        a = _keccak_f(a)
    return b"".join(a[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def _add(p, q):
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        m = 3 * p[0] * p[0] * pow(2 * p[1], -1, P)
    else:
        m = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (m * m - p[0] - q[0]) % P
    return x, (m * (p[0] - x) - p[1]) % P


def _mul(p, k):
    r = None
    while k:
        if k & 1:
            r = _add(r, p)
        p = _add(p, p)
        k >>= 1
    return r


def address(point):
    return keccak256(point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big"))[12:]


def sign(key, digest):
    d, z = int.from_bytes(key, "big"), int.from_bytes(digest, "big")
    k = int.from_bytes(sha256(key + digest + os.urandom(8)), "big") % N
    rp = _mul(G, k)
    r, s, rec = rp[0] % N, 0, rp[1] & 1
    s = pow(k, -1, N) * (z + r * d) % N
    if s > N // 2:
        s, rec = N - s, rec ^ 1
    return bytes([rec]) + r.to_bytes(32, "big") + s.to_bytes(32, "big")


def recover(sig, digest):
    """The public point that signed, or None."""
    r, s = int.from_bytes(sig[1:33], "big"), int.from_bytes(sig[33:], "big")
    y = pow(r**3 + 7, (P + 1) // 4, P)
    if (y * y - r**3 - 7) % P or sig[0] > 1:
        return None
    if y & 1 != sig[0]:
        y = P - y
    inv, z = pow(r, -1, N), int.from_bytes(digest, "big")
    return _add(_mul((r, y), s * inv % N), _mul(G, -z * inv % N))


def compress(point):
    return bytes([2 + (point[1] & 1)]) + point[0].to_bytes(32, "big")


def _rlp_head(base, body):
    if len(body) < 56:
        return bytes([base + len(body)]) + body
    n = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(n)]) + n + body


def rlp(x):
    if isinstance(x, (list, tuple)):
        return _rlp_head(0xc0, b"".join(rlp(i) for i in x))
    if isinstance(x, int):
        x = x.to_bytes((x.bit_length() + 7) // 8, "big")
    if isinstance(x, str):
        x = x.encode()
    return x if len(x) == 1 and x[0] < 0x80 else _rlp_head(0x80, x)


def _unrlp_at(b, i):
    if i >= len(b):
        raise ValueError("RLP ends early")
    tag = b[i]
    if tag < 0x80:
        return b[i:i + 1], i + 1
    base = 0xc0 if tag >= 0xc0 else 0x80
    n, i = tag - base, i + 1
    if n > 55:
        width = n - 55
        n, i = int.from_bytes(b[i:i + width], "big"), i + width
    if i + n > len(b):
        raise ValueError("RLP ends early")
    if base == 0x80:
        return b[i:i + n], i + n
    out, j, body = [], 0, b[i:i + n]
    while j < len(body):
        v, j = _unrlp_at(body, j)
        out.append(v)
    return out, i + n


def unrlp(b):
    v, i = _unrlp_at(b, 0)
    if i != len(b):
        raise ValueError("bytes after the RLP item")
    return v


def _etf(x):
    if isinstance(x, bytes):
        return b"\x6d" + struct.pack(">I", len(x)) + x
    if isinstance(x, str):  # bits, as text of 0 and 1
        if len(x) % 8 == 0:
            return _etf(bytes(int(x[i:i + 8], 2) for i in range(0, len(x), 8)))
        bits = x + "0" * (-len(x) % 8)
        raw = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        return b"\x4d" + struct.pack(">IB", len(raw), len(x) % 8) + raw
    if isinstance(x, tuple):
        return b"\x68" + bytes([len(x)]) + b"".join(_etf(i) for i in x)
    if isinstance(x, list):
        return b"\x6c" + struct.pack(">I", len(x)) + b"".join(_etf(i) for i in x) + b"\x6a"
    if 0 <= x < 256:
        return bytes([97, x])
    if x < 2**31:
        return b"\x62" + struct.pack(">I", x)
    raw = x.to_bytes((x.bit_length() + 7) // 8, "little")
    return bytes([110, len(raw), 0]) + raw


def etf(x):
    return b"\x83" + _etf(x)


def number(b):
    return int.from_bytes(b, "big")


def pairs(items):
    d = {k.decode(): v for k, v in items}
    assert len(d) == len(items), "a pair twice"
    return d


def header(answer):
    """Fields of a header answer with `hash` computed anew and `miner` recovered."""
    f = pairs(answer[0])
    parts = [f["previous_block"], f["state_hash"], f["transaction_hash"], number(f["timestamp"]),
             number(f["number"]), number(f["nonce"])]
    point = recover(f["miner_signature"], sha256(etf(parts)))
    f["hash"] = sha256(etf(parts + [f["miner_signature"]]))
    f["miner_key"] = compress(point) if point else None
    f["sent_key"] = answer[1] if len(answer) > 1 else None
    f["n"], f["t"] = number(f["number"]), number(f["timestamp"])
    return f


def path_bits(key):
    return "".join(f"{b:08b}" for b in sha256(key))


def prove(proof, key, roots):
    """The value under key, None when proven absent; ValueError when the proof does not hold."""
    bits, bucket = path_bits(key), sha256(key)[31] % 16

    def fold(node, depth):
        if len(node) == 2 and isinstance(node[0], list) != isinstance(node[1], list):
            side = int(isinstance(node[1], list))
            if int(bits[depth]) != side:
                raise ValueError("a proof of another position")
            below, value = fold(node[side], depth + 1)
            two = [below, node[1]] if side == 0 else [node[0], below]
            return sha256(etf(two)), value
        if number(node[1]) != bucket:
            raise ValueError("a leaf of another bucket")
        found = None
        for k, v in node[2:]:
            if path_bits(k)[:depth] != bits[:depth]:
                raise ValueError("a leaf of another position")
            found = v if k == key else found
        return sha256(etf([bits[:depth], bucket] + [(k, v) for k, v in node[2:]])), found

    got, value = fold(proof, 0)
    if got != roots[bucket]:
        raise ValueError("a proof for another root")
    return value


def slot_of(key_text, slot=0):
    raw = key_text.encode()
    raw = raw.ljust(32, b"\0") if len(raw) <= 32 else keccak256(raw)
    return keccak256(raw + slot.to_bytes(32, "big"))


class Identity:
    """A device key with its certificate."""

    def __init__(self, folder):
        self.key_file, self.cert_file = folder + "/device.pem", folder + "/device.crt"
        run = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True)
        run("ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", self.key_file)
        run("req", "-x509", "-new", "-key", self.key_file, "-subj", "/CN=test", "-days", "10",
            "-sha256", "-out", self.cert_file)
        text = run("ec", "-in", self.key_file, "-text", "-noout").stdout.decode()
        body = text.split("priv:")[1].split("pub:")[0]
        self.private = bytes.fromhex("".join(body.split()).replace(":", ""))[-32:]
        self.private = self.private.rjust(32, b"\0")
        self.address = address(_mul(G, number(self.private)))


class Refused(Exception):
    pass


class Edge:
    def __init__(self, url, identity, timeout=5):
        self.node = bytes.fromhex(url.split("0x")[1][:40])
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        ctx.minimum_version = ctx.maximum_version = ssl.TLSVersion.TLSv1_2
        ctx.set_ecdh_curve("secp256k1")
        ctx.load_cert_chain(identity.cert_file, identity.key_file)
        self.identity, self.pushes, self.id = identity, [], 0
        raw = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout)
        self.s = ctx.wrap_socket(raw)
        self.s.settimeout(timeout)

    def close(self):
        self.s.close()

    def peer(self):
        """The address of the key in the node's certificate."""
        der = self.s.getpeercert(True)
        at = der.index(b"\x03\x42\x00\x04") + 4
        return keccak256(der[at:at + 64])[12:]

    def read(self, n):
        b = b""
        while len(b) < n:
            more = self.s.recv(n - len(b))
            if not more:
                raise EOFError
            b += more
        return b

    def frame(self):
        n = struct.unpack(">H", self.read(2))[0]
        return unrlp(self.read(n)) if n else None

    def send(self, *message):
        self.id += 1
        p = rlp([self.id, list(message)])
        self.s.sendall(struct.pack(">H", len(p)) + p)
        return self.id

    def receive(self, want):
        while True:
            f = self.frame()
            if f is None:
                continue
            if f[1][0] not in (b"response", b"error"):
                self.pushes.append(f)
                continue
            if number(f[0]) != want:
                raise ValueError("an answer with another id")
            return f[1]

    def ask(self, *message):
        """The values of a response; Refused for an error."""
        answer = self.receive(self.send(*message))
        if answer[0] == b"error":
            raise Refused(*[a.decode("latin-1") for a in answer[1:]])
        return answer[1:]

    def hello(self, version=1001):
        return self.ask("hello", version)

    def peak(self):
        return number(self.ask("getblockpeak")[0])

    def header(self, n):
        return header(self.ask("getblockheader2", n))

    def quick(self, last, window=100):
        return [number(x) for x in self.ask("getblockquick2", last, window)[0]]

    def ticket(self, block, block_hash, fleet, conns, total, local=b""):
        pad = lambda a: a.rjust(32, b"\0")
        word = lambda n: n.to_bytes(32, "big")
        blob = block_hash + pad(fleet) + pad(self.node) + word(conns) + word(total) + sha256(local)
        sig = sign(self.identity.private, keccak256(blob))
        return self.ask("ticket", block, fleet, conns, total, local, sig), blob, sig

    def value(self, block, contract, slot, state_hash):
        """A storage read with every step of 5.6 checked."""
        roots = self.ask("getstateroots", block)[0]
        if sha256(etf(roots)) != state_hash:
            raise ValueError("state roots of another block")
        fields, proof = self.ask("getaccount", block, contract)
        f = pairs(fields)
        account = sha256(rlp([number(f["nonce"]), number(f["balance"]), f["storage_root"], f["code"]]))
        if prove(proof, contract, roots) != account:
            raise ValueError("account of another address")
        storage = self.ask("getaccountroots", block, contract)[0]
        if sha256(etf(storage)) != f["storage_root"]:
            raise ValueError("storage roots of another account")
        return prove(self.ask("getaccountvalues", block, contract, slot)[0][0], slot, storage)
