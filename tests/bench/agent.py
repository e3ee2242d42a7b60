"""What kedge costs: bytes, memory, disk and time, of the real programs against the test node. One line a figure: name,
value, aim. A figure never fails the run; a program that does not work does.

Payload bytes are those of the edge messages, both ways, as the nodes count them. On the wire are the bytes of the IP
packets, so with TCP, TLS and its handshakes: the run has a network of its own, whose counters show them."""
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402

QUIET = 0.6  # seconds without a byte: all that was wanted has been fetched; below the default Poll=
NAME = "plant-control.fleet"
OWN_NETWORK = bool(os.environ.get("INSIDE"))


def figure(name, value, aim=""):
    print(f"  {name:<48} {value:<44} {'aim: ' + aim if aim else ''}".rstrip(), flush=True)


def kilo(n):
    return f"{n / 1000:.1f} kB"


def own_network():
    """Runs this again in a network namespace; goes on without one where that is not allowed."""
    command = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if OWN_NETWORK or not shutil.which("unshare") or not shutil.which("ip"):
        return
    if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.environ["INSIDE"] = "yes"
        os.execvp(command[0], [*command, sys.executable, os.path.abspath(__file__)])


def on_loopback():
    with open("/proc/self/net/dev") as f:
        return next(int(line.split()[1]) for line in f if line.strip().startswith("lo:"))


class Gateway:
    """kedged and kedge-fetch with the defaults, in a folder of their own."""

    def __init__(self, folder, dn, name, checkpoint=None):
        self.folder, self.dn, self.name = folder, dn, name
        self.run, self.state = (os.path.join(folder.path, name, d) for d in ("run", "state"))
        os.makedirs(self.run, mode=0o755)
        os.makedirs(self.state, mode=0o755)
        self.conf = os.path.join(folder.path, name, "kedged.conf")
        info = dn.info
        lines = ["[Agent]", f"StateDirectory={self.state}", f"RuntimeDirectory={self.run}", "Bus=no",
                 "[Chain diode]", "Backend=blockquick", f"ChainId={info['CHAIN_ID']}",
                 f"Checkpoint={checkpoint or info['CHECKPOINT']}", *[f"Upstream={u}" for u in dn.nodes],
                 f"Fleet={info['FLEET']}",
                 f"[Zone {NAME}]", "Chain=diode", f"Contract={info['CONTRACT']}", "Slot=0"]
        with open(self.conf, "w") as f:
            f.write("\n".join(lines) + "\n")

    def start(self):
        self.begun = time.monotonic()
        self.before = self.count()
        self.kedged = harness.Process(self.folder, self.name + ".kedged", [
            harness.program("agent/kedged/kedged"), "--config=" + self.conf])
        self.fetch = harness.Process(self.folder, self.name + ".fetch", [
            harness.program("agent/fetch/kedge-fetch"), f"--socket={self.run}/fetch.sock"])

    def stop(self):
        self.kedged.stop()
        self.fetch.stop()

    def ctl(self, *words):
        """kedgectl's answer, or None while there is none to be had."""
        r = subprocess.run([harness.program("agent/kedgectl/kedgectl"), "--json", *words],
                           capture_output=True, text=True,
                           env={**os.environ, "KEDGE_RUNTIME_DIR": self.run, "KEDGE_STATE_DIR": self.state})
        return json.loads(r.stdout) if r.returncode == 0 else None

    def chain(self):
        status = self.ctl("status")
        return status["chains"][0] if status else None

    def count(self):
        total = {"wire": on_loopback()}
        for i in range(len(self.dn.nodes)):
            for key, value in self.dn.stats(i).items():
                if value.isdigit():
                    total[key] = total.get(key, 0) + int(value)
        return total

    def since(self, before):
        return {k: v - before.get(k, 0) for k, v in self.count().items()}

    def settle(self, timeout=60):
        """Waits until it follows and asks for nothing more; what that took since its start, in bytes and seconds."""
        seen, at = None, 0

        def quiet():
            nonlocal seen, at
            now = self.count()["bytes_in"]
            if now != seen:
                seen, at = now, time.monotonic()
            chain = self.chain() if time.monotonic() - at >= QUIET else None
            return chain and chain["state"] == "following" and now == self.count()["bytes_in"]
        harness.wait("kedged to have caught up", quiet, timeout)
        return {**self.since(self.before), "seconds": at - self.begun}

    def payload(self):
        """What kedged itself counts."""
        return sum(u["bytes_in"] + u["bytes_out"] for u in self.ctl("upstreams")["upstreams"])


