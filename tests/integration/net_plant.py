"""Gateways in network namespaces of their own, joined by a bridge in another one. In each stand wireguard-go and
kedge-netd; kedged and kedge-fetch stand outside, where the chain is: kedged reaches kedge-netd by its socket's path
alone. Nothing here has a name that the whole machine sees."""
import base64
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

from bus_harness import Bus
from harness import Agent, Devnode, Process, Skip, program, wait

UAPI = "/run/wireguard"  # /var/run is a link to /run
LINK, PORT, ZONE = "kedge0", 51820, "plant-control.fleet"
TOOLS = ("ip", "nsenter", "unshare", "wireguard-go", "wg", "ping")


def need_machine(*tools):
    """Skips where namespaces with a TUN device cannot be had."""
    if os.geteuid() != 0:
        raise Skip("only root can make network namespaces")
    for tool in TOOLS + tools:
        if not shutil.which(tool):
            raise Skip(tool + " is not installed")
    if not os.path.exists("/dev/net/tun"):
        raise Skip("there is no /dev/net/tun")
    r = subprocess.run(["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
                        "mount -t tmpfs none /run && ip tuntap add dev t0 mode tun && ip link add v0 type veth peer name v1 && "
                        "ip link add br0 type bridge"], capture_output=True, text=True)
    if r.returncode != 0:
        raise Skip("no namespaces with a TUN device, veth and bridge: " + r.stderr.strip())


class Space:
    """A network namespace, with a /run of its own for the socket that wireguard-go has at one place alone."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.holder = Process(folder, name + "-space", [
            "unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
            "mount -t tmpfs none /run && mkdir /run/wireguard && ip link set lo up && echo there && exec sleep infinity"])
        self.holder.wait_log("there")

    def argv(self, *argv):
        return ["nsenter", f"--target={self.holder.p.pid}", "--net", "--mount", "--", *argv]

    def process(self, name, *argv, env=None):
        return Process(self.folder, f"{self.name}-{name}", self.argv(*argv), env)

    def call(self, *argv, check=True, timeout=30):
        r = subprocess.run(self.argv(*argv), capture_output=True, text=True, timeout=timeout)
        assert not check or r.returncode == 0, (self.name, argv, r.returncode, r.stdout, r.stderr)
        return r.stdout if check else r


class Outside(Space):
    """What joins the others: the network outside of the tunnels."""

    def __init__(self, folder):
        need_machine()
        super().__init__(folder, "bridge")
        self.call("ip", "link", "add", "br0", "type", "bridge")
        self.call("ip", "link", "set", "br0", "up")
        self.n = 0

    def join(self, space, *addresses):
        self.n += 1
        port = f"port{self.n}"
        self.call("ip", "link", "add", port, "type", "veth", "peer", "name", "outer0", "netns", str(space.holder.p.pid))
        self.call("ip", "link", "set", port, "master", "br0", "up")
        for a in addresses:
            space.call("ip", "address", "add", a, "dev", "outer0", *(["nodad"] if ":" in a else []))
        space.call("ip", "link", "set", "outer0", "up")


class Pings:
    """A ping that goes on, and when its answers came."""

    def __init__(self, space, to, every=0.05, name=None):
        self.p = space.process(name or f"ping-{to}", "ping", "-n", "-D", "-O", "-i", str(every), "-W", "1", to)

    def times(self):
        """Of answers, by the system's clock."""
        return [float(t) for t in re.findall(r"^\[(\d+\.\d+)\] \d+ bytes from", self.p.text(), re.M)]

    def flows(self, what, timeout=20):
        """An answer comes that was not there."""
        now = time.time()
        wait(f"an answer of {self.p.name}: {what}", lambda: any(t > now for t in self.times()), timeout)

    def stops(self, what, quiet=1.0, timeout=20):
        """No answer for so long; when the last one came."""
        def silent():
            last = max(self.times(), default=0)
            return time.time() - last > quiet and (last or 1)
        return wait(f"{self.p.name} to stop: {what}", silent, timeout)

    def gap(self, since):
        """The longest time without an answer, from then to now."""
        ends = [since, *[t for t in self.times() if t > since], time.time()]
        return max(b - a for a, b in zip(ends, ends[1:]))


