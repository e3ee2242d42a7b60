#!/usr/bin/env python3
"""kedge-netd itself, in a network namespace of its own, over wireguard-go and the kernel's nf_tables:
what kedged says comes to stand, what breaks a rule ends the connection and changes nothing, what
others change is put back, and what is applied outlives both daemons. The test is the kedged."""
import base64
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

from harness import Process, Skip, program, run, wait

KINDS = dict(begin=1, rule=2, peer=3, commit=4, remove=5, observe=6, next_key=7, state=16, seen=17)
HEAD = "<IHHQ16s"
FIREWALL, REPAIR = 1, 2
ROUTES = "75"


def ip4(*b):
    return bytes([4]) + bytes(b).ljust(16, b"\0")


NO_IP = bytes(17)


def message(kind, body=b"", serial=0, link="kedge0", version=1, magic=0x4B4E4554):
    return struct.pack(HEAD, magic, version, KINDS[kind], serial, link.encode()) + body.ljust(256, b"\0")


def begin(n_peers, n_rules=0, flags=FIREWALL | REPAIR, port=51820, own=(10, 9, 0, 1), own_key=bytes(32), n_links=0, net=(10, 9),
          only=b""):
    own = (*net, *own[2:])
    return (struct.pack("<IIHHHBBBB", n_peers, n_rules, port, 0, 25, flags, 1, 1 if only else 0, n_links) +
            ip4(*own) + b"\x10" + bytes(18) + ip4(*net, 0, 0) + b"\x10" + bytes(18) + own_key + only.ljust(64, b"\0"))


def key_of(n):
    return struct.pack(">H", n) + bytes([7] * 30)