def traffic(name, d, aim=""):
    wire = f", {kilo(d['wire'])} on the wire" if OWN_NETWORK else ""
    figure(name, f"{kilo(d['bytes_in'] + d['bytes_out'])}{wire}, {d.get('getblockheader2', 0)} headers", aim)


def answered(gateway, what):
    harness.wait("the first verified answer", lambda: gateway.ctl("query", NAME), 30)
    figure(f"first verified answer, {what}", f"{time.monotonic() - gateway.begun:.2f} s after the start")


def later(gateway, behind):
    """Stopped, and so many blocks later started again."""
    gateway.stop()
    if behind:
        gateway.dn.mine(behind)
    gateway.start()


def restart(gateway, behind):
    later(gateway, behind)
    return gateway.settle()


def memory(process, name):
    try:
        with open(f"/proc/{process.p.pid}/smaps_rollup") as f:
            kb = {w[0]: int(w[1]) for w in (line.split() for line in f) if len(w) > 2 and w[1].isdigit()}
    except OSError as e:
        figure(f"{name}: memory", f"cannot be read here ({e.strerror})")
        return
    figure(f"{name}: resident", f"{kb['Rss:'] / 1024:.2f} MB", "6 MB")
    figure(f"{name}: Private_Dirty", f"{kb['Private_Dirty:'] / 1024:.2f} MB", "1 MB")


def disk(gateway):
    names = sorted(os.listdir(gateway.state))
    sizes = {n: os.path.getsize(os.path.join(gateway.state, n)) for n in names}
    state = [n for n in names if n.startswith("chain-") and n.endswith(".state")]
    figure("state on disk, the chain's", f"{sum(sizes[n] for n in state)} bytes", "8000")
    total = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(gateway.state) for f in files)
    figure("state on disk, all, with the older generation", f"{total} bytes")


def near(folder):
    """A chain whose miners stay for long: restarts, one jump, memory."""
    dn = harness.Devnode(folder, "near", accounts=5000, slots=1000, nodes=3, blocks=400, rotate=100000)
    dn.set("server_ip", "10.1.2.3")
    dn.mine(12)
    gateway = Gateway(folder, dn, "near-agent")
    gateway.start()
    answered(gateway, "cold, 132 blocks behind")
    traffic("cold start, 132 blocks behind, and one name", gateway.settle())
    counted, nodes = gateway.payload(), gateway.since(gateway.before)
    figure("  as kedged counts it", f"{kilo(counted)}, the nodes {kilo(nodes['bytes_in'] + nodes['bytes_out'])}")

    for behind, aim in ((0, ""), (10, ""), (50, "20 kB"), (99, "20 kB")):
        traffic(f"restart, {behind} blocks behind", restart(gateway, behind), aim)
    begun = gateway.count()
    harness.wait("the name", lambda: gateway.ctl("query", NAME))
    gateway.settle()
    traffic("  one name more, proven at finalized and at head", gateway.since(begun))
    later(gateway, 10)
    answered(gateway, "10 blocks behind")
    gateway.settle()

    jumps = gateway.chain()["jumps"]
    traffic("one cold jump, 400 blocks behind", restart(gateway, 400), "45 kB")
    figure("  jumps in it", str(gateway.chain()["jumps"] - jumps), "1")
    figure("the chain machine's memory", f"{gateway.chain()['memory']} bytes", "50000")
    harness.wait("the name", lambda: gateway.ctl("query", NAME))
    memory(gateway.kedged, "kedged")
    memory(gateway.fetch, "kedge-fetch")
    disk(gateway)
    gateway.stop()
    dn.stop()


