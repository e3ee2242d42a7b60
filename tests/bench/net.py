"""What kedge-netd adds to WireGuard: a thousand peers and the removal of one against wg(8), throughput through a tunnel with
its rules against one that wg(8) and ip(8) have set up, all with wireguard-go in namespaces of the same run. One line a
figure: name, value, aim. A figure never fails the run."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402
from net_plant import (LINK, PORT, Driver, Gateway, Outside, Space, filled, iperf_once, private_dirty, revoked_among_many,  # noqa: E402
                       strangers, text)
from agent import figure  # noqa: E402

PEERS, ROUNDS = 1000, 5


class Plain(Space):
    """A namespace with wireguard-go alone."""

    def __init__(self, folder, bridge, number):
        super().__init__(folder, f"plain{number}")
        self.outer, self.tunnel = f"192.0.2.{number}", f"10.77.0.{number}"
        bridge.join(self, self.outer + "/24")
        self.wg = self.process("wireguard-go", "wireguard-go", "-f", LINK, env={"LOG_LEVEL": "silent"})
        harness.wait("wireguard-go", lambda: self.call("wg", "show", LINK, check=False).returncode == 0)
        self.conf = f"{folder.path}/plain{number}.conf"
        secret = self.call("wg", "genkey")
        with open(self.conf, "w") as f:
            f.write(f"[Interface]\nPrivateKey = {secret}ListenPort = {PORT}\n")
        self.call("wg", "setconf", LINK, self.conf)
        self.key = self.call("wg", "show", LINK, "public-key").strip()
        self.call("ip", "address", "add", self.tunnel + "/16", "dev", LINK)
        self.call("ip", "link", "set", LINK, "up", "mtu", "1420")

    def peer(self, other):
        self.call("wg", "set", LINK, "peer", other.key, "endpoint", f"{other.outer}:{PORT}", "allowed-ips", other.tunnel + "/32")


def timed(what):
    begun = time.monotonic()
    what()
    return (time.monotonic() - begun) * 1000


def by_wg(folder, plain, many):
    """Milliseconds of all from nothing, and of one removed."""
    path = folder.path + "/many.conf"
    with open(path, "w") as f:
        for key, tunnel, _, _ in many:
            f.write(f"[Peer]\nPublicKey = {text(key)}\nAllowedIPs = {tunnel}/32\n")
    filled = timed(lambda: plain.call("wg", "addconf", LINK, path))
    removed = [timed(lambda: plain.call("wg", "set", LINK, "peer", text(many[i][0]), "remove")) for i in range(ROUNDS)]
    return filled, min(removed), timed(lambda: plain.call("true"))


def by_netd(gateway, d, many):
    own = (gateway.tunnel + "/16",)
    d.desire((), own)  # the link stands, and its key
    s = d.desire(many, own)
    filled = s["elapsed_us"] / 1000
    removed = [d.desire(many[i + 1:], own)["elapsed_us"] / 1000 for i in range(ROUNDS)]
    return filled, min(removed)


def throughput(folder, bridge):
    a, b = Plain(folder, bridge, 1), Plain(folder, bridge, 2)
    a.peer(b), b.peer(a)
    c, e = Gateway(folder, bridge, 3), Gateway(folder, bridge, 4)
    dc, de = Driver(c.sock), Driver(e.sock)
    for d, g in ((dc, c), (de, e)):
        d.desire((), (g.tunnel + "/16",))
    dc.desire([(e.key(), e.tunnel, e.outer, PORT)], (c.tunnel + "/16",))
    de.desire([(c.key(), c.tunnel, c.outer, PORT)], (e.tunnel + "/16",))
    plain, ours = [], []
    for i in range(3):  # in turn: other work on the machine meets both
        plain.append(iperf_once(a, b, b.tunnel, 2, 5300 + i))
        ours.append(iperf_once(c.space, e.space, e.tunnel, 2, 5400 + i))
    return max(plain), max(ours)


def by_the_chain(folder):
    p, seconds = filled(folder, PEERS)
    figure("net: 1,000 members, from their block to peers", f"{seconds:.1f} s")
    accepted, last = revoked_among_many(p)
    figure("net: one revoked: from the block to the head", f"{accepted:.0f} ms")
    figure("net: from the head to the last packet", f"{last:.0f} ms", "under 100 ms")


def of_netd(folder):
    bridge = Outside(folder)
    many = strangers(PEERS)
    plain, gateway = Plain(folder, bridge, 11), Gateway(folder, bridge, 12)
    wg_filled, wg_removed, nothing = by_wg(folder, plain, many)
    d = Driver(gateway.sock)
    filled, removed = by_netd(gateway, d, many)
    figure("net: 1,000 peers, sets and rules from nothing", f"{filled:.0f} ms", "under 1 s")
    figure("net: the same peers alone by wg addconf", f"{wg_filled - nothing:.0f} ms")
    figure("net: ratio", f"{filled / (wg_filled - nothing):.2f}", "under 1.5")
    figure("net: one of 1,000 removed: peer, set element, flows", f"{removed:.1f} ms", "under 100 ms")
    figure("net: the peer alone by wg set", f"{wg_removed - nothing:.1f} ms")
    figure("net: Private_Dirty of kedge-netd with 1,000 peers", f"{private_dirty(gateway.netd.p.pid)} kB", "under 1024 kB")
    for p in (plain.wg, gateway.wg, gateway.netd):
        p.kill()
    by_hand, ours = throughput(folder, bridge)
    figure("net: iperf3 through a tunnel made by hand", f"{by_hand:.0f} Mbit/s")
    figure("net: through one of kedge-netd, with its rules", f"{ours:.0f} Mbit/s", "the same")
    figure("net: ratio", f"{ours / by_hand:.2f}", "over 0.95")


def main():
    for part in (of_netd, by_the_chain):
        folder, failed = harness.Folder(), True
        try:
            part(folder)
            failed = False
        except harness.Skip as e:
            print(f"net: skipped: {e}")
            failed = False
        finally:
            folder.close(failed)


if __name__ == "__main__":
    main()