TCP_SERVER = """
import socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print("listens", flush=True)
while True:
    c, _ = s.accept()
    while True:
        b = c.recv(4096)
        if not b:
            break
        c.sendall(b)
"""
TCP_CLIENT = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
s.settimeout(None)
print("connected", flush=True)
while True:
    s.sendall(b"x")
    if not s.recv(1):
        break
    print("%.3f" % time.time(), flush=True)
    time.sleep(0.02)
"""


class Echo:
    """A TCP flow that stays open: a byte there and back, again and again."""

    def __init__(self, client, server, to, port=7007):
        self.server = server.process(f"echo-{port}", "python3", "-c", TCP_SERVER, to, str(port))
        self.server.wait_log("listens")
        self.client = client.process(f"echo-client-{port}", "python3", "-c", TCP_CLIENT, to, str(port))
        self.client.wait_log("connected")

    def times(self):
        return [float(t) for t in re.findall(r"^(\d+\.\d+)$", self.client.text(), re.M)]

    def flows(self, what):
        now = time.time()
        wait(f"a byte back: {what}", lambda: any(t > now for t in self.times()))

    def stops(self, what, quiet=1.0):
        def silent():
            last = max(self.times(), default=0)
            return time.time() - last > quiet and (last or 1)
        return wait(f"the TCP flow to die: {what}", silent)

    def gap(self, since):
        ends = [since, *[t for t in self.times() if t > since], time.time()]
        return max(b - a for a, b in zip(ends, ends[1:]))


class Iperf:
    """iperf3 through the tunnel, told each tenth of a second."""

    def __init__(self, client, server, to, seconds=3600, limit="20M", port=5201):
        self.server = server.process(f"iperf-{port}", "iperf3", "-s", "-B", to, "-p", str(port), "--forceflush")
        self.server.wait_log("listening")
        self.client = client.process(f"iperf-client-{port}", "iperf3", "-c", to, "-p", str(port), "-t", str(seconds),
                                     "-i", "0.1", "-f", "m", "--forceflush", *(["-b", limit] if limit else []))
        wait("iperf3 to send", lambda: len(self.rates()) > 3)

    def rates(self):
        """Mbit/s of each tenth of a second so far."""
        return [float(r) for r in re.findall(r"sec\s+[\d.]+ \wBytes\s+([\d.]+) Mbits/sec\s+\d+ ", self.client.text())]

    def longest_silence(self, first=0):
        """Seconds in which nothing was sent, at a stretch, from that tenth on."""
        longest = here = 0
        for r in self.rates()[first:]:
            here = here + 1 if r == 0 else 0
            longest = max(longest, here)
        return longest / 10


def iperf_once(client, server, to, seconds=3, port=5201):
    """Mbit/s, as fast as it goes."""
    s = server.process(f"iperf-once-{port}", "iperf3", "-s", "-1", "-B", to, "-p", str(port), "--forceflush")
    s.wait_log("listening")
    out = client.call("iperf3", "-c", to, "-p", str(port), "-t", str(seconds), "-J", timeout=seconds + 20)
    return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e6


class Gateway:
    """A namespace with wireguard-go and kedge-netd in it."""

    agent = None

    def __init__(self, folder, bridge, number, name=None):
        self.folder, self.number, self.name = folder, number, name or f"gw{number}"
        self.outer, self.outer6 = f"192.0.2.{number}", f"2001:db8::{number:x}"
        self.tunnel = f"10.77.0.{number}"
        self.home = os.path.join(folder.path, self.name)
        os.makedirs(self.home + "/netd", mode=0o700)
        self.sock = self.home + "/netd.sock"
        with open(self.home + "/netd.conf", "w") as f:
            f.write("[Netd]\nLinks=kedge*\nBackend=userspace\n")
        self.space = Space(folder, self.name)
        bridge.join(self.space, self.outer + "/24", self.outer6 + "/64")
        self.wg = self.space.process("wireguard-go", "wireguard-go", "-f", LINK, env={"LOG_LEVEL": "error"})
        self.netd = self.space.process("netd", program("agent/netd/kedge-netd"), "--listen=" + self.sock,
                                       f"--config={self.home}/netd.conf", f"--state={self.home}/netd",
                                       "--kedged-uid=0", "--uapi=" + UAPI)
        wait("kedge-netd to listen", self.listens)

    def listens(self):
        """Its socket is there before it can be reached."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            return s.connect_ex(self.sock) == 0

    def addresses(self, family="-4"):
        """Of the link."""
        out = self.space.call("ip", family, "-o", "address", "show", "dev", LINK, "scope", "global")
        return re.findall(r"inet6? (\S+)/\d+", out)

    def peers(self):
        """What stands, as wg tells: public keys in base64, and what belongs to each."""
        r = self.space.call("wg", "show", LINK, "dump", check=False)
        rows = [line.split("\t") for line in r.stdout.splitlines()[1:]]
        return {r[0]: {"endpoint": r[2], "allowed": r[3], "handshake": int(r[4]), "rx": int(r[5])} for r in rows}

    def key(self):
        """Our own public key; None before there is one."""
        r = self.space.call("wg", "show", LINK, "public-key", check=False)
        k = r.stdout.strip()
        return base64.b64decode(k) if r.returncode == 0 and re.fullmatch(r"[A-Za-z0-9+/]{43}=", k) else None

    def wait_key(self):
        return wait("a key of " + self.name, self.key)

    def restart(self, process, sig=signal.SIGKILL):
        """Also wireguard-go, whose link goes with it."""
        process.kill(sig)
        if process is self.wg:
            self.space.call("rm", "-f", f"{UAPI}/{LINK}.sock")
        process.start()