def far(folder, rotate, what):
    dn = harness.Devnode(folder, f"far-{rotate}", accounts=5000, slots=1000, nodes=3, blocks=10200, miners=64,
                         rotate=rotate)
    number, name = dn.block(dn.command(f"header {dn.peak()[0] - 10000}"))
    gateway = Gateway(folder, dn, f"far-agent-{rotate}", f"{number}:0x{name.hex()}")
    gateway.start()
    d = gateway.settle()
    chain = gateway.chain()
    traffic(f"cold, anchor 10,000 blocks old, {what}", d)
    figure("  jumps, and time", f"{chain['jumps']} jumps, {d['seconds']:.2f} s")
    if chain["jumps"]:
        payload = d["bytes_in"] + d["bytes_out"]
        share = f"{kilo(payload / (chain['jumps'] + 1))} of payload"
        figure("  for each jump, and the hundred headers before", share, "45 kB")
    gateway.stop()
    dn.stop()


def ethereum(folder):
    """A committee of 512 as on the public networks; the small network's periods are 64 slots, its proofs are short."""
    en = harness.Ethnode(folder, lag=300, committee=512, nodes=2)
    en.set("signature", bytes(range(1, 33)))
    en.mine(25)
    begun = time.monotonic()
    agent = harness.EthAgent(folder, en, checkpoint=en.root(en.final()[0]), Poll="10s")
    agent.wait_resolve("the pin", lambda r: r[0] == "ok")
    figure("ethereum: first verified answer, cold", f"{time.monotonic() - begun:.2f} s after the start")
    shown = json.loads(agent.kedgectl("--json", "upstreams")[1])["upstreams"]
    beacons = sum(u["bytes_in"] for u in shown if u["url"].startswith("beacon"))
    figure("  from the beacons until then", kilo(beacons), "56 kB")
    memory(agent.kedged, "  kedged")
    memory(agent.fetch, "  kedge-fetch, HTTP in use")
    state = [os.path.join(agent.state, n) for n in os.listdir(agent.state) if n.startswith("chain-")]
    figure("  state on disk, one generation", f"{max(os.path.getsize(p) for p in state)} bytes")
    agent.kedged.kill()
    agent.kedged.start()
    begun = time.monotonic()
    agent.wait_resolve("the pin again", lambda r: r[0] == "ok")
    figure("ethereum: first verified answer, from the state", f"{time.monotonic() - begun:.2f} s after the start")


def sizes(folder):
    for path, aim in (("nss/libnss_kedge.so.2", "16384"), ("lib/kedge/libkedge.so.1", ""),
                      ("lib/kedge-wolfssl/libkedge-wolfssl.so.1", ""), ("agent/kedged/kedged", ""),
                      ("agent/fetch/kedge-fetch", ""), ("agent/kedgectl/kedgectl", "")):
        full = os.path.join(harness.BUILD, path)
        copy = os.path.join(folder.path, "stripped")
        if os.path.exists(full) and subprocess.run(["strip", "-o", copy, full]).returncode == 0:
            figure(f"{os.path.basename(path)}, stripped", f"{os.path.getsize(copy)} bytes", aim)


def part(do, *words):
    folder = harness.Folder()
    failed = True
    try:
        do(folder, *words)
        failed = False
    finally:
        folder.close(failed)


def main():
    own_network()
    print("kedge against the test node: 5,000 accounts, 1,000 values, 3 nodes"
          + ("" if OWN_NETWORK else "; bytes on the wire cannot be counted here"), flush=True)
    try:
        part(near)
        part(far, 400, "changing miners")
        part(far, 100000, "the same miners")
        part(ethereum)
        part(sizes)
    except harness.Skip as e:
        print(f"  skipped: {e}")
        return harness.SKIP
    return 0


if __name__ == "__main__":
    sys.exit(main())
