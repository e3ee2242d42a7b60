#!/usr/bin/env python3
"""Networks, from the chain to what kedge-netd is told: the real agent, and a kedge-netd that only writes down."""
import os
import signal
import sys
import time

from bus_harness import Bus
from harness import run, wait
from test_ops import mine_to
from net_world import ANY_ROLE, CONF, NetAgent, NetWorld, ZONE, address, key


def settled(world, n=12):
    """The chain goes on until what was set is final for the agent."""
    number = world.dn.peak()[0]
    world.finalize(n)
    world.agent.wait_following(number + 1)


def test_members_come_when_final_and_go_at_the_head(folder):
    world = NetWorld(folder, members=4)
    netd, dn = world.netd, world.dn
    last = netd.wait_peers("the members", world.peers(1, 2, 3))
    assert last.own == [(address(0), 16)] and last.prefixes == [("10.77.0.0", 16)] and last.port == 51820, vars(last)
    assert last.peers[key(2)].tunnel == [address(2)], last.peers[key(2)].tunnel
    assert last.peers[key(2)].endpoint == ("198.51.100.2", 51820)
    assert last.own_key == key(0)

    world.publish(4)
    world.list_members([f"gw{i}" for i in range(5)])
    dn.mine(3)
    world.agent.wait_status("the head", lambda s: s["head"] >= dn.peak()[0] - 1)
    assert netd.last().keys() == set(world.peers(1, 2, 3)), "not final yet"
    assert dn.final()[0] < dn.peak()[0]
    settled(world)
    netd.wait_peers("the new one", world.peers(1, 2, 3, 4))

    final = dn.final()[0]
    world.withdraw("gw2")
    dn.mine(2)
    last = netd.wait_peers("gw2 without a key", world.peers(1, 3, 4))
    assert dn.final()[0] <= final + 2 < dn.peak()[0] + 2
    world.agent.kedged.wait_log("network plant: peer gw2." + ZONE + " goes")

    world.list_members(["gw0", "gw1", "gw4"])  # gw3 keeps its record, and is no member
    dn.mine(3)
    netd.wait_peers("gw3 off the list", world.peers(1, 4))
    world.close()


def test_a_revocation_outlives_a_restart_and_an_older_head(folder):
    world = NetWorld(folder, members=4)
    netd, dn = world.netd, world.dn
    netd.wait_peers("the members", world.peers(1, 2, 3))
    world.withdraw("gw2")
    world.list_members(["gw0", "gw1", "gw2"])
    dn.mine(3)
    netd.wait_peers("gw2 and gw3 gone", world.peers(1))
    for host in ("gw2", "gw3"):  # who goes is told before the disk is asked, and announced behind it
        world.agent.kedged.wait_log(f"network plant: peer {host}." + ZONE + " goes")
    for stopped in (True, False):
        world.agent.kedged.kill()
        for i in range(len(dn.nodes)):  # nobody shows anything any more, or an older block
            dn.fault(i, "silent" if stopped else "none")
        n = len(netd.history())
        world.agent.kedged.start()
        wait("what it says first", lambda: len(netd.history()) > n)
        first = netd.history()[n]
        assert first.keys() == set(world.peers(1)), [k.hex()[:12] for k in first.keys()]
    assert all(d.keys() <= set(world.peers(1)) for d in netd.history()[n:])
    world.close()


