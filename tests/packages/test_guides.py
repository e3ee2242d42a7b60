"""The guides, tried as a new user would: every command in them is run on a booted gateway; see guide.py."""
import glob
import os
import shutil
import signal
from types import SimpleNamespace

from clean import SOURCE, Gateway, make_root, program, wait
from guide import Runner
from guide_wallet import Wallet
from harness import Folder
from net_plant import Outside, Space, need_machine
from test_wireguard import NODE, BridgedChain
from versions import repack

USER = "maria"  # who reads the guides
VERSION = "99-1"  # to which she upgrades
# What a developer has beside what a gateway has.
TOOLS = ["gcc", "libc6-dev", "pkg-config", "libwolfssl-dev", "libssl-dev", "openssl", "libglib2.0-bin", "python3-dbus"]
# A container that comes back has the machine's boot id and its uptime in the /proc of kedged's unit: what was a power cut is a
# restart to kedged.
AFTER_A_CUT, AFTER_A_RESTART = "stale, and served: no head", "fresh: only what was proven before: no head"
# What the guides show for what is another in each run.
CONTRACT = "0xb0914dd0ece161cd868dde3603cbf21b27f1b8f0"
CHECKPOINT = "12345600:0x4f1c26cd5ab0ba3de0d5c5aaf1cc9c2f9a9a0f44d3fe2d9f6bb2a1f0f4f0c7b1"
UPSTREAMS = ["diode://0x5d9ea629946ef66e5fcb070f11b6cf989b19bf90@198.51.100.7:41046",
             "diode://0xc151051adcf379170403382c9afd3f607f9e234b@203.0.113.9:41046"]
KEY_GW1 = "qS1Cj2mMqDPFHvZ7ZrS5c3BvIuqWpZ3Xq0mYk5d5ZkA="
KEY_GW2 = "u5rTg0n3hFJ0bC4HcP3m2yqXl8wQy6c1E9aKxN7sVgM="


