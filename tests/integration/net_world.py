"""Networks: a kedge-netd that only writes down what it is told, and an agent with a network whose members are on the
test node's chain. The layout of messages is lib/wire/netd.h's; kedged takes nothing else, so a slip here is seen."""
import base64
import ipaddress
import os
import socket
import struct
import threading
import time

from harness import Agent, Devnode, wait

ZONE = Agent.ZONE_NAME
MAGIC, VERSION, SIZE = 0x4b4e4554, 1, 288
BEGIN, RULE, PEER, COMMIT, REMOVE, OBSERVE, NEXT_KEY = range(1, 8)
STATE, SEEN = 16, 17
ANY_ROLE = 255
PREFIX = ipaddress.ip_network("10.77.0.0/16")


def ip_of(raw):
    return None if raw[0] == 0 else ipaddress.ip_address(bytes(raw[1:5] if raw[0] == 4 else raw[1:17]))


def ip_raw(text):
    if not text:
        return bytes(17)
    ip = ipaddress.ip_address(text)
    return bytes([ip.version]) + ip.packed.ljust(16, b"\0")


def endpoint_raw(endpoint):
    address, port = endpoint or (None, 0)
    return ip_raw(address) + b"\0" + struct.pack("=H", port)


def key(n):
    """A public key that is anybody's guess."""
    return bytes([0x40]) + n.to_bytes(4, "big") + bytes(range(27))


def address(n):
    return str(PREFIX[n + 1])


class Peer:
    def __init__(self, body):
        self.key = bytes(body[:32])
        self.tunnel = [str(ip) for ip in (ip_of(body[32:49]), ip_of(body[49:66])) if ip]
        ip = ip_of(body[66:83])
        self.endpoint = (str(ip), struct.unpack_from("=H", body, 84)[0]) if ip else None
        self.outer = [str(ip) for ip in (ip_of(body[86 + 17 * i:103 + 17 * i]) for i in range(3)) if ip]
        self.roles = struct.unpack_from("=I", body, 140)[0]


class Desired:
    """One whole desired state, and when its COMMIT came."""

    def __init__(self, serial, body):
        self.serial, self.rules, self.peers, self.order = serial, [], {}, []
        (self.n_peers, self.n_rules, self.port, self.mtu, self.keepalive, self.flags, n_prefixes, n_only,
         self.n_links) = struct.unpack_from("=IIHHHBBBB", body)
        self.own = [(str(ip_of(body[18 + 18 * i:35 + 18 * i])), body[35 + 18 * i]) for i in range(n_prefixes)
                    if body[18 + 18 * i]]
        self.prefixes = [(str(ip_of(body[54 + 18 * i:71 + 18 * i])), body[71 + 18 * i]) for i in range(n_prefixes)]
        self.own_key = bytes(body[90:122])
        self.only = [bytes(body[122 + 16 * i:138 + 16 * i]).split(b"\0")[0].decode() for i in range(n_only)]
        self.at = None

    def keys(self):
        return set(self.peers)