def test_an_older_head_revives_nobody(folder):
    world = NetWorld(folder, members=4)
    netd, dn = world.netd, world.dn
    netd.wait_peers("the members", world.peers(1, 2, 3))
    mine_to(dn, world.agent, 314)
    world.withdraw("gw2")
    world.list_members(["gw0", "gw1", "gw2"])
    mine_to(dn, world.agent, 317)  # as in test_ops.py: 313 stays final
    netd.wait_peers("gw2 and gw3 gone", world.peers(1))
    dn.fault("all", "stale-head", "3")
    n = len(netd.history())
    world.agent.restart()
    got = world.agent.wait_status("an older head", lambda s: s["state"] == "following" and 0 < s["head"] <= 314)
    assert got["final"] <= 313, got
    wait("the list at that head", lambda: world.agent.kedgectl("--json", "net", "plan")[0] in (0, 1))
    revoked = 317
    for i in range(len(dn.nodes)):
        dn.fault(i, "none")
    world.agent.wait_status("the newest head", lambda s: s["head"] >= revoked - 1)
    assert all(d.keys() == set(world.peers(1)) for d in netd.history()[n:]), "an older head brought somebody back"
    world.publish(2)
    settled(world)
    netd.wait_peers("gw2, granted anew", world.peers(1, 2))
    world.close()


def test_keep_stands_before_the_chain_answers(folder):
    """And deny does not."""
    world = NetWorld(folder, members=3)
    netd, dn = world.netd, world.dn
    netd.wait_peers("the members", world.peers(1, 2))
    for i in range(len(dn.nodes)):
        dn.fault(i, "silent")
    for _ in range(3):
        n = len(netd.history())
        world.agent.restart()
        wait("what it says first", lambda: len(netd.history()) > n)
        assert netd.history()[n].keys() == set(world.peers(1, 2)), "a restart is felt"
    world.agent.kedged.kill()
    world.agent.net_role = "[net]\nStale=deny\nMaxAge=1h\n"
    world.agent.write_config()
    world.agent.kedged.start()
    netd.wait_peers("nobody", [])
    for i in range(len(dn.nodes)):
        dn.fault(i, "none")
    netd.wait_peers("them again", world.peers(1, 2))
    world.close()


def test_claims_of_one_key_or_address(folder):
    def prepare(world):
        world.publish(5, "twin1", k=key(50), ip=address(50))
        world.publish(5, "twin2", k=key(50), ip=address(51))  # one key, two new ones: neither
        world.publish(6, "here1", k=key(60), ip=address(60))
        world.publish(6, "here2", k=key(61), ip=address(60))  # one address: neither
        world.publish(7, "alien", k=key(70), ip="10.78.0.1")
        world.publish(8, "self", k=key(0), ip=address(80))
        world.publish(9, "ours", k=key(90), ip=address(0))
        world.list_members(world.labels + ["twin1", "twin2", "here1", "here2", "alien", "self", "ours"])

    world = NetWorld(folder, members=3, prepare=prepare)
    netd, dn = world.netd, world.dn
    netd.wait_peers("those who are no trouble", world.peers(1, 2))
    log = world.agent.kedged
    for host in ("twin1", "twin2", "here1", "here2", "alien", "self", "ours"):
        log.wait_log(f"network plant: {host}.{ZONE} is refused as a peer: ")
    # gw3 comes and claims what gw1 has applied: gw1 keeps it.
    world.publish(3, k=key(1), ip=address(3))
    world.publish(4, k=key(4), ip=address(2))
    world.list_members(world.labels + ["gw3", "gw4"])
    settled(world)
    log.wait_log(f"network plant: gw3.{ZONE} is refused as a peer: ")
    log.wait_log(f"network plant: gw4.{ZONE} is refused as a peer: ")
    last = netd.last()
    assert last.keys() == set(world.peers(1, 2)) and last.peers[key(1)].tunnel == [address(1)]
    settled(world)
    settled(world)
    for host in ("twin1", "gw3"):
        assert log.text().count(f"{host}.{ZONE} is refused") == 1, "an alarm is told once"
    world.close()