def peer(n, key=None, address=None, endpoint=bytes(20)):
    address = address or (10, 9, 1 + n // 250, 1 + n % 250)
    return (key or key_of(n)) + ip4(*address) + NO_IP + endpoint + NO_IP * 3 + bytes(3) + bytes(4)


STATE = struct.Struct("<32s32sBBBBHHIIIIIIIIi96s")


class State:
    def __init__(self, raw):
        _, _, kind, self.serial, link = struct.unpack(HEAD, raw[:32])
        assert kind == KINDS["state"], kind
        self.link = link.rstrip(b"\0").decode()
        (self.key, self.next_key, self.backend, self.up, self.firewall, self.flags, self.port, _, self.n_seen,
         self.n_peers, self.n_foreign, self.added, self.removed, self.changed, self.flows, self.elapsed_us,
         self.error, text) = STATE.unpack(raw[32:32 + STATE.size])
        self.text = text.rstrip(b"\0").decode()


class Kedged:
    """One connection."""

    def __init__(self, netd, greet=True):
        self.serial = 0
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(20)
        self.s.connect(netd.socket)
        if greet:
            assert self.state().link == ""

    def send(self, *packets):
        for p in packets:
            self.s.send(p)

    def receive(self):
        return self.s.recv(4096)

    def state(self, link=None):
        """The next STATE; SEEN before it is kept."""
        self.seen = []
        while True:
            raw = self.receive()
            assert len(raw) == 288, f"the connection has ended: {raw!r}"
            if struct.unpack_from("<H", raw, 6)[0] == KINDS["seen"]:
                self.seen.append(raw)
                continue
            state = State(raw)
            if link is None or state.link == link:
                return state

    def desire(self, peers, link="kedge0", **how):
        self.serial += 1
        self.send(message("begin", begin(len(peers), **how), self.serial, link),
                  *[message("peer", p, self.serial, link) for p in peers],
                  message("commit", b"", self.serial, link))

    def settle(self, peers, link="kedge0", **how):
        self.desire(peers, link, **how)
        state = self.state(link)
        while state.serial != self.serial or state.error or not state.up:
            assert state.serial < self.serial or state.error or not state.up, state.text
            state = self.state(link)
        return state

    def ended(self):
        self.s.settimeout(20)
        try:
            while True:
                raw = self.s.recv(4096)
                if not raw:
                    return True
        except ConnectionError:
            return True

    def close(self):
        self.s.close()


class Netd(Process):
    def __init__(self, folder, conf="[Netd]\n", *more):
        self.socket, self.keys = folder.path + "/netd.sock", folder.path + "/keys"
        self.conf = folder.path + "/netd.conf"
        os.makedirs(self.keys, 0o700, exist_ok=True)
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(conf)
        super().__init__(folder, "netd", [program("agent/netd/kedge-netd"), "--listen=" + self.socket,
                                          "--config=" + self.conf, "--state=" + self.keys, "--kedged-uid=12345",
                                          "--uapi=/run/wireguard", *more])
        self.ready()

    def ready(self):
        def connects():
            assert self.alive(), self.text()
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                try:
                    s.connect(self.socket)
                    return True
                except OSError:
                    return False
        wait("kedge-netd's socket", connects)

    def again(self):
        self.start()
        self.ready()

    def private_kb(self):
        with open(f"/proc/{self.p.pid}/smaps_rollup", encoding="utf-8") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty"))


def ours(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def wireguard_go(folder, link="kedge0"):
    p = Process(folder, "wireguard-go-" + link, ["wireguard-go", "-f", link], env={"LOG_LEVEL": "silent"})
    wait("wireguard-go", lambda: os.path.exists(f"/run/wireguard/{link}.sock"))
    return p


def stands(link="kedge0"):
    """Peers as wg(8) shows them: key to AllowedIPs."""
    lines = ours("wg", "show", link, "allowed-ips").splitlines()
    return {base64.b64decode(k): v for k, v in (line.split("\t") for line in lines)}


def addresses(link="kedge0"):
    return [f"{a['local']}/{a['prefixlen']}" for a in json.loads(ours("ip", "-j", "addr", "show", "dev", link))[0]["addr_info"]
            if a["family"] == "inet"]


def routes():
    return [r["dst"] for r in json.loads(ours("ip", "-j", "route", "show", "proto", ROUTES))]


def table():
    r = subprocess.run(["nft", "list", "table", "inet", "kedge"], capture_output=True, text=True)
    return r.stdout if r.returncode == 0 else None


def expected(peers):
    return {p[:32]: ".".join(map(str, p[33:37])) + "/32" for p in peers}


def must_stand(peers):
    assert stands() == expected(peers), (stands(), expected(peers))
    assert addresses() == ["10.9.0.1/16"], addresses()
    assert routes() == ["10.9.0.0/16"], routes()
    text = table()
    assert text and all(expected([p])[p[:32]][:-3] in text for p in peers), text


PEERS = [peer(n) for n in range(3)]


def test_what_is_desired_comes_to_stand_and_goes(folder):
    wireguard_go(folder)
    netd = Netd(folder)
    kedged = Kedged(netd)
    state = kedged.settle(PEERS)
    must_stand(PEERS)
    assert (state.added, state.n_peers, state.firewall, state.port, state.backend) == (3, 3, 1, 51820, 2), vars(state)
    assert base64.b64decode(ours("wg", "show", "kedge0", "public-key")) == state.key
    assert os.stat(netd.keys + "/kedge0.key").st_mode & 0o7777 == 0o600
    state = kedged.settle(PEERS[1:])
    must_stand(PEERS[1:])
    assert (state.added, state.removed, state.n_peers) == (0, 1, 2)
    state = kedged.settle(PEERS[1:])
    assert state.added + state.removed + state.changed == 0
    kedged.send(message("remove"))
    state = kedged.state("kedge0")
    assert (state.error, state.up, state.n_peers) == (0, 0, 0), vars(state)
    assert stands() == {} and addresses() == [] and routes() == [] and table() is None


def test_everything_outlives_both(folder):
    wireguard_go(folder)
    netd = Netd(folder)
    kedged = Kedged(netd)
    key = kedged.settle(PEERS).key
    kedged.close()
    must_stand(PEERS)
    for sig in (signal.SIGKILL, signal.SIGTERM):
        assert netd.kill(sig) == (0 if sig == signal.SIGTERM else -sig), netd.text()
        must_stand(PEERS)
        netd.again()
        kedged = Kedged(netd)
        kedged.send(message("observe"))
        state = kedged.state("kedge0")
        assert len(kedged.seen) == 3 and state.key == key and state.serial == 0
        must_stand(PEERS)
        state = kedged.settle(PEERS)
        assert state.added + state.removed + state.changed == 0 and state.key == key
        must_stand(PEERS)
        kedged.close()
    netd.kill()
    netd.again()
    Kedged(netd).settle(PEERS[:1])  # revoked while it was down
    must_stand(PEERS[:1])


def test_killed_at_any_moment(folder):
    wireguard_go(folder)
    netd = Netd(folder)
    sets = [[peer(n) for n in range(k, k + 40)] for k in (0, 20, 40)]
    for i in range(12):
        kedged = Kedged(netd)
        kedged.desire(sets[i % 3])
        time.sleep(i * 0.002)  # a moment each further on
        netd.kill()
        kedged.close()
        netd.again()
    Kedged(netd).settle(sets[1])
    must_stand(sets[1])


WRONG = {
    "too short": (lambda: message("observe")[:-1], "a message breaks a rule"),
    "too long": (lambda: message("observe") + b"\0", "a message breaks a rule"),
    "another version": (lambda: message("observe", version=2), "it speaks another version"),
    "another magic": (lambda: message("observe", magic=1), "a message breaks a rule"),
    "of the other side": (lambda: message("state"), "a message breaks a rule"),
    "17,000 peers": (lambda: message("begin", begin(17000), 9), "a message is over a limit"),
    "a part of nothing": (lambda: message("peer", peer(1), 9), "a part of a desired state before its BEGIN"),
    "begun twice": (lambda: [message("begin", begin(1), 9), message("begin", begin(1), 10)], "a desired state begins inside of another"),
    "a question inside": (lambda: [message("begin", begin(1), 9), message("observe")], "a desired state is not ended"),
    "a removal inside": (lambda: [message("begin", begin(1), 9), message("remove")], "a desired state is not ended"),
}


def test_what_breaks_a_rule_ends_the_connection_and_nothing_else(folder):
    wireguard_go(folder)
    netd = Netd(folder)
    kedged = Kedged(netd)
    kedged.settle(PEERS)
    kedged.close()
    for name, (make, why) in WRONG.items():
        kedged = Kedged(netd)
        packets = make()
        kedged.send(*packets if isinstance(packets, list) else [packets])
        assert kedged.ended(), name
        netd.wait_log(why)
    for name, bad in (("outside", peer(1, address=(10, 10, 0, 1))), ("our own address", peer(1, address=(10, 9, 0, 1))),
                      ("the key of another", peer(1, key=PEERS[0][:32])), ("the address of another", peer(1, address=(10, 9, 1, 1)))):
        kedged = Kedged(netd)
        kedged.desire([PEERS[0], bad])
        assert kedged.ended(), name
    kedged = Kedged(netd)
    kedged.desire(PEERS)
    kedged.serial = 0
    kedged.desire(PEERS)
    assert kedged.ended()
    netd.wait_log("serial of a desired state does not grow")
    kedged = Kedged(netd)
    kedged.send(message("begin", begin(1), 9))  # and gone in the middle of it
    kedged.close()
    must_stand(PEERS)
    Kedged(netd).settle(PEERS[1:])
    wait("one peer less", lambda: stands() == expected(PEERS[1:]))
    must_stand(PEERS[1:])


def connect_as(netd, uid):
    """What a process of that user is told first."""
    code = ("import socket,sys,os; os.setgid(%d); os.setuid(%d); s=socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET);"
            "s.connect(sys.argv[1]); sys.exit(0 if s.recv(999) else 3)" % (uid, uid))
    return subprocess.run([sys.executable, "-c", code, netd.socket]).returncode


def test_who_may_speak(folder):
    netd = Netd(folder)
    os.chmod(folder.path, 0o755)
    os.chmod(netd.socket, 0o666)
    assert connect_as(netd, 12345) == 0
    assert connect_as(netd, 54321) == 3
    netd.wait_log("refused a connection of user 54321")
    first = Kedged(netd)
    second = Kedged(netd, greet=False)
    assert second.ended()
    netd.wait_log("refused a second kedged")
    first.send(message("observe"))
    assert first.state("kedge0").n_peers == 0
    first.close()
    third = Kedged(netd)
    third.send(message("observe"))
    assert third.state("kedge0").n_peers == 0


def test_what_netd_conf_does_not_have(folder):
    netd = Netd(folder, "[Netd]\nLinks=kedge*\nPrefixes=10.8.0.0/16\n")
    kedged = Kedged(netd)
    kedged.desire(PEERS, "eth0")
    state = kedged.state("eth0")
    assert (state.error, state.text) == (-1, "eth0: Links= in netd.conf does not have this link"), vars(state)
    kedged.desire(PEERS)
    assert kedged.state("kedge0").text == "kedge0: Prefixes= in netd.conf does not have its prefix"
    kedged.send(message("remove", link="lo"), message("next_key", link="eth0"))
    assert kedged.state("lo").error == -1 and kedged.state("eth0").error == -1
    assert "eth0.next.key" not in os.listdir(netd.keys) and os.path.exists("/sys/class/net/lo")


def test_what_may_be_closed_or_routed(folder):
    netd = Netd(folder, "[Netd]\nOnlyFleet=eth1\n")
    kedged = Kedged(netd)
    kedged.desire([], only=b"eth0")
    state = kedged.state("kedge0")
    assert (state.error, state.text) == (-1, "kedge0: OnlyFleet= in netd.conf does not have a link that is to be closed")
    kedged.desire([], net=(8, 9))
    assert kedged.state("kedge0").text == "kedge0: Prefixes= in netd.conf does not have its prefix"
    assert os.listdir(netd.keys) == []


def test_no_wireguard_is_told_and_met_when_it_comes(folder):
    netd = Netd(folder, "[Netd]\nBackend=userspace\n")
    kedged = Kedged(netd)
    kedged.desire(PEERS)
    state = kedged.state("kedge0")
    assert state.error and "no WireGuard serves it" in state.text, vars(state)
    wireguard_go(folder)
    while not state.up:
        state = kedged.state("kedge0")
    must_stand(PEERS)
    assert "as desired again" in netd.text()


def others():
    key = base64.b64encode(key_of(1)).decode()
    stranger = base64.b64encode(bytes([9] * 32)).decode()
    return {
        "a peer removed": ["wg", "set", "kedge0", "peer", key, "remove"],
        "a peer added": ["wg", "set", "kedge0", "peer", stranger, "allowed-ips", "10.9.7.7/32"],
        "AllowedIPs widened": ["wg", "set", "kedge0", "peer", key, "allowed-ips", "10.9.1.2/32,0.0.0.0/0"],
        "the port": ["wg", "set", "kedge0", "listen-port", "4000"],
        "the address": ["ip", "addr", "flush", "dev", "kedge0"],
        "the route": ["ip", "route", "del", "10.9.0.0/16", "proto", ROUTES],
        "the link down": ["ip", "link", "set", "kedge0", "down"],
        "the table": ["nft", "delete", "table", "inet", "kedge"],
        "all tables": ["nft", "flush", "ruleset"],
    }


def is_good():
    try:
        must_stand(PEERS)
        return ours("wg", "show", "kedge0", "listen-port").strip() == "51820" and "UP" in ours("ip", "link", "show", "kedge0")
    except (AssertionError, subprocess.CalledProcessError, IndexError):
        return False


def test_what_others_change_is_put_back(folder):
    wireguard_go(folder)
    netd = Netd(folder)
    kedged = Kedged(netd)
    kedged.settle(PEERS)
    for name, argv in others().items():
        wait("calm", is_good)
        ours(*argv)
        assert not is_good(), name
        start = time.monotonic()
        wait(f"{name} is put back", is_good)
        print(f"{name} is put back after {time.monotonic() - start:.2f} s", flush=True)
        state = kedged.state("kedge0")
        assert state.flags == 3, (name, vars(state))


def test_what_others_change_is_told_alone(folder):
    wireguard_go(folder)
    netd = Netd(folder)
    kedged = Kedged(netd)
    kedged.settle(PEERS, flags=FIREWALL)
    ours(*others()["a peer removed"])
    state = kedged.state("kedge0")
    assert (state.flags, state.n_peers) == (1, 2), vars(state)
    assert len(stands()) == 2
    kedged.settle(PEERS, flags=FIREWALL)
    must_stand(PEERS)


def test_the_link_itself_goes(folder):
    go = wireguard_go(folder)
    netd = Netd(folder)
    kedged = Kedged(netd)
    key = kedged.settle(PEERS).key
    go.kill()
    state = kedged.state("kedge0")
    while state.up:  # it was asked while it was killed
        state = kedged.state("kedge0")
    assert state.flags & 1, vars(state)
    wireguard_go(folder)
    while not (state.up and state.error == 0):
        state = kedged.state("kedge0")
    must_stand(PEERS)
    assert state.key == key


def test_a_next_key_becomes_ours(folder):
    wireguard_go(folder)
    netd = Netd(folder)
    kedged = Kedged(netd)
    old = kedged.settle(PEERS).key
    kedged.send(message("next_key"))
    state = kedged.state("kedge0")
    new = state.next_key
    assert state.key == old and new not in (old, bytes(32))
    assert kedged.settle(PEERS, own_key=old).key == old
    assert kedged.settle(PEERS, own_key=new).key == new
    assert base64.b64decode(ours("wg", "show", "kedge0", "public-key")) == new
    assert sorted(os.listdir(netd.keys)) == ["kedge0.key", "kedge0.old.key"]
    os.chmod(netd.keys + "/kedge0.key", 0o644)
    netd.kill()
    netd.again()
    kedged = Kedged(netd)
    kedged.desire(PEERS[:2])
    state = kedged.state("kedge0")
    assert state.error == -1 and "kedge0.key: was open to others" in state.text, vars(state)
    assert len(stands()) == 2  # whoever is revoked is out all the same


def test_a_thousand_peers_and_a_slow_reader(folder):
    wireguard_go(folder)
    netd = Netd(folder)
    kedged = Kedged(netd)
    many = [peer(n) for n in range(1000)]
    state = kedged.settle(many)
    print(f"1,000 peers from nothing: {state.elapsed_us / 1000:.1f} ms; Private_Dirty {netd.private_kb()} kB", flush=True)
    assert state.n_peers == 1000 and len(stands()) == 1000
    start = time.monotonic()
    kedged.desire(many[1:])
    state = kedged.state("kedge0")
    print(f"one revoked of 1,000: {state.elapsed_us / 1000:.1f} ms, from the first message to the answer "
          f"{1000 * (time.monotonic() - start):.1f} ms", flush=True)
    assert state.removed == 1 and key_of(0) not in stands()
    kedged.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(20):
        kedged.send(message("observe"))
    for _ in range(20):
        state = kedged.state("kedge0")
        assert state.n_seen == len(kedged.seen) == 999
    used = netd.private_kb()
    print(f"after 20 observations: Private_Dirty {used} kB", flush=True)
    for _ in range(3):
        kedged.send(message("observe"))
    assert netd.stop() == 0, netd.text()


def test_options(folder):
    netd = program("agent/netd/kedge-netd")
    assert subprocess.run([netd, "--version"], capture_output=True, text=True).stdout.startswith("kedge-netd ")
    assert "--kedged-uid=N" in ours(netd, "--help")
    for wrong in (["--colour"], ["word"], ["--kedged-uid=root"], ["--kedged-uid=-1"]):
        assert subprocess.run([netd, *wrong], capture_output=True).returncode == 2, wrong
    path = folder.path + "/netd.conf"
    with open(path, "w", encoding="utf-8") as f:
        f.write("[Netd]\nLinks=*\n")
    r = subprocess.run([netd, "--config=" + path, "--check-config"], capture_output=True, text=True)
    assert r.returncode == 1 and "netd.conf:2: Links" in r.stderr, r
    with open(path, "w", encoding="utf-8") as f:
        f.write("[Netd]\n")
    assert "good" in ours(netd, "--config=" + path, "--check-config")
    r = subprocess.run([netd, "--config=" + path, "--state=" + folder.path], capture_output=True, text=True)
    assert r.returncode == 1 and "no socket to listen at" in r.stderr, r
    os.chmod(folder.path, 0o755)
    r = subprocess.run([netd, "--config=" + path, "--state=" + folder.path], capture_output=True, text=True)
    assert r.returncode == 1 and "mode 0700" in r.stderr, r


def alone():
    """In namespaces of our own, which end with us."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    if os.environ.get("KEDGE_ALONE") != "1":
        os.environ["KEDGE_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation=private", sys.executable, *sys.argv])
    os.makedirs("/run/wireguard", exist_ok=True)
    ours("mount", "-t", "tmpfs", "none", "/run/wireguard")
    ours("ip", "link", "set", "lo", "up")


if __name__ == "__main__":
    try:
        for needed in ("unshare", "wireguard-go", "wg", "nft", "ip"):
            if not any(os.access(os.path.join(d, needed), os.X_OK) for d in os.environ["PATH"].split(":") + ["/usr/sbin", "/sbin"]):
                raise Skip(f"{needed} is not installed")
        if not os.path.exists("/dev/net/tun"):
            raise Skip("there is no /dev/net/tun")
        alone()
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
    sys.exit(run([t for n, t in list(globals().items()) if n.startswith("test_")]))