class FakeNetd(threading.Thread):
    """Takes one kedged at a time; .states[link] is the list of desired states as they were committed."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.lock = threading.Lock()
        self.states, self.removed, self.log = {}, [], []
        self.public, self.next = {}, {}
        self.connections, self.stopping, self.error = 0, False, None
        self.reading = threading.Event()
        self.reading.set()
        self.conn = None
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.bind(path)
        self.listening.listen(4)
        self.start()

    def message(self, kind, serial, link, body=b""):
        return struct.pack("=IHHQ16s", MAGIC, VERSION, kind, serial, link.encode()) + body.ljust(256, b"\0")

    def state_of(self, link, n_seen=0, error=0, text=b""):
        with self.lock:
            states = self.states.get(link, [])
            last = states[-1] if states else None
        up = last is not None
        body = struct.pack("=32s32sBBBBHHIIIIIIIIi96s", self.public.get(link, key(0)), self.next.get(link, b""),
                           1 if up else 0, up, up, 0, last.port if up else 0, 0, n_seen,
                           len(last.peers) if up else 0, 0, 0, 0, 0, 0, 0, error, text)
        return self.message(STATE, last.serial if up else 0, link, body)

    def run(self):
        while not self.stopping:
            try:
                conn, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            self.conn = conn
            try:
                self.serve(conn)
            except (OSError, ConnectionError):
                pass
            except Exception as e:  # the test sees it: see close()
                self.error = e
            conn.close()

    def serve(self, conn):
        coming = None
        last_serial = 0
        conn.send(self.message(STATE, 0, "", bytes(256)))
        while not self.stopping:
            self.reading.wait()
            packet = conn.recv(4096)
            if not packet:
                return
            assert len(packet) == SIZE, len(packet)
            magic, version, kind, serial, link = struct.unpack_from("=IHHQ16s", packet)
            link, body = link.split(b"\0")[0].decode(), packet[32:]
            assert (magic, version) == (MAGIC, VERSION), packet[:8]
            if kind == BEGIN:
                assert coming is None and serial > last_serial, "a state within a state"
                coming = Desired(serial, body)
            elif kind in (RULE, PEER, COMMIT):
                assert coming and coming.serial == serial, (kind, serial)
                self.take(conn, kind, link, body, coming)
                if kind == COMMIT:
                    last_serial, coming = serial, None
            else:
                assert coming is None, "an order within a state"
                self.order(conn, kind, link)

    def take(self, conn, kind, link, body, coming):
        if kind == RULE:
            assert not coming.peers
            coming.rules.append(struct.unpack_from("=BBHH", body))
        elif kind == PEER:
            peer = Peer(body)
            assert not coming.order or coming.order[-1] < peer.key, "keys out of order"
            coming.order.append(peer.key)
            coming.peers[peer.key] = peer
        else:
            assert (coming.n_peers, coming.n_rules) == (len(coming.peers), len(coming.rules)), "counts"
            coming.at = time.monotonic()
            with self.lock:
                self.states.setdefault(link, []).append(coming)
            conn.send(self.state_of(link))

    def order(self, conn, kind, link):
        with self.lock:
            self.log.append((kind, link))
            if kind == REMOVE:
                self.states.pop(link, None)
                self.removed.append(link)
            if kind == NEXT_KEY:
                self.next.setdefault(link, key(0xfffffff0))
            states = self.states.get(link, [])
            peers = list(states[-1].peers.values()) if states else []
        if kind != OBSERVE:
            conn.send(self.state_of(link))
            return
        for p in peers:
            tunnel = [ip_raw(t) for t in p.tunnel] + [bytes(17)] * (2 - len(p.tunnel))
            conn.send(self.message(SEEN, 0, link, p.key + b"".join(tunnel) + endpoint_raw(p.endpoint) + bytes(4) +
                                   bytes(6) + struct.pack("=QQQ", 12, 1000, 2000)))
        conn.send(self.state_of(link, len(peers)))

    def drop(self):
        """The connection goes, as if kedge-netd had been killed."""
        try:
            self.conn and self.conn.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it went by itself

    def close(self):
        self.stopping = True
        self.reading.set()
        self.listening.close()
        self.drop()
        if self.error:
            raise self.error

    def last(self, link="kedge0"):
        with self.lock:
            states = self.states.get(link)
            return states[-1] if states else None

    def history(self, link="kedge0"):
        with self.lock:
            return list(self.states.get(link, []))

    def wait_peers(self, what, keys, link="kedge0", timeout=25):
        """Until the last desired state has these keys and no others."""
        keys = set(keys)

        def there():
            last = self.last(link)
            return last if last and last.keys() == keys else None

        def missing():
            last = self.last(link)
            have = last.keys() if last else set()
            return f"{what}: {len(have)} peers stand; missing {[k.hex()[:12] for k in list(keys - have)[:5]]}, " \
                   f"too many {[k.hex()[:12] for k in list(have - keys)[:5]]}"
        return wait(missing, there, timeout)


CONF = f"""[Network plant]
Zone={ZONE}
Host=gw0
Interface=kedge0
Prefix=10.77.0.0/16
ListenPort=51820
"""


class NetWorld:
    """A chain with a list of members gw0 (ourselves), gw1, ...; an agent that keeps them; a recording kedge-netd."""

    def __init__(self, folder, members=3, conf=CONF, role="", blocks=300, netd=True, prepare=None):
        self.folder = folder
        self.dn = Devnode(folder, blocks=blocks)
        self.n = 0
        self.labels = []
        for i in range(members):
            self.publish(i)
            if i % 1000 == 999:  # so many changes fit into a block
                self.dn.mine(1)
        self.list_members([f"gw{i}" for i in range(members)])
        if prepare:
            prepare(self)
        self.dn.mine(12)
        self.path = folder.path + "/netd.sock"
        self.netd = FakeNetd(self.path) if netd else None
        self.agent = NetAgent(folder, self, conf, role)

    def publish(self, n, host=None, k=None, ip=None, endpoint=None, port=None):
        host = host or f"gw{n}"
        self.dn.set(host + ".wg_key", k or key(n))
        self.dn.set(host + ".wg_ip", ip or address(n))
        self.dn.set(host + ".wg_endpoint", endpoint or str(ipaddress.ip_address("198.51.100.0") + n % 250))
        if port:
            self.dn.set(host + ".wg_port", port.to_bytes(32, "big"))

    def withdraw(self, host):
        for field in ("wg_key", "wg_ip", "wg_endpoint"):
            self.dn.command(f"clear {host}.{field}")

    def list_members(self, labels):
        for i, label in enumerate(labels):
            if i >= len(self.labels) or self.labels[i] != label:
                self.dn.set(f"_member.{i}", label)
            if i % 2000 == 1999:
                self.dn.mine(1)
        for i in range(len(labels), len(self.labels)):
            self.dn.command(f"clear _member.{i}")
        self.dn.set("_members", len(labels).to_bytes(32, "big"))
        self.labels = list(labels)

    def finalize(self, n=12):
        """So many blocks that what was set is final."""
        return self.dn.mine(n)

    def peers(self, *numbers):
        return [key(n) for n in numbers]

    def close(self):
        if self.netd:
            self.netd.close()


class NetAgent(Agent):
    def __init__(self, folder, world, conf, role):
        self.world, self.net_role = world, role
        os.makedirs(os.path.join(folder.path, "agent"), exist_ok=False)
        self.net_path = os.path.join(folder.path, "agent", "net.conf")
        self.net_conf(conf)
        super().__init__(folder, world.dn)

    def net_conf(self, text):
        with open(os.open(self.net_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "w") as f:
            f.write(text)

    def agent_lines(self):
        self.roles = self.net_role
        return ["NetdSocket=" + self.world.path]


def b64(k):
    return base64.b64encode(k).decode()
