"""WireGuard and nftables between two gateways that are installed from our packages and know each other from the contract alone,
step by step as the operator's guide says it. They are joined by a bridge, where the chain is too. The kernel of a container may have no
WireGuard: wireguard-go moves the packets, by the unit that the package brings."""
import copy
import json
import os
import re
import subprocess
import time
from types import SimpleNamespace

from clean import GATEWAY, SOURCE, Chain, Gateway, deb, in_steps, program, wait
from guide import read
from harness import Folder
from net_plant import Outside, need_machine

PACKAGES = GATEWAY + ["kedge-netd"]
NODE = "192.0.2.254"
INTERVAL = 100  # ms, of blocks


def guide_net_conf(host):
    """net.conf as the operator's guide has it."""
    block = next(b for b in read(SOURCE + "/docs/operators-guide.md") if b.steer.get("write") == "/etc/kedge/net.conf")
    assert "Host=gw1" in block.text, block.text
    return "\n".join(block.text).replace("Host=gw1", "Host=" + host).replace("plant.internal", "plant.fleet") + "\n"


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
        self.members, self.values = 0, {}

    def sent(self, transaction):
        """What becomes of the contract when the transaction that kedgectl printed is signed and sent: as in
        packaging/contracts, which counts its members itself."""
        host = transaction["name"].split(".")[0]
        if transaction["call"].startswith("addHost("):
            self.set(f"_member.{self.members}", host)
            self.members += 1
            self.set("_members", self.members.to_bytes(32, "big"))
        elif transaction["call"].startswith("revokeHost("):
            self.put(host + ".wg_key", "0x0")
            self.put(host + ".wg_key_next", "0x0")
        elif transaction["call"].startswith("promote("):
            self.put(host + ".wg_key", self.values[host + ".wg_key_next"])
            self.put(host + ".wg_key_next", "0x0")
        for record in transaction["records"]:
            self.put(record["key_text"], record["value"])

    def put(self, key, value):
        self.values[key] = value
        self.command(f"set {key} {value}" if int(value, 16) else "clear " + key)

    def settle(self):
        """What the contract holds is final by the word of the chain, and the gateways have had time to see it."""
        block = self.peak()[0]
        wait("what was written to be final", lambda: self.final()[0] > block + 10, 60, 0.1)


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

    def index(self):
        """Of the link: another one has another number."""
        r = self.run("cat", "/sys/class/net/kedge0/ifindex")
        return r.stdout.strip() if r.returncode == 0 else None

    def install_again(self, name):
        """As an upgrade does: the scripts of both packages run."""
        return self.must("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "--reinstall", "install", "/debs/" +
                         os.path.basename(deb(self.context.debs, name)), timeout=300)

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
    """gw1 and gw2 with our packages, each with the chain's drop-in; no network yet. As an image: the packages were installed once,
    where nothing ran, and each gateway is a copy. Else on each while it runs."""

    def __init__(self, context, image):
        need_machine("systemd-nspawn")
        self.folder, self.gateways, self.image = Folder(), [], None
        try:
            self.bridge = Outside(self.folder)
            self.chain = BridgedChain(self.folder, self.bridge)
            if image:
                context = self.installed(context)
            self.gateways = [NetGateway(context, self, n) for n in (1, 2)]
            for g in self.gateways:
                self.begin(g)
        except BaseException:
            self.close(True)
            raise

    def installed(self, context):
        self.image = Gateway(self.folder.path + "/image", context)
        self.image.install(PACKAGES)
        above = copy.copy(context)
        above.root = f"{self.image.at}/upper:{context.root}"
        return above

    def begin(self, g):
        g.write("/etc/kedge/kedged.conf.d/50-test.conf", self.chain.conf())
        g.boot()
        if not self.image:
            g.install(PACKAGES)

    def close(self, failed):
        for g in [*self.gateways, *([self.image] if self.image else [])]:
            if failed and g is not self.image:
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
    g.write("/etc/kedge/net.conf", guide_net_conf(g.hostname))
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


def killed(plant):
    """kedge-netd and wireguard-go end in an unfriendly way: the one changes nothing, after the other all is made again."""
    a, b = plant.gateways
    before = a.index()
    a.must("systemctl", "kill", "-s", "KILL", "kedge-netd.service")
    wait("kedge-netd to be back", lambda: a.run("kedgectl", "net", "status").returncode == 0, 40, 0.1)
    assert a.index() == before, "the link is another one"
    a.pings(b.tunnel)
    a.must("systemctl", "kill", "-s", "KILL", "kedge-wireguard-go@kedge0.service")
    wait("another link", lambda: a.index() not in (before, None), 40, 0.1)
    plant.settles()
    a.pings(b.tunnel)


