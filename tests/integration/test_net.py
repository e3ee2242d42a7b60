"""Networks between gateways that know each other from the chain alone, with wireguard-go and real traffic: what the
other tests show of each part is shown here of all of it. Arguments are names of tests; without any, all are run, also
those that are too long for every day: *_again_and_again, *_thousand_*."""
import base64
import os
import random
import re
import sys
import threading
import time

from harness import run, wait
from net_plant import (PORT, TCP_SERVER, ZONE, Driver, Echo, Gateway, Iperf, Outside, Pings, Plant, Space, filled, need_machine,
                       private_dirty, revoked_among_many, strangers, text)

ICMP, TCP = 3, 1
ANYONE = 255
LOST = 4  # seconds: a session that was lost is begun anew after 5 (REKEY_TIMEOUT)


def three(folder):
    bridge = Outside(folder)
    return [Gateway(folder, bridge, i + 1) for i in range(3)]


class Driven:
    """A gateway that is told by a Driver what kedged would tell it."""

    def __init__(self, gateway):
        self.g = gateway
        self.d = Driver(gateway.sock)
        self.own = (gateway.tunnel + "/16",)
        self.rules = ((ANYONE, 0, 0, 0),)
        self.key = None
        self.key = self.say(())["key"]

    def say(self, others, extra=(), **more):
        """others: gateways that are to be peers."""
        peers = [(o.key, o.g.tunnel, o.g.outer, PORT) for o in others]
        s = self.d.desire([*peers, *extra], self.own, rules=self.rules, **more)
        assert s["error"] == 0, s
        return s

    def reconnect(self):
        serial = self.d.serial
        self.d.close()
        wait("kedge-netd to listen", lambda: os.path.exists(self.g.sock))
        self.d = wait("kedge-netd to answer", self.try_driver)
        self.d.serial = serial

    def try_driver(self):
        try:
            return Driver(self.g.sock)
        except OSError:
            return None


def test_netd_sets_up_a_tunnel_and_takes_it_down(folder):
    """ping, TCP and iperf3 go through; who is removed is cut off at once, and the other notices nothing."""
    need_machine("iperf3", "nft")
    a, b, c = (Driven(g) for g in three(folder))
    assert len({a.key, b.key, c.key}) == 3 and bytes(32) not in (a.key, b.key, c.key)
    a.say((b, c)), b.say((a,)), c.say((a,))
    ping, echo = Pings(a.g.space, b.g.tunnel), Echo(a.g.space, b.g.space, b.g.tunnel)
    ping.flows("with b as a peer"), echo.flows("with b as a peer")
    other = Iperf(a.g.space, c.g.space, c.g.tunnel)
    first = len(other.rates())
    said = time.time()
    s = a.say((c,))
    assert (s["removed"], s["added"], s["changed"], s["peers"]) == (1, 0, 0, 1), s
    took = time.time() - said
    assert ping.stops("b is removed") - said < took + LOST and echo.stops("b is removed") - said < took + LOST
    assert other.longest_silence(first) < LOST
    assert b.g.tunnel not in a.g.space.call("nft", "list", "table", "inet", "kedge")
    print(f"  removed in {took * 1000:.1f} ms, of which kedge-netd {s['elapsed_us'] / 1000:.1f}")
    a.say((b, c))
    ping.flows("b is a peer again"), echo.flows("b is a peer again")


def test_netd_rules_say_which_ports_are_open(folder):
    need_machine("nft")
    a, b, _ = (Driven(g) for g in three(folder))
    b.rules = ((ANYONE, ICMP, 0, 0), (ANYONE, TCP, 7007, 7007))
    a.say((b,)), b.say((a,))
    Pings(a.g.space, b.g.tunnel).flows("ICMP is allowed")
    Echo(a.g.space, b.g.space, b.g.tunnel, 7007).flows("7007 is allowed")
    closed = b.g.space.process("closed", "python3", "-m", "http.server", "7008", "--bind", b.g.tunnel)
    wait("the server", lambda: b.g.space.call("sh", "-c", "ss -ltn 2>/dev/null | grep 7008 || true"))
    r = a.g.space.call("curl", "-m", "2", "-s", f"http://{b.g.tunnel}:7008/", check=False)
    assert r.returncode == 28 and closed.alive(), r


