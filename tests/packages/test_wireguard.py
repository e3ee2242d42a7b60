"""WireGuard and nftables between two gateways that are installed from our packages and know each other from the contract alone,
step by step as the README says it. They are joined by a bridge, where the chain is too. The kernel of a container may have no
WireGuard: wireguard-go moves the packets, by the unit that the package brings."""
import json
import os
import re
import shutil
import subprocess
import time
from types import SimpleNamespace

from clean import GATEWAY, SOURCE, Chain, Gateway, Skip, program, wait
from harness import Folder
from net_plant import Outside, need_machine

PACKAGES = GATEWAY + ["kedge-netd"]
NODE = "192.0.2.254"
INTERVAL = 100  # ms, of blocks
DEPTH = 30      # blocks after which what was written is final


def readme_net_conf(host):
    """net.conf as the README has it."""
    with open(SOURCE + "/README.md") as f:
        block = re.search(r"`/etc/kedge/net\.conf`.*?\n\n((?: {7}.*\n)+)", f.read()).group(1)
    assert "Host=gw1\n" in block, block
    return re.sub(r"^ {7}", "", block, flags=re.M).replace("Host=gw1", "Host=" + host)


class BridgedChain(Chain):
    """A test chain that several gateways reach, on the bridge between them."""

    def __init__(self, folder, bridge):
        self.info_file, self.control_file = folder.path + "/devnode.info", folder.path + "/devnode.ctl"
        bridge.call("ip", "address", "add", NODE + "/24", "dev", "br0")
        bridge.process("devnode", program("tests/devnode/kedge-devnode"), "--info=" + self.info_file, "--control=" + self.control_file,
                       "--blocks=300", "--accounts=300", "--slots=100", f"--interval={INTERVAL}", "--address=" + NODE)
        wait("the test node", lambda: os.path.exists(self.info_file))
        with open(self.info_file) as f:
            self.info = dict(line.strip().split("=", 1) for line in f)
        self.members = 0

    def sent(self, transaction):
        """What becomes of the contract when the transaction that kedgectl printed is signed and sent: as in
        packaging/contracts, which counts its members itself."""
        host = transaction["name"].split(".")[0]
        if transaction["call"].startswith("addHost("):
            self.set(f"_member.{self.members}", host)
            self.members += 1
            self.set("_members", self.members.to_bytes(32, "big"))
        elif transaction["call"].startswith("revokeHost("):
            self.command(f"clear {host}.wg_key")
            self.command(f"clear {host}.wg_key_next")
        for record in transaction["records"]:
            zero = int(record["value"], 16) == 0
            self.command(f"clear {record['key_text']}" if zero else f"set {record['key_text']} {record['value']}")


class NetGateway(Gateway):
    def __init__(self, context, plant, number):
        super().__init__(f"{plant.folder.path}/gw{number}", context)
        self.plant, self.hostname = plant, f"gw{number}"
        self.outer, self.tunnel = f"192.0.2.{number}", f"10.77.0.{number}"
        self.write("/etc/hostname", self.hostname + "\n")

    def boot(self):
        super().boot(more=["--bind=/dev/net/tun"])
        holder = SimpleNamespace(holder=SimpleNamespace(p=SimpleNamespace(pid=self.init)), call=self.must)
        self.plant.bridge.join(holder, self.outer + "/24")

    def peers(self):
        """As wg tells: public keys, and what belongs to each."""
        rows = [line.split("\t") for line in self.run("wg", "show", "kedge0", "dump").stdout.splitlines()[1:]]
        return {r[0]: {"endpoint": r[2], "allowed": r[3], "handshake": int(r[4])} for r in rows}

    def ruleset(self):
        return self.must("nft", "list", "ruleset")

    def pings(self, address, timeout=40):
        wait(f"{address} to answer {self.hostname}", lambda: self.run("ping", "-n", "-c", "1", "-W", "1", address).returncode == 0, timeout)

    def main_pid(self, unit):
        return self.must("systemctl", "show", "-P", "MainPID", unit).strip()

    def record(self, *argv):
        """kedgectl record, sent."""
        self.plant.chain.sent(json.loads(self.must("kedgectl", "--json", "record", *argv)))

    def why(self):
        print(f"--- {self.hostname}")
        print(self.sh("journalctl -b --no-pager -u 'kedge*' | tail -60; ip addr; wg show; nft list ruleset; kedgectl status; "
                      "kedgectl net status; kedgectl net plan").stdout if self.init else self.console_text())