def test_a_member_that_flaps(folder):
    world = NetWorld(folder, members=3, conf=CONF + "AddPerHour=2\n")
    netd, dn = world.netd, world.dn
    netd.wait_peers("the members", world.peers(1, 2))
    for i in range(3):
        world.withdraw("gw2")
        dn.mine(3)
        netd.wait_peers("gw2 gone", world.peers(1))
        world.publish(2)
        settled(world)
        if i < 2:
            netd.wait_peers("gw2 again", world.peers(1, 2))
    world.agent.kedged.wait_log("network plant: 1 peer waits (over AddPerHour=2)")
    settled(world)
    assert netd.last().keys() == set(world.peers(1))
    world.agent.restart()  # no new allowance
    world.agent.wait_following(dn.final()[0])
    settled(world)
    assert netd.last().keys() == set(world.peers(1))
    world.withdraw("gw1")  # what is held holds no revocation back
    dn.mine(3)
    netd.wait_peers("nobody", [])
    world.close()


def test_endpoints_move_and_cost_nothing(folder):
    world = NetWorld(folder, members=3, conf=CONF + "AddPerHour=0\n")
    netd = world.netd
    netd.wait_peers("the members", world.peers(1, 2))
    for port in (4000, 4001, 4002):
        world.publish(1, port=port)
        settled(world)
        wait("the new port", lambda: netd.last().peers[key(1)].endpoint == ("198.51.100.1", port))
    world.publish(1, endpoint="127.0.0.1")
    settled(world)
    wait("an endpoint that cannot be is left out", lambda: netd.last().peers[key(1)].endpoint is None)
    assert netd.last().keys() == set(world.peers(1, 2))
    world.publish(1, endpoint="198.51.100.77")
    settled(world)
    wait("a good one", lambda: netd.last().peers[key(1)].endpoint == ("198.51.100.77", 4002))
    world.close()


def test_kedge_netd_comes_and_goes(folder):
    world = NetWorld(folder, members=3)
    netd = world.netd
    netd.wait_peers("the members", world.peers(1, 2))
    for _ in range(3):
        n, c = len(netd.history()), netd.connections
        netd.drop()
        wait("another connection", lambda: netd.connections > c and len(netd.history()) > n)
        assert netd.history()[n].keys() == set(world.peers(1, 2)), "all of it at once"
    netd.drop()
    netd.reading.clear()  # and what goes while it does not read is gone when it does
    world.withdraw("gw1")
    world.dn.mine(3)
    world.agent.kedged.wait_log("peer gw1." + ZONE + " goes")
    netd.reading.set()
    netd.wait_peers("gw2 alone", world.peers(2))
    world.close()


def test_another_net_conf(folder):
    world = NetWorld(folder, members=3)
    netd, agent = world.netd, world.agent
    netd.wait_peers("the members", world.peers(1, 2))

    def reload(text):
        agent.net_conf(text)
        agent.kedged.p.send_signal(signal.SIGHUP)
    reload(CONF.replace("51820", "51821"))
    wait("the other port", lambda: netd.last().port == 51821)
    assert netd.last().keys() == set(world.peers(1, 2))
    assert netd.last().peers[key(1)].endpoint == ("198.51.100.1", 51821)
    reload(CONF + "Nonsense=1\n")
    agent.kedged.wait_log("the running configuration stays")
    reload(CONF.replace("kedge0", "kedge7"))
    netd.wait_peers("the members on another link", world.peers(1, 2), "kedge7")
    wait("the old link is taken away", lambda: "kedge0" in netd.removed)
    agent.kedged.kill()  # and what is gone while nobody looks
    agent.net_conf("")
    assert os.path.exists(agent.state + "/net.plant")
    agent.kedged.start()
    wait("the link is taken away", lambda: "kedge7" in netd.removed)
    wait("nothing is remembered", lambda: not os.path.exists(agent.state + "/net.plant"))
    agent.kedged.wait_log("link kedge7 of network plant, which is gone from net.conf, was taken away")
    reload(CONF)
    netd.wait_peers("from nothing", world.peers(1, 2))
    world.close()