def test_netd_killed_at_any_moment(folder, rounds=20):
    """Traffic goes on, and what is said again changes nothing."""
    a, b, c = (Driven(g) for g in three(folder))
    a.say((b, c)), b.say((a,)), c.say((a,))
    ping, echo = Pings(a.g.space, b.g.tunnel), Echo(a.g.space, b.g.space, b.g.tunnel)
    ping.flows("to b"), echo.flows("to b")
    begun, key = time.time(), a.key
    for i in range(rounds):
        kill = threading.Timer(0.0007 * (i % 20), a.g.netd.kill)
        kill.start()
        try:
            a.d.desire([(o.key, o.g.tunnel, o.g.outer, PORT) for o in ((b, c) if i % 2 else (b,))], a.own)
        except (AssertionError, OSError):
            pass
        kill.join()
        a.g.netd.kill()
        a.g.netd.start()
        a.reconnect()
        s = a.say((b, c))
        assert s["key"] == key and s["peers"] == 2 and s["foreign"] == 0, s
        s = a.say((b, c))
        assert (s["added"], s["removed"], s["changed"], s["flows"]) == (0, 0, 0, 0), s
    ping.flows("after all"), echo.flows("after all")
    print(f"  longest gap {ping.gap(begun) * 1000:.0f} ms of ping, {echo.gap(begun) * 1000:.0f} ms of TCP")
    assert ping.gap(begun) < LOST and echo.gap(begun) < LOST


def test_netd_killed_again_and_again(folder):
    test_netd_killed_at_any_moment(folder, 200)


def test_netd_brings_a_new_wireguard_go_up(folder):
    """A wireguard-go that ended and was started again: peers, key, addresses and routes come back by themselves."""
    a, b, _ = (Driven(g) for g in three(folder))
    a.say((b,)), b.say((a,))
    ping = Pings(a.g.space, b.g.tunnel)
    ping.flows("to b")
    a.g.restart(a.g.wg)
    wait("the peer to be there again", lambda: len(a.g.peers()) == 1)
    ping.flows("wireguard-go is another one")
    assert a.g.key() == a.key


def test_netd_with_a_thousand_peers(folder, n=1000):
    need_machine("iperf3")
    a, b, _ = (Driven(g) for g in three(folder))
    b.say((a,))
    many = strangers(n)
    begun = time.monotonic()
    s = a.say((b,), many)
    print(f"  {n + 1} peers from nothing in {(time.monotonic() - begun) * 1000:.0f} ms, kedge-netd {s['elapsed_us'] / 1000:.0f}")
    assert s["peers"] == n + 1
    ping = Pings(a.g.space, b.g.tunnel)
    ping.flows("among many")
    times = []
    for i in range(10):
        begun = time.monotonic()
        s = a.say((b,), many[i + 1:])
        times.append((time.monotonic() - begun) * 1000)
        assert s["removed"] == 1 and s["peers"] == n - i, s
    print(f"  one of them removed in {min(times):.1f} to {max(times):.1f} ms")
    begun = time.time()
    s = a.say((), many[10:])
    print(f"  the one with flows removed in {(time.time() - begun) * 1000:.1f} ms, kedge-netd "
          f"{s['elapsed_us'] / 1000:.1f}; Private_Dirty {private_dirty(a.g.netd.p.pid)} kB")
    assert ping.stops("removed") - begun < LOST


