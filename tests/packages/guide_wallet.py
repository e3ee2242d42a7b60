"""The wallet of the guides' reader: takes what `kedgectl record` printed, as a wallet would, and plays it on the test node. The
node's chain runs no code, so what Fleet.sol makes of a transaction stands here again, for the owner; that kedgectl's transactions
do this on a real EVM is what tests/contracts is about."""
import json
import re

from clean import SOURCE

KEYS = ["signature", "device", "wg_key", "ssh_host", "role"]
PLACES = ["server_ip", "server_ip6", "port", "wg_endpoint", "wg_port", "wg_ip"]
USER = ["device", "ssh", "role"]


def selectors():
    with open(SOURCE + "/packaging/contracts/Fleet.json") as f:
        return {code: call for call, code in json.load(f)["selectors"].items()}


def decode(kinds, data):
    """Arguments of a call, by the rules of the ABI."""
    def word(at):
        assert at + 32 <= len(data), "the data of a transaction ends early"
        return data[at:at + 32]

    def number(at):
        return int.from_bytes(word(at), "big")

    def text(at):
        n = number(at)
        return data[at + 32:at + 32 + n].decode()

    def value(kind, at):
        if kind == "bytes32":
            return word(at)
        at = number(at)
        if kind == "string":
            return text(at)
        items = range(number(at))
        if kind == "bytes32[]":
            return [word(at + 32 + 32 * i) for i in items]
        assert kind == "string[]", kind
        return [text(at + 32 + number(at + 32 + 32 * i)) for i in items]
    return [value(kind, 32 * i) for i, kind in enumerate(kinds)]


def key_text(key):
    text = key.rstrip(b"\0")
    assert re.fullmatch(rb"[!-~]+", text), f"0x{key.hex()} is no key text of at most 32 bytes"
    return text.decode()


class Wallet:
    def __init__(self, chain):
        self.chain, self.calls = chain, selectors()
        self.records, self.members = {}, []

    def put(self, text, value):
        if any(value):
            self.records[text] = value
            self.chain.set(text, value)
        elif self.records.pop(text, None) is not None:
            self.chain.command("clear " + text)

    def clear(self, prefix, fields):
        for field in fields:
            self.put(prefix + field, bytes(32))
            self.put(prefix + field + "_next", bytes(32))

    def list_members(self):
        for i, name in enumerate(self.members):
            self.put(f"_member.{i}", name.encode().ljust(32, b"\0"))
        self.put(f"_member.{len(self.members)}", bytes(32))
        self.put("_members", len(self.members).to_bytes(32, "big"))

    def send(self, output):
        """What kedgectl record printed: a transaction, or what to store in a map. Returns how many."""
        found = re.findall(r"^ *data +0x([0-9a-f]+)$", output, re.M)
        for data in found:
            self.call(bytes.fromhex(data))
        if not found:
            found = re.findall(r"^ *key +0x([0-9a-f]{64})\n(?: .*\n)*? *value +0x([0-9a-f]{64})$", output, re.M)
            for key, value in found:
                self.put(key_text(bytes.fromhex(key)), bytes.fromhex(value))
        return len(found)

    def call(self, data):
        call = self.calls[data[:4].hex()]
        name, kinds = re.fullmatch(r"(\w+)\((.*)\)", call).groups()
        getattr(self, name)(*decode(kinds.split(","), data[4:]))

    # The functions of Fleet.sol.

    def set(self, key, value):
        self.put(key_text(key), value)

    def setMany(self, keys, values):
        for key, value in zip(keys, values, strict=True):
            self.put(key_text(key), value)

    def clearMany(self, keys):
        for key in keys:
            self.put(key_text(key), bytes(32))

    def setHost(self, host, fields, values):
        assert not host or host in self.members, f"{host} is no member"
        for field, value in zip(fields, values, strict=True):
            self.put((host + "." if host else "") + field, value)

    def addHost(self, host, fields, values):
        assert host not in self.members, f"{host} is a member already"
        self.members.append(host)
        self.list_members()
        self.setHost(host, fields, values)

    def removeHost(self, host):
        self.members[self.members.index(host)] = self.members[-1]
        self.members.pop()
        self.list_members()
        self.clear(host + ".", KEYS + PLACES)
        self.clear(f"_host.{host}.", ["role"])

    def revokeHost(self, host):
        self.clear(host + "." if host else "", KEYS)

    def promote(self, host, field):
        self.promoted((host + "." if host else "") + field)

    def promoteUser(self, user, field):
        self.promoted(f"_user.{user}.{field}")

    def promoted(self, text):
        self.put(text, self.records[text + "_next"])
        self.put(text + "_next", bytes(32))

    def publishNext(self, host, field, value):
        self.put((host + "." if host else "") + field + "_next", value)

    def setUser(self, user, fields, values):
        for field, value in zip(fields, values, strict=True):
            self.put(f"_user.{user}.{field}", value)

    def revokeUser(self, user):
        self.clear(f"_user.{user}.", USER)

    def setHostRole(self, host, bits):
        self.put(f"_host.{host}.role" if host else "_host.role", bits)