def test_killed_at_any_moment(folder):
    """What kedge-netd is told after a kill is never less than what stood and is granted, and never a revoked one."""
    world = NetWorld(folder, members=12)
    netd, dn = world.netd, world.dn
    netd.wait_peers("the members", world.peers(*range(1, 12)))
    gone = set()
    for i in range(1, 9):
        world.withdraw(f"gw{i}")
        gone.add(key(i))
        dn.mine(3)
        wait("one less", lambda: not netd.last().keys() & gone)
        time.sleep(0.002 * i)  # a kill at another place each time
        n = len(netd.history())
        world.agent.restart()
        wait("what it says first", lambda: len(netd.history()) > n)
        for d in netd.history()[n:]:
            assert not d.keys() & gone, "a revoked one came back"
            assert d.keys() == set(world.peers(*range(i + 1, 12))), "one who is granted was felt"
    world.close()


def test_a_pending_rollback_outlives_a_kill(folder):
    """And does not bring back who was revoked meanwhile; another boot does not wait for it."""
    bus = Bus(folder)
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
    NetAgent.BUS = "yes"
    try:
        world = NetWorld(folder, members=4, conf=CONF + "Apply=confirm\n")
        netd, dn, agent = world.netd, world.dn, world.agent

        def word(*argv):
            got = wait(lambda: f"{argv}", lambda: agent.kedgectl("net", *argv)[0] == 0, every=0.2)
            assert got
        agent.kedged.wait_log("3 peers and settings wait (Apply=confirm)")
        word("apply")
        netd.wait_peers("the members", world.peers(1, 2, 3))
        for n in (4, 5):
            world.publish(n)
        world.list_members([f"gw{i}" for i in range(6)])
        settled(world)
        agent.kedged.wait_log("2 peers wait (Apply=confirm)")
        word("apply", "--timeout=6s")
        netd.wait_peers("the new ones too", world.peers(1, 2, 3, 4, 5))
        agent.restart()
        world.withdraw("gw2")
        dn.mine(3)
        netd.wait_peers("gw2 gone", world.peers(1, 3, 4, 5))
        agent.restart()
        netd.wait_peers("what stood before, without gw2", world.peers(1, 3))
        settled(world)
        agent.restart()
        world.agent.wait_following(dn.final()[0])
        settled(world)
        assert netd.last().keys() == set(world.peers(1, 3))
        world.close()
    finally:
        NetAgent.BUS = "no"


def test_keys_are_rotated(folder):
    """The next key is a peer's from the head on that promotes it, if it was final as the next one; ours is told too."""
    world = NetWorld(folder, members=3)
    netd, dn = world.netd, world.dn
    netd.wait_peers("the members", world.peers(1, 2))
    dn.set("gw1.wg_key_next", key(101))
    dn.set("gw0.wg_key_next", key(100))
    settled(world)
    assert netd.last().keys() == set(world.peers(1, 2)) and netd.last().own_key == key(0)
    netd.next["kedge0"] = key(100)
    netd.conn.send(netd.state_of("kedge0"))
    for host, new in (("gw1", 101), ("gw0", 100)):
        dn.set(f"{host}.wg_key", key(new))
        dn.command(f"clear {host}.wg_key_next")
    n = len(netd.history())
    dn.mine(2)
    netd.wait_peers("the next key of gw1", world.peers(101, 2))
    wait("ours", lambda: netd.last().own_key == key(100))
    assert all(key(2) in d.keys() and key(1) not in d.keys() for d in netd.history()[n:])
    settled(world)
    assert netd.last().keys() == set(world.peers(101, 2))
    dn.set("gw2.wg_key", key(102))  # without a next one: the old is revoked at the head, the new one comes when final
    dn.mine(2)
    netd.wait_peers("gw2 without a key", world.peers(101))
    settled(world)
    netd.wait_peers("gw2 with another", world.peers(101, 102))
    world.close()