def assert_no_flows(gateway, address):
    """Where conntrack can be asked: no entry has seen an answer; what we still send to the address makes new ones."""
    for line in gateway.space.call("conntrack", "-L", check=False).stdout.splitlines():
        assert f"={address} " not in line or "[UNREPLIED]" in line, line


# What follows stands on the chain.

def test_net_from_the_chain(folder):
    """Ping, TCP, curl and iperf3 between gateways that know each other from the contract alone; one is revoked."""
    need_machine("iperf3", "curl", "wg", "nft")
    p = Plant(folder)
    a, b, c = p.gateways
    ping, back, echo = Pings(a.space, b.tunnel), Pings(c.space, b.tunnel), Echo(a.space, b.space, b.tunnel)
    ping.flows("by the chain's word"), back.flows("by the chain's word"), echo.flows("by the chain's word")
    os.mkdir(b.home + "/web")
    with open(b.home + "/web/word", "w") as f:
        f.write("from b\n")
    b.space.process("web", "python3", "-m", "http.server", "8080", "--bind", b.tunnel, "--directory", b.home + "/web")
    fetch = ("curl", "-s", "-m", "5", f"http://{b.tunnel}:8080/word")
    wait("curl through the tunnel", lambda: a.space.call(*fetch, check=False).stdout == "from b\n", every=0.2)
    other = Iperf(a.space, c.space, c.tunnel)
    first, said = len(other.rates()), time.time()
    p.fleet.revoke("gw2")
    last = ping.stops("gw2 is revoked"), back.stops("gw2 is revoked"), echo.stops("gw2 is revoked")
    print(f"  flows ended {[round(t - said, 2) for t in last]} s after the contract was told, a block is 0.1 s")
    wait("gw2 to be no peer", lambda: len(a.peers()) == 1 and len(c.peers()) == 1)
    assert b.tunnel not in a.space.call("nft", "list", "table", "inet", "kedge")
    assert_no_flows(a, b.tunnel)
    assert other.longest_silence(first) < LOST, other.rates()[first:]
    p.fleet.add("gw2", b.key())
    p.settles()
    ping.flows("it is a member again"), echo.flows("it is a member again")


def test_net_names_resolve_to_tunnel_addresses(folder):
    p = Plant(folder, 2, more="Names=tunnel\n")
    a, b = p.gateways
    p.fleet.node.set("gw2.server_ip", "198.51.100.7")
    name = "gw2." + ZONE
    wait("the tunnel's address", lambda: b.tunnel in p.nss(a, "getent", "ahosts", name).stdout)
    assert "198.51.100.7" not in p.nss(a, "getent", "ahosts", name).stdout
    r = p.nss(a, "ping", "-c", "1", "-W", "5", name)
    assert r.returncode == 0 and b.tunnel in r.stdout, r
    p.fleet.revoke("gw2")
    wait("no address", lambda: p.nss(a, "getent", "ahosts", name).returncode != 0)
    assert "198.51.100.7" not in p.nss(a, "getent", "ahosts", name).stdout


class Six(Plant):
    """Without wg_ip, and reached over IPv6: a member's address follows from its key."""

    def enter(self, g):
        self.fleet.add(g.name, g.wait_key(), g.outer6)


def test_net_addresses_follow_from_keys(folder):
    p = Six(folder, 2, prefix="fd77:1::/64")
    a, b = p.gateways
    address, = wait("an address of b", lambda: b.addresses("-6"))
    assert address.startswith("fd77:1:") and address != a.addresses("-6")[0]
    assert a.peers()[text(b.key())]["allowed"] == address + "/128"
    ping = Pings(a.space, address)
    ping.flows("to the address that follows from b's key"), Echo(a.space, b.space, address).flows("the same")
    p.fleet.revoke("gw2")
    ping.stops("revoked")