class World:
    """The gateway gw1 of the operator's guide, the chain that it follows, and what happens around them."""

    def __init__(self, context):
        need_machine("systemd-nspawn")
        self.folder, self.m = Folder(), None
        try:
            self.start(context)
        except BaseException:
            self.close(True)
            raise

    def start(self, context):
        self.m = Gateway(self.folder.path + "/gw1", context)
        self.bridge = Outside(self.folder)
        self.chain = BridgedChain(self.folder, self.bridge)
        self.chain.command("interval 500")  # the node finalizes a block one or two later: now and then before kedged has looked
        self.boot()
        self.m.must("useradd", "-m", "-s", "/bin/bash", USER)
        for file in glob.glob(context.debs + "/*.deb"):
            if "-dbgsym_" not in file:
                shutil.copy(file, self.m.root + "/root/")

    def boot(self):
        self.m.boot(more=["--bind=/dev/net/tun"])
        holder = SimpleNamespace(holder=SimpleNamespace(p=SimpleNamespace(pid=self.m.init)), call=self.m.must)
        self.bridge.join(holder, "192.0.2.1/24")

    def close(self, failed):
        if failed and self.m and self.m.init:
            print(self.m.sh("journalctl -b --no-pager -u 'kedge*' | tail -40").stdout)
        if self.m:
            self.m.stop()
        self.folder.close(failed)

    def examples(self):
        i = self.chain.info
        return {"--chain diode": f"--chain diode --chain-id {i['CHAIN_ID']} --fleet {i['FLEET']}", "chain id    15": "chain id    " + i["CHAIN_ID"],
                "blockquick - 15": "blockquick - " + i["CHAIN_ID"], CONTRACT: i["CONTRACT"], CHECKPOINT: i["CHECKPOINT"],
                UPSTREAMS[0]: i["NODE0"], UPSTREAMS[1]: i["NODE1"], AFTER_A_CUT: AFTER_A_RESTART}

    def source(self):
        """The sources, as far as they are typed about."""
        self.m.copy("tests/devnode/kedge-devnode", f"/home/{USER}/build/tests/devnode/kedge-devnode")

    def set_up(self):
        """What the operator's guide has done before."""
        i = self.chain.info
        self.m.install(["kedged", "kedge-tools", "libnss-kedge"])
        self.m.must("kedgectl", "setup", "--chain", "diode", "--chain-id", i["CHAIN_ID"], "--fleet", i["FLEET"], "--checkpoint",
                    i["CHECKPOINT"], "--upstream", i["NODE0"], "--upstream", i["NODE1"], "--zone", "plant.internal", "--contract",
                    i["CONTRACT"], "--yes")
        self.hurry()

    def happens(self, name, *rest):
        getattr(self, name)(*rest)

    def hurry(self):
        """The test node's days are minutes long."""
        self.m.write("/etc/kedge/kedged.conf.d/90-test.conf", "[Chain diode]\nPoll=100ms\nRequestTimeout=1500ms\nRestTime=300ms\n"
                     "DailyBytes=0\n")
        self.m.must("systemctl", "restart", "kedged")

    def password(self, user):
        self.m.must("chpasswd", stdin=user + ":correct horse\n")

    def alice(self):
        """A user with an SSH key, which maria has been sent; and an sshd, which the test's root does not start."""
        self.m.must("useradd", "-m", "-s", "/bin/bash", "alice")
        self.m.must("runuser", "-u", "alice", "--", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/tmp/key")
        self.m.must("sh", "-c", "install -d -m 700 -o alice -g alice ~alice/.ssh && cp /tmp/key.pub ~maria/alice.pub && "
                    "mv /tmp/key ~alice/.ssh/id_ed25519 && mv /tmp/key.pub ~alice/.ssh/id_ed25519.pub")
        self.m.must("systemctl", "enable", "--now", "ssh")

    def gw2(self):
        """The other gateway: its end of the tunnel, as its own kedged would make it."""
        self.other = Space(self.folder, "gw2")
        self.bridge.join(self.other, "192.0.2.2/24")
        self.other.process("wireguard-go", "wireguard-go", "-f", "kedge0", env={"LOG_LEVEL": "error"})
        wait("the link of gw2", lambda: self.other.call("wg", "show", "kedge0", check=False).returncode == 0)
        gw1 = self.runner.values.known[KEY_GW1]
        self.other.call("sh", "-c", "wg genkey >/run/key && wg set kedge0 listen-port 51820 private-key /run/key "
                        f"peer {gw1} endpoint 192.0.2.1:51820 persistent-keepalive 1 allowed-ips 10.77.0.1/32 && "
                        "ip address add 10.77.0.2/16 dev kedge0 && ip link set kedge0 up")
        self.runner.values.known[KEY_GW2] = self.other.call("wg", "show", "kedge0", "public-key").strip()

    def newer(self):
        """The folder that the reader is in holds the packages of a later version."""
        for file in glob.glob(self.m.root + "/root/*.deb"):
            repack(file, self.m.root + "/root", VERSION)
            os.unlink(file)

    def uplink(self, way):
        self.bridge.call("ip", "address", {"down": "del", "up": "add"}[way], NODE + "/24", "dev", "br0")

    def power(self, _):
        os.kill(self.m.init, signal.SIGKILL)
        self.m.nspawn.wait(20)
        self.m.stop_only()
        self.boot()

    def run(self, guide, wanted=lambda part: True):
        self.runner = Runner(self.m, f"{SOURCE}/{guide}", self.examples(), Wallet(self.chain), self.happens, USER)
        self.runner.run(wanted)


def tried(guide, parts=(), root="root", more=(), before=None):
    def story(context):
        at = make_root(context.work, context.debs, root, more)
        world, ok = World(SimpleNamespace(root=at, debs=context.debs)), False
        try:
            if before:
                before(world)
            world.run(guide, lambda part: not parts or part in parts)
            ok = True
        finally:
            world.close(not ok)
    return story


STORIES = [
    ("guide, first half", tried("docs/operators-guide.md", ("", "first")), True),
    ("guide", tried("docs/operators-guide.md"), False),
    ("README's installation", tried("README.md"), False),
    ("guide for developers", tried("docs/developers-guide.md", root="root-dev", more=TOOLS, before=World.set_up), False),
]