# lib/wire/netd.h
BEGIN, RULE, PEER, COMMIT, REMOVE, OBSERVE, NEXT_KEY = range(1, 8)
STATE, SEEN = 16, 17
FIREWALL, REPAIR = 1, 2
MESSAGE = 288


def pack_ip(text):
    if not text:
        return bytes(17)
    if ":" in text:
        return b"\6" + socket.inet_pton(socket.AF_INET6, text)
    return b"\4" + socket.inet_aton(text) + bytes(12)


def pack_prefix(text):
    address, length = text.split("/") if text else ("", "0")
    return pack_ip(address) + bytes([int(length)])


def listed(pack, texts, n):
    return b"".join(pack(t) for t in (*texts, *[""] * (n - len(texts))))


class Driver:
    """Says to kedge-netd what kedged would."""

    def __init__(self, path, link=LINK):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(30)
        self.s.connect(path)
        self.link, self.serial = link.encode(), 0
        self.first = self.state()

    def close(self):
        self.s.close()

    def send(self, kind, body=b""):
        head = struct.pack("=IHHQ16s", 0x4b4e4554, 1, kind, self.serial, self.link)
        self.s.send((head + body).ljust(MESSAGE, b"\0"))

    def hear(self):
        m = self.s.recv(4096)
        assert len(m) == MESSAGE, (len(m), "kedge-netd has ended the connection")
        magic, version, kind, serial, link = struct.unpack_from("=IHHQ16s", m)
        assert (magic, version) == (0x4b4e4554, 1)
        return kind, serial, m[32:]

    def state(self, at_least=0):
        """The next STATE of our link; those of states before are passed over."""
        while True:
            kind, serial, b = self.hear()
            if kind == STATE and serial >= at_least:
                u = struct.unpack_from("=32s32sBBBBHHIIIIIIIIi96s", b)
                names = ("key", "next", "backend", "up", "firewall", "flags", "port", "zero", "seen", "peers",
                         "foreign", "added", "removed", "changed", "flows", "elapsed_us", "error", "text")
                s = dict(zip(names, u))
                s["text"] = s["text"].split(b"\0")[0].decode()
                return s

    def begin(self, peers, own, prefix, rules=(), port=PORT, flags=FIREWALL | REPAIR, keepalive=0, mtu=0,
              own_key=bytes(32)):
        body = struct.pack("=IIHHHBBBB", len(peers), len(rules), port, mtu, keepalive, flags, len(prefix), 0, 0)
        body += bytes(-len(body) % 1) + listed(pack_prefix, own, 2) + listed(pack_prefix, prefix, 2) + own_key
        self.send(BEGIN, body)

    def desire(self, peers, own=(), prefix=("10.77.0.0/16",), rules=((255, 0, 0, 0),), wait_for=True, **begin):
        """peers: (key, tunnel, endpoint address or "", port). The STATE after it."""
        self.serial += 1
        self.begin(peers, own, prefix, rules, **begin)
        for r in rules:
            self.send(RULE, struct.pack("=BBHH", *r))
        for key, tunnel, endpoint, port in sorted(peers):
            body = key + pack_ip(tunnel) + bytes(17) + pack_ip(endpoint) + b"\0" + struct.pack("=H", port if endpoint else 0)
            self.send(PEER, body + pack_ip(endpoint) + bytes(34))
        self.send(COMMIT)
        return self.state(self.serial) if wait_for else None


