#!/usr/bin/env python3
"""Everything at once, for a while: faults change several times a second, both daemons are killed at random
moments, configurations are swapped, and callers of the query socket flood, stall and send garbage. The
oracle is the chain that the test node wrote: at no moment may an answer say what the chain at its blocks does
not hold, bring back a key that an earlier answer knew as gone, or name a final block that is not the chain's.
In the end everything must be well again, without a leaked descriptor or a busy loop.

KEDGE_SOAK_SECONDS=600 runs it longer, KEDGE_SOAK_SEED repeats one."""
import os
import random
import signal
import socket
import struct
import sys
import threading
import time

from harness import LOOKUP, QUERY_MAGIC, QUERY_VERSION, REPLY_SIZE, RESOLVE, RESULTS, Agent, Devnode, run, wait

NAME = "plant-control.fleet"
SECONDS = float(os.environ.get("KEDGE_SOAK_SECONDS", "12"))
SEED = int(os.environ.get("KEDGE_SOAK_SEED", str(time.time_ns() % 1000000)))
# A real conflict stops the chain for good, and a liar about the time is in the chain: not here.
NOT_HERE = ("none", "fork-majority", "bad-timestamps", "gap-jump")
LEAD = 4  # a minority's branch, whose head may count, is up to three blocks longer than the chain; and one is being made
REQUEST = "=IHHIII20sQ32s256s32s144x"


class Chain:
    """What the chain holds, block by block: written by the one thread that mines."""

    def __init__(self, dn):
        self.dn, self.lock = dn, threading.Lock()
        self.now = {}      # key text: value
        self.change = {}   # key text: [(first block, value)]
        self.n = dn.peak()[0]
        self.blocks = 0

    def set(self, key, value):
        if value is None:
            self.dn.command(f"clear {key}")
        else:
            self.dn.set(key, value)
        self.now[key] = value

    def mine(self):
        with self.lock:
            before = dict(self.now)
            self.n = self.dn.mine()[0]
            self.blocks += 1
            for key, value in before.items():
                rows = self.change.setdefault(key, [])
                if not rows or rows[-1][1] != value:
                    rows.append((self.n, value))

    def at(self, key, number):
        with self.lock:
            for first, value in reversed(self.change.get(key, [])):
                if first <= number:
                    return value
            return None


class Oracle:
    """Judges answers about the hosts a and b, whose location and key the miner changes."""

    def __init__(self, chain):
        self.chain, self.wrong, self.judged, self.answered = chain, [], 0, 0
        self.gone = {}  # (host, pin): the highest head at which an answer did not know it

    def name(self, host, result, reason, body, asked):
        self.judged += 1
        if result != "ok":
            return
        self.answered += 1
        final, head = struct.unpack_from("=QQ", body, 248)
        ips = [socket.inet_ntoa(body[7 + 17 * i:11 + 17 * i]) for i in range(body[1])]
        pins = [body[74 + 32 * i:106 + 32 * i] for i in range(body[2])]
        self.judge(host, final, head, ips, pins, asked)

    def judge(self, host, final, head, ips, pins, asked):
        want = self.chain.at(host + ".server_ip", final)
        pin = self.chain.at(host + ".signature", final)
        where = f"{host} at final {final}, head {head}"
        if final > head or head > self.chain.n + LEAD:
            self.wrong.append(f"{where}: blocks that do not exist")
        if ips != ([want] if want else []):
            self.wrong.append(f"{where}: {ips} instead of {want}")
        for p in pins:
            if p != pin:
                self.wrong.append(f"{where}: a key that the final block does not hold")
            if final < asked.get((host, p), 0):
                self.wrong.append(f"{where}: a key that head {asked[(host, p)]} had revoked")
        # a head may be of another branch, where a key is gone: that answer is not wrong, and it binds later ones
        if pin and pin not in pins and head > final:
            self.gone[(host, pin)] = max(head, self.gone.get((host, pin), 0))


def packet(verb, name="", n=1, contract=b"", key=b""):
    return struct.pack(REQUEST, QUERY_MAGIC, QUERY_VERSION, verb, n, 0, 0, contract, 0, key, name.encode(), b"")


def connect(agent):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect(agent.run + "/query.sock")
    return s


def ask(agent, oracle, chain, rng):
    asked = dict(oracle.gone)
    host = rng.choice("ab")
    with connect(agent) as s:
        s.send(packet(RESOLVE, f"{host}.{NAME}"))
        reply = s.recv(4096)
    if len(reply) == REPLY_SIZE:
        oracle.name(host, RESULTS[struct.unpack_from("=H", reply, 6)[0]], "", reply[176:], asked)


def flood(agent, rng):
    with connect(agent) as s:
        s.setblocking(False)
        for i in range(400):
            s.send(packet(RESOLVE, f"n{rng.randrange(10 ** 6)}.{NAME}", i))


def stall(agent, rng):
    """Asks, does not read, and goes away in the middle."""
    with connect(agent) as s:
        s.setblocking(False)
        for i in range(100):
            s.send(packet(4, "", i))
        time.sleep(rng.random() / 5)


def garbage(agent, rng):
    for _ in range(20):
        with connect(agent) as s:
            s.send(rng.choice([rng.randbytes(rng.randrange(1, 2000)),
                               packet(rng.randrange(65536), rng.choice(["", "x" * 250, "a..b", "\x7f"]))]))
            if rng.random() < 0.3:
                s.recv(4096)


def crowd(agent, rng):
    many = []
    try:
        for _ in range(600):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            many.append(s)
            s.setblocking(False)
            s.connect(agent.run + "/query.sock")
    except OSError:
        pass
    for s in many:
        s.close()