class Plant:
    """gw1 and gw2 with our packages, each with the chain's drop-in; no network yet."""

    def __init__(self, context):
        need_machine("systemd-nspawn")
        self.folder, self.gateways = Folder(), []
        try:
            self.bridge = Outside(self.folder)
            self.chain = BridgedChain(self.folder, self.bridge)
            self.gateways = [NetGateway(context, self, n) for n in (1, 2)]
            for g in self.gateways:
                g.boot()
                g.install(PACKAGES)
                g.write("/etc/kedge/kedged.conf.d/50-test.conf", self.chain.conf())
                g.must("systemctl", "restart", "kedged")
        except BaseException:
            self.close(True)
            raise

    def close(self, failed):
        for g in self.gateways:
            if failed:
                try:
                    g.why()
                except (OSError, subprocess.SubprocessError) as e:
                    print(e)
            g.stop()
        self.folder.close(failed)

    def settles(self):
        for g, other in (self.gateways, self.gateways[::-1]):
            wait(f"{g.hostname} to have the other as its only peer", lambda: [p["allowed"].split(",")[0] for p in g.peers().values()] ==
                 [other.tunnel + "/32"], 60, 0.1)


def step_service(g):
    g.must("systemctl", "enable", "--now", "kedge-netd.socket")
    g.must("systemctl", "enable", "--now", "kedge-wireguard-go@kedge0")


def step_conf(g):
    g.write("/etc/kedge/net.conf", readme_net_conf(g.hostname))
    out = g.must("sh", "-c", "kedged --check-config && systemctl reload kedged")
    assert "the configuration is good" in out, out


def step_key(g):
    """Public, and not there before kedge-netd has made it."""
    def key():
        out = g.run("kedgectl", "net", "key", "plant").stdout.strip()
        return out if re.fullmatch(r"[A-Za-z0-9+/]{43}=", out) else None
    return wait("our key", key, 60, 0.1)


def enter(g, at):
    """Steps 4 and 5: the records of a gateway, on any machine with kedgectl."""
    name = g.hostname + ".plant.fleet"
    at.record("add", name)
    at.record("wg", name, "key=" + step_key(g), f"endpoint={g.outer}:51820", "ip=" + g.tunnel)


def tunnels(plant):
    """Steps 1 to 7."""
    for g in plant.gateways:
        step_service(g)
        step_conf(g)
    for g in plant.gateways:
        enter(g, plant.gateways[0])
    plant.settles()
    a, b = plant.gateways
    a.pings(b.tunnel)
    b.pings(a.tunnel)
    for g, other in ((a, b), (b, a)):
        plan = g.run("kedgectl", "net", "plan")
        assert plan.returncode == 0, plan.stdout
        assert f"{other.hostname}" in g.must("kedgectl", "net", "status")
        assert other.tunnel in g.ruleset()


def thief(plant):
    """Step 10: peer, firewall entry and flow are gone."""
    a, b = plant.gateways
    flow = a.start("ping", "-n", "-D", "-i", "0.2", "-W", "1", b.tunnel)
    try:
        line = [flow.stdout.readline() for _ in range(3)][-1]
        assert "bytes from" in line, line
        a.record("revoke", "gw2.plant.fleet")
        said = time.monotonic()
        wait("the peer to be gone", lambda: not a.peers(), 40, 0.05)
        took = time.monotonic() - said
        wait("the firewall's entry to be gone", lambda: b.tunnel not in a.ruleset())
    finally:
        flow.terminate()
        flow.wait(10)
    assert a.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", b.tunnel).returncode != 0
    assert b.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", a.tunnel).returncode != 0
    print(f"  revoked: the peer was gone {took:.1f} s after the transaction, a block is {INTERVAL / 1000} s")


def with_plant(*steps):
    def story(context):
        plant, ok = Plant(context), False
        try:
            for step in steps:
                began = time.monotonic()
                step(plant)
                print(f"  {step.__name__} {time.monotonic() - began:.1f} s", flush=True)
            ok = True
        finally:
            plant.close(not ok)
    return story


STORIES = [
    ("tunnel", with_plant(tunnels, thief), True),
]