def private_dirty(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))


def strangers(n):
    """Members that are nowhere: keys and addresses alone."""
    return [(b"\x77" + i.to_bytes(4, "big") + bytes(27), f"10.77.{1 + i // 250}.{1 + i % 250}", "", 0) for i in range(n)]


ANYTHING = "Allow=any\n"
NET_CONF = """[Network plant]
Zone={zone}
Host={host}
Interface={link}
Prefix={prefix}
ListenPort={port}
{more}"""


class Part:
    """A folder in a Folder: what runs for it ends with that one."""

    def __init__(self, folder, path):
        self.path, self.processes = path, folder.processes


class NetAgent(Agent):
    """kedged of a gateway, with its net.conf; with a bus of the gateway's own, for the operator's word."""

    def __init__(self, gateway, node, conf, bus, **chain):
        self.gateway, self.net, self.env = gateway, conf, {}
        if bus:
            self.BUS = "yes"
            self.env = {"DBUS_SYSTEM_BUS_ADDRESS": Bus(Part(gateway.folder, gateway.home)).address}
        super().__init__(gateway.folder, node, name=gateway.name + "-agent", **chain)

    def kedged_env(self):
        return self.env

    def tool_env(self):
        return self.env

    def says(self, *argv, code=0):
        """What `kedgectl net` prints."""
        got, out, err = self.kedgectl("--no-color", "net", *argv)
        assert got == code, (argv, got, out, err)
        return out

    def network(self):
        """`kedgectl net status --json`, of the only one."""
        return json.loads(self.kedgectl("net", "status", "--json")[1])["networks"][0]

    def agent_lines(self):
        return ["NetdSocket=" + self.gateway.sock]

    def write_config(self):
        super().write_config()
        path = self.home + "/net.conf"
        with open(path, "w") as f:
            f.write(self.net)
        os.chmod(path, 0o644)


def text(key):
    """As wg has it."""
    return base64.b64encode(key).decode()


def number(n):
    return n.to_bytes(32, "big")


class Fleet:
    """The chain, and what it says of its members."""

    def __init__(self, folder, interval=100, **options):
        self.node = Devnode(folder, blocks=300, **options)
        if interval:
            self.node.command(f"interval {interval}")
        self.members = []

    def add(self, name, key=None, endpoint="", tunnel="", port=0):
        """A member; without a key it is one all the same."""
        n, node = len(self.members), self.node
        if name not in self.members:
            node.set(f"_member.{n}", name)
            node.set("_members", number(n + 1))
            self.members.append(name)
        for field, value in (("wg_key", key), ("wg_endpoint", endpoint), ("wg_ip", tunnel), ("wg_port", port and number(port))):
            if value:
                node.set(f"{name}.{field}", value)

    def clear(self, *keys):
        for k in keys:
            self.node.command("clear " + k)

    def revoke(self, name):
        self.clear(f"{name}.wg_key", f"{name}.wg_key_next")