def upgraded(plant):
    """kedge-netd is another one, the tunnel is the same, and traffic goes on."""
    a, b = plant.gateways
    before, daemon = (a.index(), a.main_pid("kedge-wireguard-go@kedge0")), a.main_pid("kedge-netd")
    flow = a.start("ping", "-n", "-i", "0.2", "-W", "1", b.tunnel)
    a.install_again("kedge-netd")
    assert a.main_pid("kedge-netd") not in (daemon, "0"), "kedge-netd was not restarted"
    assert (a.index(), a.main_pid("kedge-wireguard-go@kedge0")) == before, "the tunnel was torn down"
    wait("kedge-netd to be told what stands", lambda: a.run("kedgectl", "net", "status").returncode == 0, 40, 0.1)
    a.run("pkill", "-INT", "ping")
    said = flow.communicate(timeout=20)[0]
    sent, got = (int(n) for n in re.search(r"(\d+) packets transmitted, (\d+) received", said).groups())
    assert sent - got <= 2, said
    print(f"  upgraded: {got} of {sent} pings answered meanwhile")


def another_key(plant):
    """Step 9."""
    a, b = plant.gateways
    old = step_key(b)
    out = b.must("kedgectl", "net", "key", "plant", "--next")
    new = next(k for k in re.findall(r"[A-Za-z0-9+/]{43}=", out) if k != old)
    a.record("wg", "gw2.plant.fleet", "next=" + new)
    plant.chain.settle()
    a.record("promote", "gw2.plant.fleet", "wg_key")
    wait("the other key to be the peer's", lambda: set(a.peers()) == {new}, 60, 0.1)
    a.pings(b.tunnel)
    assert step_key(b) == new


def locked_out(plant):
    """Step 8: an edit that nobody confirms goes back by itself; from then on nothing changes without a word."""
    a, _ = plant.gateways
    good = guide_net_conf(a.hostname)
    a.must("kedgectl", "net", "rollback", "plant", "--timeout=4s")
    a.write("/etc/kedge/net.conf", good + "OnlyFleet=outer0\n")
    a.must("systemctl", "reload", "kedged")
    wait("the outer link to be closed", lambda: 'iifname "outer0" jump' in a.ruleset(), 40, 0.1)
    wait("what stood before to be back", lambda: 'iifname "outer0" jump' not in a.ruleset(), 60, 0.1)
    a.write("/etc/kedge/net.conf", good)
    a.must("systemctl", "reload", "kedged")
    a.must("kedgectl", "net", "apply", "plant")
    plant.settles()


def rebooted(plant):
    """Nobody types anything."""
    a, b = plant.gateways
    key = step_key(a)
    a.reboot()
    plant.settles()
    a.pings(b.tunnel)
    b.pings(a.tunnel)
    assert step_key(a) == key


def removed(plant):
    """The package goes, and with it link, routes, table and processes. Its keys and configuration stay, and are good again when it
    is installed again; purge forgets them, and its user."""
    a, b = plant.gateways
    key, keys = step_key(a), a.root + "/var/lib/kedge-netd"
    a.remove("kedge-netd")
    nothing_left(a)
    assert os.path.exists(keys + "/kedge0.key") and os.path.exists(a.root + "/etc/kedge/netd.conf")
    assert b.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", a.tunnel).returncode != 0
    a.install(["kedge-netd"])
    plant.settles()
    a.pings(b.tunnel)
    assert step_key(a) == key
    a.remove("kedge-netd", purge=True)
    nothing_left(a)
    wants = a.root + "/etc/systemd/system/multi-user.target.wants/kedge-wireguard-go@kedge0.service"
    left = [p for p in (keys, a.root + "/etc/kedge/netd.conf", wants) if os.path.lexists(p)]
    assert not left, left
    assert a.run("id", "_kedge-netd").returncode != 0
    assert a.run("systemctl", "is-active", "kedged").stdout.strip() == "active"


def nothing_left(g):
    assert g.index() is None, "the link is there"
    assert "kedge" not in g.ruleset() and "kedge0" not in g.must("ip", "route")
    assert g.run("pgrep", "-a", "wireguard-go|kedge-netd").stdout == ""
    left = g.sh("ls -d /run/wireguard /run/kedge-netd/netd.sock").stdout
    assert not left, left
    failed = g.must("systemctl", "list-units", "--failed", "--no-legend", "--plain", "kedge*")
    assert not failed, failed


def with_plant(*steps, image=False):
    def story(context):
        plant, ok = Plant(context, image), False
        try:
            in_steps(context, plant, *steps)
            ok = True
        finally:
            plant.close(not ok)
    return story


STORIES = [
    ("tunnel", with_plant(tunnels, thief, image=True), True),
    ("tunnel, for years", with_plant(tunnels, killed, upgraded, another_key, locked_out, rebooted, removed), False),
]