def test_net_roles_open_ports(folder):
    """gw2 has the role that may reach 7007 of gw1, gw3 has not; ICMP is for everybody. Then it is gw3 who has it."""
    role = "[Role 3]\nNetwork=plant\nAllow=tcp/7007\n"
    p = Plant(folder, 3, allow="Allow=icmp\n", more={1: role}, start=False)
    a, b, c = p.gateways
    bit = (1 << 3).to_bytes(32, "big")
    p.fleet.node.set("_host.gw2.role", bit)
    p.settles()
    Pings(c.space, a.tunnel).flows("ICMP is for everybody")
    a.space.process("server", "python3", "-c", TCP_SERVER, a.tunnel, "7007").wait_log("listens")
    wait("7007 from gw2", lambda: reaches(b, a.tunnel, 7007))
    assert not reaches(c, a.tunnel, 7007)
    p.fleet.clear("_host.gw2.role")
    p.fleet.node.set("_host.gw3.role", bit)
    wait("gw3 to have the role", lambda: reaches(c, a.tunnel, 7007), 40)
    wait("gw2 to have none", lambda: not reaches(b, a.tunnel, 7007))


def test_net_claims_what_is_anothers(folder):
    """Who has an address keeps it when another one claims it, by traffic; nobody gets our own key or address; and an endpoint
    that cannot be is left out."""
    p = Plant(folder, 3)
    a, b, c = p.gateways
    ping, echo = Pings(a.space, b.tunnel), Echo(a.space, b.space, b.tunnel)
    ping.flows("to b"), echo.flows("to b")
    since = time.time()
    p.fleet.node.set("gw3.wg_ip", b.tunnel)
    p.fleet.add("thief", a.key(), tunnel="10.77.0.77")
    p.fleet.add("double", bytes(range(32)), tunnel=a.tunnel)
    p.fleet.add("outside", bytes(range(1, 33)), tunnel="10.99.0.1")
    p.fleet.add("loop", bytes(range(2, 34)), tunnel="10.77.0.78", endpoint="127.0.0.1")
    for host in ("gw3", "thief", "double", "outside"):
        wait(host + " to be refused", lambda: re.search(rf"! {host} .*refused", a.agent.kedgectl("net", "plan")[1]), 40, 0.2)
    wait("loop to be a peer", lambda: text(bytes(range(2, 34))) in a.peers())
    assert a.peers()[text(bytes(range(2, 34)))]["endpoint"] == "(none)"
    assert set(a.peers()) == {text(b.key()), text(c.key()), text(bytes(range(2, 34)))}, a.peers()
    assert a.peers()[text(c.key())]["allowed"] == c.tunnel + "/32", "who claims what is another's stays as he was"
    assert ping.gap(since) < LOST and echo.gap(since) < LOST


def test_net_a_member_that_flaps(folder):
    """In the contract and out of it with each block: the others do not notice."""
    need_machine("iperf3")
    p = Plant(folder, 3)
    a, b, c = p.gateways
    other = Iperf(a.space, b.space, b.tunnel)
    first, key = len(other.rates()), c.key()
    for i in range(30):
        p.fleet.revoke("gw3") if i % 2 == 0 else p.fleet.add("gw3", key)
        block = p.fleet.node.peak()[0]
        wait("the next block", lambda: p.fleet.node.peak()[0] > block)
    p.settles()
    assert other.longest_silence(first) < LOST, other.rates()[first:]


def reaches(gateway, address, port):
    """A TCP connection comes about within a second."""
    r = gateway.space.call("python3", "-c", "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)",
                           address, str(port), check=False)
    return r.returncode == 0


def test_net_only_the_fleet_may_come_in(folder):
    """OnlyFleet= on the outer link: members come in by their verified addresses, and nobody else does."""
    p = Plant(folder, 2, more={1: "OnlyFleet=outer0\n"})
    a, b = p.gateways
    stranger = Space(folder, "stranger")
    p.bridge.join(stranger, "192.0.2.66/24")
    Pings(a.space, b.tunnel).flows("the tunnel is open")
    Pings(b.space, a.outer).flows("b is of the fleet")
    assert stranger.call("ping", "-c", "2", "-i", "0.2", "-W", "1", a.outer, check=False).returncode == 1
    assert stranger.call("ping", "-c", "1", "-W", "5", b.outer, check=False).returncode == 0
    outside = Pings(b.space, a.outer, name="outside")
    outside.flows("b is of the fleet")
    p.fleet.revoke("gw2")
    outside.stops("b is none of the fleet")