def lookups(agent, rng):
    with connect(agent) as s:
        for i in range(8):
            s.send(packet(LOOKUP, "", i, agent.dn.contract, rng.randbytes(32)))
        if rng.random() < 0.5:
            s.recv(4096)


class Background:
    """Threads that end with the test, and whose exceptions are the test's."""

    def __init__(self):
        self.end, self.threads, self.failed = threading.Event(), [], []

    def repeat(self, what, every, quiet=()):
        def loop():
            while not self.end.wait(every):
                try:
                    what()
                except quiet:
                    pass
                except Exception as e:  # told by stop()
                    self.failed.append(repr(e))
                    return
        t = threading.Thread(target=loop, daemon=True)
        self.threads.append(t)
        t.start()

    def stop(self):
        self.end.set()
        for t in self.threads:
            t.join(30)
            assert not t.is_alive(), "a thread of the test hangs"
        assert not self.failed, self.failed


def miner(chain, rng):
    serial = [0]

    def one():
        serial[0] += 1
        if serial[0] % 8 == 0:
            host = rng.choice("ab")
            chain.set(host + ".server_ip", f"10.{serial[0] >> 16 & 255}.{serial[0] >> 8 & 255}.{serial[0] & 255}")
        if serial[0] % 20 == 0:
            host = rng.choice("ab")
            old = chain.now[host + ".signature"]
            chain.set(host + ".signature", None if old and rng.random() < 0.5 else rng.randbytes(32))
        chain.mine()
    return one


def ended_by_itself(agent):
    for p in (agent.kedged, agent.fetch):
        assert p.alive(), f"{p.name} ended by itself with status {p.p.returncode}"


def disturb(agent, dn, rng, kinds):
    what = rng.random()
    if what >= 0.86 and not agent.status():
        return  # a reload is for an agent that has started
    if what < 0.70:
        dn.fault(rng.randrange(3), rng.choice(kinds))
    elif what < 0.80:
        agent.fetch.kill()
        agent.fetch.start()
    elif what < 0.86:
        agent.roles = ""
        agent.write_config()
        agent.kedged.kill(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        agent.kedged.start()
    else:
        upstreams = list(dn.nodes)
        rng.shuffle(upstreams)
        agent.upstreams = upstreams[rng.randrange(3):]
        agent.roles = rng.choice(["", "[names]\nMaxAge=2h", "[Zone other.internal]\nContract=0x" + "11" * 20, "[names]\nMaxAge=nonsense"])
        agent.write_config()
        agent.kedged.p.send_signal(signal.SIGHUP)


def descriptors(process):
    return len(os.listdir(f"/proc/{process.p.pid}/fd"))


def cpu_seconds(process):
    with open(f"/proc/{process.p.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ends_well(agent, dn, oracle, chain):
    for i in range(3):
        dn.fault(i, "none")
    agent.upstreams, agent.roles = dn.nodes, ""
    agent.write_config()
    agent.kedged.p.send_signal(signal.SIGHUP)
    dn.mine(10)
    dn.command("interval 100")
    s = agent.wait_following(dn.final()[0], 60)
    assert s["final_hash"] == dn.block(dn.command(f"header {s['final']}"))[1], s
    ips = chain.now["a.server_ip"]
    agent.wait_resolve("the newest value", lambda r: r[0] == "ok" and r[2] == [ips], "a." + NAME, 60)
    dn.command("interval 0")
    wait("connections to be closed", lambda: descriptors(agent.kedged) < 40, 40)
    before, begun = cpu_seconds(agent.kedged) + cpu_seconds(agent.fetch), time.monotonic()
    time.sleep(1)  # what is measured is this second
    used = cpu_seconds(agent.kedged) + cpu_seconds(agent.fetch) - before
    assert used < 0.7 * (time.monotonic() - begun), f"{used} s of processor time while nothing happens"
    ended_by_itself(agent)
    assert agent.kedged.stop() == 0, agent.kedged.p.returncode
    assert agent.fetch.stop() == 0, agent.fetch.p.returncode
    for p in (agent.kedged, agent.fetch):
        for word in ("Sanitizer", "runtime error", "Assertion"):
            assert word not in p.text(), f"{word} in the log of {p.name}"


def test_soak_short(folder):
    print(f"seed {SEED}", flush=True)
    rng = random.Random(SEED)
    dn = Devnode(folder, blocks=300, keep=100000)
    kinds = [k for k in dn.command("faults").split() if k not in NOT_HERE] + ["none"] * 12
    chain = Chain(dn)
    for host in "ab":
        chain.set(host + ".server_ip", "10.255.255.1")
        chain.set(host + ".signature", rng.randbytes(32))
    for _ in range(12):
        chain.mine()
    agent = Agent(folder, dn, RequestTimeout="400ms", RestTime="100ms", Poll="50ms")
    oracle, back = Oracle(chain), Background()
    agent.wait_following(dn.final()[0] - 5)
    busy = (OSError, BrokenPipeError)
    back.repeat(miner(chain, random.Random(SEED + 1)), 0.02)
    for i, other in enumerate((flood, stall, garbage, crowd, lookups)):
        r = random.Random(SEED + 10 + i)
        back.repeat(lambda other=other, r=r: other(agent, r), 0.2, busy)
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            ended_by_itself(agent)
            if rng.random() < 0.2:
                disturb(agent, dn, rng, kinds)
            try:
                ask(agent, oracle, chain, rng)
            except OSError:
                pass
            assert not oracle.wrong, oracle.wrong
            time.sleep(0.02)
    finally:
        back.stop()
    ends_well(agent, dn, oracle, chain)
    print(f"{chain.blocks} blocks, {oracle.judged} answers judged, {oracle.answered} of them with values", flush=True)
    assert oracle.answered > 0, "nothing was ever answered: nothing was tested"


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