class Plant:
    """Gateways gw1, gw2 ... of a fleet, that know of each other what the chain says and nothing else. more: lines of
    each one's network, or those of some by their numbers."""

    def __init__(self, folder, n=3, more="", prefix="10.77.0.0/16", interval=100, buses=(), start=True, allow=ANYTHING, **chain):
        self.folder, self.prefix = folder, prefix
        self.bridge, self.fleet = Outside(folder), Fleet(folder, interval)
        self.gateways = [Gateway(folder, self.bridge, i + 1) for i in range(n)]
        for g in self.gateways:
            g.conf = NET_CONF.format(zone=ZONE, host=g.name, link=LINK, prefix=prefix, port=PORT,
                                    more=allow + (more if isinstance(more, str) else more.get(g.number, "")))
            g.agent = NetAgent(g, self.fleet.node, g.conf, g.number in buses, **chain)
        for g in self.gateways:
            self.enter(g)
        if start:
            self.settles()

    def enter(self, g):
        """What the chain is told of a gateway."""
        self.fleet.add(g.name, g.wait_key(), g.outer, g.tunnel)

    def settles(self, members=None, timeout=40):
        """Each of them has the others as peers, with the keys that they have, and nobody else."""
        members = self.gateways if members is None else members
        wanted = {g.name: g.wait_key() for g in members}

        def settled():
            return all({text(wanted[o.name]) for o in members if o is not g} == set(g.peers())
                       for g in members)
        wait(lambda: f"each to have the others as peers; it is {[(g.name, g.peers()) for g in members]}", settled, timeout, 0.05)

    def final(self, g, timeout=40):
        """What the contract holds by now is final for this gateway, and the agent has had a moment to act on it."""
        n = self.fleet.node.peak()[0] + 2
        g.agent.wait_status(f"block {n} to be final", lambda s: s["final"] > n, timeout)
        time.sleep(0.5)

    def nss(self, g, *argv):
        """A program in the gateway's namespace, to which hosts are what the gateway's agent says."""
        folder = os.path.dirname(program("nss/libnss_kedge.so.2"))
        script = f"""echo 'hosts: kedge [!UNAVAIL=return]' >/run/nsswitch && mount --bind /run/nsswitch /etc/nsswitch.conf &&
                 mkdir -p /run/kedge && mount --bind {g.agent.run} /run/kedge && mount -t tmpfs none /var/lib &&
                 mkdir /var/lib/kedge && mount --bind {g.agent.state} /var/lib/kedge && exec {" ".join(argv)}"""
        return subprocess.run(g.space.argv("unshare", "--mount", "--propagation", "private", "sh", "-c", script),
                              capture_output=True, text=True, timeout=30, env={**os.environ, "LD_LIBRARY_PATH": folder})


def filled(folder, n):
    """Two gateways and n members that are nowhere; and the seconds from their last block to all of them as peers."""
    p = Plant(folder, 2, more=f"MaxPeers={n + 10}\nAddPerHour={n + 10}\n", interval=0, start=False, Poll="20ms")
    a, b = p.gateways
    for i, (key, tunnel, _, _) in enumerate(strangers(n)):
        p.fleet.add(f"m{i}", key, tunnel=tunnel)
        if i % 100 == 99:
            p.fleet.node.mine(1)
    begun = time.monotonic()
    p.fleet.node.mine(30)
    wait(lambda: f"{n + 1} peers, not {len(a.peers())}", lambda: len(a.peers()) == n + 1, 120, 0.1)
    took = time.monotonic() - begun
    wait("the peer of the other", lambda: text(a.key()) in b.peers(), 120)
    return p, took


def revoked_among_many(p):
    """Milliseconds from the block to when gw1's agent has accepted it as its head, and from then to the last answer of
    gw2. A head is one that several miners stand on, so there are some blocks more."""
    a, b = p.gateways
    ping = Pings(a.space, b.tunnel, 0.005)
    ping.flows("among many")
    p.fleet.revoke("gw2")
    block, said = p.fleet.node.peak()[0] + 1, time.time()
    p.fleet.node.mine(4)
    accepted = wait("the head", lambda: a.agent.status()["head"] >= block and time.time(), 20, 0.001)
    last = ping.stops("revoked")
    return (accepted - said) * 1000, (last - accepted) * 1000