def test_roles_say_what_may_be_spoken_to(folder):
    def prepare(world):
        world.dn.set("_host.gw1.role", (1 << 3).to_bytes(32, "big"))
    world = NetWorld(folder, members=3, prepare=prepare,
                     conf=CONF + "Allow=icmp\n[Role 3]\nAllow=tcp/443\n[Role 9]\nAllow=udp/5000-5010\n")
    netd, dn = world.netd, world.dn
    last = netd.wait_peers("the members", world.peers(1, 2))
    assert (ANY_ROLE, 3, 0, 0) in last.rules and (0, 1, 443, 443) in last.rules, last.rules
    assert (1, 2, 5000, 5010) in last.rules and len(last.rules) == 3, last.rules
    assert (last.peers[key(1)].roles, last.peers[key(2)].roles) == (1, 0)
    dn.set("_host.gw2.role", (1 << 9 | 1 << 4).to_bytes(32, "big"))
    settled(world)
    wait("role 9 of gw2", lambda: netd.last().peers[key(2)].roles == 2)
    dn.set("_host.gw1.role", bytes(32))
    dn.mine(3)
    wait("gw1 without its role, at the head", lambda: netd.last().peers[key(1)].roles == 0)
    assert netd.last().keys() == set(world.peers(1, 2))
    world.close()


def test_a_thousand_members(folder):
    n = 1000
    start = time.monotonic()
    world = NetWorld(folder, members=n + 1)
    netd, dn = world.netd, world.dn
    made = time.monotonic()
    netd.wait_peers("all of them", world.peers(*range(1, n + 1)), timeout=120)
    filled = time.monotonic()
    states = len(netd.history())
    world.withdraw("gw500")
    head = time.monotonic()
    dn.mine(2)
    gone = netd.wait_peers("one less", world.peers(*(i for i in range(1, n + 1) if i != 500)), timeout=60)
    took = gone.at - head
    print(f"# {n} members: made in {made - start:.1f} s, proven and told in {filled - made:.1f} s by {states} states, "
          f"one revoked {took * 1000:.0f} ms after its blocks were mined (polled each 100 ms)")
    n_states = len(netd.history())
    world.agent.restart()
    wait("what it says first", lambda: len(netd.history()) > n_states)
    assert len(netd.history()[n_states].peers) == n - 1 and key(500) not in netd.history()[n_states].keys()
    world.close()


def test_a_full_network(folder):
    """As many members as a zone can have; run by its name alone."""
    n = 16383
    world = NetWorld(folder, members=n + 1, conf=CONF + "MaxPeers=16384\n")
    everybody = set(world.peers(*range(1, n + 1)))
    start = time.monotonic()
    world.netd.wait_peers("all of them", everybody, timeout=200)
    filled = time.monotonic()
    world.withdraw("gw500")
    head = time.monotonic()
    world.dn.mine(4)
    gone = world.netd.wait_peers("one less", everybody - {key(500)}, timeout=60)
    with open(f"/proc/{world.agent.kedged.p.pid}/smaps_rollup") as f:
        dirty = [line.split()[1] for line in f if line.startswith("Private_Dirty")][0]
    print(f"# {n} members proven and told in {filled - start:.1f} s, one revoked {gone.at - head:.1f} s after its "
          f"blocks were mined, {dirty} kB of kedged's own memory")
    world.close()


if __name__ == "__main__":
    tests = [test_members_come_when_final_and_go_at_the_head,
             test_a_revocation_outlives_a_restart_and_an_older_head, test_keep_stands_before_the_chain_answers,
             test_an_older_head_revives_nobody, test_claims_of_one_key_or_address, test_a_member_that_flaps, test_endpoints_move_and_cost_nothing,
             test_kedge_netd_comes_and_goes, test_another_net_conf, test_killed_at_any_moment,
             test_a_pending_rollback_outlives_a_kill, test_keys_are_rotated, test_roles_say_what_may_be_spoken_to,
             test_a_thousand_members]
    sys.exit(run([t for t in tests + [test_a_full_network]
                  if t.__name__ in (sys.argv[1:] or [u.__name__ for u in tests])]))