def test_net_killed_at_any_moment(folder, rounds=6):
    """Of either daemon, while the contract changes and traffic goes on."""
    p = Plant(folder, more="AddPerHour=10000\n")
    a, b, c = p.gateways
    ping, echo = Pings(a.space, b.tunnel), Echo(a.space, b.space, b.tunnel)
    ping.flows("to b"), echo.flows("to b")
    begun, rng = time.time(), random.Random(7)
    for i in range(rounds):
        if i % 2:
            p.fleet.revoke("gw3")
        else:
            p.fleet.add("gw3", c.key())
        time.sleep(rng.random() * 1.2)  # a moment that nobody has chosen
        for one in rng.choice(((a.netd,), (a.agent.kedged,), (a.agent.kedged, a.netd), (a.agent.kedged, a.agent.fetch))):
            one.kill()
            one.start()
        rest = p.gateways[:2] if i % 2 else p.gateways
        p.settles(rest)
    ping.flows("after all"), echo.flows("after all")
    print(f"  longest gap {ping.gap(begun) * 1000:.0f} ms of ping, {echo.gap(begun) * 1000:.0f} ms of TCP")
    assert ping.gap(begun) < LOST and echo.gap(begun) < LOST


def test_net_killed_again_and_again(folder):
    test_net_killed_at_any_moment(folder, 100)


def test_net_survives_a_new_wireguard_go(folder):
    p = Plant(folder)
    a, b, _ = p.gateways
    ping = Pings(a.space, b.tunnel)
    ping.flows("to b")
    a.restart(a.wg)
    p.settles()
    ping.flows("wireguard-go is another one")


def test_net_revoked_while_all_is_dead(folder):
    """The agent was killed, and meanwhile a member was revoked; an agent that starts again with its state takes it away."""
    p = Plant(folder)
    a, b, c = p.gateways
    ping, other = Pings(a.space, b.tunnel), Pings(a.space, c.tunnel)
    ping.flows("to b"), other.flows("to c")
    a.agent.kedged.kill()
    since = time.time()
    p.fleet.revoke("gw2")
    time.sleep(0.5)
    ping.flows("the agent is dead, what was applied stands")
    a.agent.kedged.start()
    ping.stops("the agent is back")
    other.flows("to c"), wait("one peer", lambda: len(a.peers()) == 1)
    assert other.gap(since) < LOST


def test_net_key_rotation(folder):
    """The next key is made, published, promoted: everybody switches at one block, traffic goes on."""
    p = Plant(folder, buses=(2,))
    a, b, c = p.gateways
    ping, echo, other = Pings(a.space, b.tunnel), Echo(a.space, b.space, b.tunnel), Pings(c.space, b.tunnel)
    ping.flows("to b"), echo.flows("to b"), other.flows("to b")
    old = b.key()
    shown = re.findall(r"[A-Za-z0-9+/]{43}=", b.agent.says("key", "plant", "--next"))
    new = next(k for k in map(base64.b64decode, shown) if k != old)
    since = time.time()
    n = p.fleet.node.peak()[0]
    p.fleet.node.set("gw2.wg_key_next", new)
    wait("it to be final everywhere", lambda: all(g.agent.status()["final"] > n + 2 for g in p.gateways), 40)
    assert b.key() == old
    p.fleet.node.set("gw2.wg_key", new)
    p.fleet.clear("gw2.wg_key_next")
    wait("the new key", lambda: b.key() == new)
    p.settles()
    ping.flows("the key is another"), echo.flows("the key is another"), other.flows("the key is another")
    print(f"  longest gap {ping.gap(since):.2f} and {other.gap(since):.2f} s of ping, {echo.gap(since):.2f} s of TCP")


def test_net_endpoint_moves(folder):
    p = Plant(folder, 2)
    a, b = p.gateways
    ping = Pings(a.space, b.tunnel)
    ping.flows("to b")
    b.space.call("ip", "address", "add", "192.0.2.222/24", "dev", "outer0")
    b.space.call("ip", "address", "del", b.outer + "/24", "dev", "outer0")
    b.space.call("ip", "address", "add", "192.0.2.222/24", "dev", "outer0", check=False)
    ping.stops("b has another address")
    p.fleet.node.set("gw2.wg_endpoint", "192.0.2.222")
    ping.flows("the contract says where b is")


def test_net_operators_word(folder):
    """What is over the limit of an hour waits for apply; rollback goes back, and nobody who is revoked comes back with it."""
    p = Plant(folder, 4, more={1: "AddPerHour=1\n"}, buses=(1,), start=False)
    a, b, c, d = p.gateways
    wait("the first one", lambda: len(a.peers()) >= 1, 40)
    for _ in range(3):  # the first fill is free; who comes later, is not
        p.fleet.revoke("gw4")
        wait("gw4 to go", lambda: text(d.key()) not in a.peers(), 40)
        p.fleet.add("gw4", d.key())
        p.final(a)
    assert text(d.key()) not in a.peers()
    shown = a.agent.says("plan", code=1)
    assert re.search(r"\+ gw4 .*held.*block \d+", shown), shown
    a.agent.says("apply", "plant", "--timeout=600s")
    p.settles()
    ping, other = Pings(a.space, d.tunnel), Pings(a.space, b.tunnel)
    ping.flows("the word was given"), other.flows("as before")
    p.fleet.revoke("gw2")
    other.stops("revoked")
    a.agent.restart()
    a.agent.wait_status("the agent again", lambda s: s["state"] == "following")
    a.agent.says("rollback", "plant")
    ping.stops("rolled back")
    time.sleep(1)
    assert text(b.key()) not in a.peers(), "a rollback has brought back who was revoked"
    a.agent.says("apply", "plant")
    ping.flows("applied again")
    assert text(b.key()) not in a.peers()


def test_net_reverts_unless_confirmed(folder):
    p = Plant(folder, 3, more={1: "AddPerHour=1\n"}, buses=(1,))
    a, b, c = p.gateways
    for _ in range(2):
        p.fleet.revoke("gw3")
        wait("gw3 to go", lambda: text(c.key()) not in a.peers(), 40)
        p.fleet.add("gw3", c.key())
        p.final(a)
    a.agent.says("apply", "plant", "--timeout=3s")
    wait("gw3", lambda: text(c.key()) in a.peers())
    a.agent.kedged.kill()
    a.agent.kedged.start()
    wait("it to go back by itself", lambda: text(c.key()) not in a.peers())
    a.agent.says("apply", "plant", "--timeout=3s")
    wait("gw3", lambda: text(c.key()) in a.peers())
    a.agent.says("confirm", "plant")
    time.sleep(4)
    assert text(c.key()) in a.peers()


def test_net_with_a_thousand_members(folder):
    """From nothing, and one of them revoked."""
    p, seconds = filled(folder, 1000)
    a = p.gateways[0]
    print(f"  1,001 members proven and applied in {seconds:.1f} s; Private_Dirty of kedge-netd {private_dirty(a.netd.p.pid)} kB, "
          f"of kedged {private_dirty(a.agent.kedged.p.pid)} kB")
    accepted, last = revoked_among_many(p)
    print(f"  revoked: accepted {accepted:.0f} ms after the block, the last answer {last:.0f} ms after that")


if __name__ == "__main__":
    sys.exit(run([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
