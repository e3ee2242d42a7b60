#!/usr/bin/env python3
"""What an operator sees of a network, and says about it: kedgectl net and org.kedge.Agent1, with the real agent and a
kedge-netd that only writes down."""
import json
import os
import signal
import struct
import subprocess
import sys
import time

import net_world
from bus_harness import BUS, ERROR, Bus, as_user
from harness import Process, program, run, text, wait
from net_world import CONF, SEEN, FakeNetd, NetWorld, ZONE, address, b64, ip_raw, key

NET, NET_PEER = 17, 18
NOBODY = 65534
HOST = f"gw0.{ZONE}"


class SeeingNetd(FakeNetd):
    """As FakeNetd; .foreign are peers that nobody desired, .lost those that somebody took away by hand."""

    def __init__(self, path):
        self.foreign, self.lost, self.mute = {}, set(), False
        super().__init__(path)

    def state_of(self, link, n_seen=0, error=0, text=b""):
        m = bytearray(super().state_of(link, n_seen, error, text))
        at = 32 + 32 + 32 + 8
        peers = struct.unpack_from("=I", m, at + 4)[0] - len(self.lost) + len(self.foreign)
        struct.pack_into("=II", m, at + 4, max(peers, 0), len(self.foreign))
        return bytes(m)

    def order(self, conn, kind, link):
        if kind != net_world.OBSERVE:
            return super().order(conn, kind, link)
        if self.mute:
            return None
        seen = {p.key: p.tunnel[0] for p in self.last(link).peers.values() if p.key not in self.lost} if self.last(link) else {}
        for k, tunnel in sorted({**seen, **self.foreign}.items()):
            conn.send(self.message(SEEN, 0, link, k + ip_raw(tunnel) + bytes(17) + net_world.endpoint_raw(("203.0.113.9", 4000)) +
                                   bytes([k in self.foreign, 0]) + bytes(2) + bytes(6) + struct.pack("=QQQ", 12, 1000, 2000)))
        conn.send(self.state_of(link, len(seen) + len(self.foreign)))


def start(folder, conf=CONF, members=4, bus=False, **more):
    net_world.FakeNetd = SeeingNetd
    net_world.NetAgent.BUS = "yes" if bus else "no"
    b = Bus(folder) if bus else None
    if b:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = b.address
    world = NetWorld(folder, members=members, conf=conf, **more)
    if b:
        wait("the agent's name on the bus", b.has_name)
    return world, b


def net(world, *argv, code=0):
    """The answer, as JSON; code None: whatever it is."""
    got, out, err = world.agent.kedgectl("--json", "net", *argv)
    assert code is None or got == code, (argv, got, out, err)
    return json.loads(out)


def peers_of(world, code=None):
    return {p["host"]: p for p in net(world, "status", code=code)["networks"][0]["peers"]}


def test_status_and_plan_of_what_stands(folder):
    world, _ = start(folder)
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    n = wait("what was applied", lambda: next((n for n in net(world, "status")["networks"] if n["applied"]), None))
    assert (n["name"], n["link"], n["zone"], n["host"]) == ("plant", "kedge0", ZONE, "gw0"), n
    assert (n["key"], n["listed_key"]) == (b64(key(0)), b64(key(0))) and n["addresses"] == [address(0) + "/16"], n
    assert n["looked"] and n["peers"][0]["fate"] == "self" and n["counts"]["stays"] == 3, n
    peers = peers_of(world)
    assert sorted(peers) == ["gw0", "gw1", "gw2", "gw3"], peers
    gw2 = peers["gw2"]
    assert (gw2["fate"], gw2["key"], gw2["addresses"]) == ("stays", b64(key(2)), [address(2)]), gw2
    assert gw2["seen"]["handshake_s"] == 12 and gw2["seen"]["endpoint"] == "203.0.113.9:4000" and gw2["seen"]["rx"] == 1000, gw2
    plan = net(world, "plan")["networks"][0]
    assert plan["changes"] == [] and plan["against"] == "seen" and plan["next"] == "", plan
    code, out, err = world.agent.kedgectl("net", "plan")
    assert code == 0 and "nothing to do: what stands is what is desired" in out, (out, err)
    assert world.agent.kedgectl("net", "key")[1] == b64(key(0)) + "\n"
    code, out, _ = world.agent.kedgectl("explain", f"_wg.gw2.{ZONE}")
    assert code == 0 and f"  network     plant: stays, {address(2)}\n" in out and b64(key(2)) in out, out
    world.close()


def test_plan_tells_what_others_have_changed(folder):
    world, _ = start(folder)
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    world.netd.foreign = {key(77): "10.77.9.9"}
    world.netd.lost = {key(1)}
    changes = net(world, "plan", code=1)["networks"][0]["changes"]
    assert [(c["host"], c["change"]) for c in changes] == [("gw1", "add"), ("", "alarm")], changes
    assert changes[1]["seen"]["key"] == b64(key(77)), changes
    code, out, _ = world.agent.kedgectl("net", "plan")
    assert code == 1 and f"  + gw1 " in out and "  ! (nobody's) " in out and "1 to add, 1 wrong" in out, out
    world.close()


def test_others_are_told_what_stands_in_the_contract(folder):
    """And neither where a peer was seen, nor who else is there; nor do they have anybody look."""
    world, _ = start(folder)
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    world.netd.foreign = {key(77): "10.77.9.9"}
    net(world, "status")
    looked = world.netd.log.count((net_world.OBSERVE, "kedge0"))
    os.chmod(folder.path, 0o755)
    os.chmod(world.agent.home, 0o755)
    os.chmod(world.agent.run, 0o755)
    copy = folder.path + "/kedgectl"
    with open(program("agent/kedgectl/kedgectl"), "rb") as f, open(os.open(copy, os.O_CREAT | os.O_WRONLY, 0o755), "wb") as to:
        to.write(f.read())
    r = subprocess.run([*as_user(NOBODY), copy, "--json", "net", "status"], capture_output=True, text=True, timeout=60, cwd="/",
                       env={**os.environ, "KEDGE_RUNTIME_DIR": world.agent.run})
    n = json.loads(r.stdout)["networks"][0]
    assert [p["host"] for p in n["peers"]] == ["gw0", "gw1", "gw2", "gw3"] and not n["looked"], n
    assert set(n["peers"][1]["seen"]) == {"key", "addresses", "more_allowed"}, n["peers"][1]
    assert world.netd.log.count((net_world.OBSERVE, "kedge0")) == looked, world.netd.log
    world.close()


def test_what_does_not_answer_is_not_waited_for(folder):
    world, _ = start(folder)
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    net(world, "status")
    world.netd.mute = True
    before = time.monotonic()
    assert net(world, "status")["networks"][0]["looked"] is False
    assert 1.5 < time.monotonic() - before < 20
    world.netd.mute = False
    world.netd.close()
    n = wait("that it has gone", lambda: next((n for n in json.loads(world.agent.kedgectl("--json", "net", "plan")[1])["networks"]
                                               if not n["connected"]), None))
    assert n["against"] == "applied" and n["changes"] == [], n
    code, out, _ = world.agent.kedgectl("net", "plan")
    assert code == 1 and "systemctl restart kedge-netd.socket kedge-netd" in out, out
    for item in range(3):
        assert world.agent.query(NET, index=9, item=item)[0] == "unknown"
    assert world.agent.query(NET, item=2)[0] == "unknown" and world.agent.query(NET_PEER, item=3)[0] == "unknown"
    assert world.agent.query(NET_PEER, "gw3", item=0)[0] == "unknown" and world.agent.query(NET_PEER, "gw3", item=2)[0] == "ok"
    assert text(world.agent.query(NET_PEER, "gw1x", item=0)[2][:64]) == "gw2"


def test_the_word_of_an_operator(folder):
    world, b = start(folder, conf=CONF + "Apply=confirm\n", bus=True)
    held = wait("that they are held", lambda: [c for c in net(world, "plan", code=None)["networks"][0]["changes"] if c["waits"]][2:])
    assert held[0]["host"] == "gw3" and held[0]["change"] == "add" and held[0]["key"] == b64(key(3)), held
    code, out, _ = world.agent.kedgectl("net", "plan")
    assert code == 1 and "kedgectl net apply plant" in out and "3 held" in out, out
    assert net(world, "apply", "--timeout=60s")["timeout_ms"] == 60000
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    assert 0 < net(world, "status")["networks"][0]["revert_ms"] <= 60000
    code, out, _ = world.agent.kedgectl("net", "plan")
    assert code == 0 and "kedgectl net confirm plant" in out, out
    assert net(world, "confirm")["told"] == "NetConfirm"
    assert net(world, "status")["networks"][0]["revert_ms"] == 0
    code, out, err = world.agent.kedgectl("net", "confirm")
    assert code == 1 and "nothing waits to be confirmed" in err, err
    world.publish(4)
    world.list_members([f"gw{i}" for i in range(5)])
    world.finalize()
    wait("the new one, held", lambda: peers_of(world).get("gw4", {}).get("fate") == "held")
    assert world.agent.kedgectl("net", "apply", "plant")[0] == 0
    world.netd.wait_peers("the new one", world.peers(1, 2, 3, 4))
    code, out, _ = world.agent.kedgectl("net", "rollback")
    assert code == 0 and "until: kedgectl net apply plant" in out, out
    world.netd.wait_peers("as before", world.peers(1, 2, 3))
    assert net(world, "status")["networks"][0]["rolled_back"]
    code, out, err = world.agent.kedgectl("net", "rollback")
    assert code == 1 and "nothing to go back to" in err, err
    for _ in range(2):
        told = len(world.netd.history())
        assert world.agent.kedgectl("net", "apply", "plant")[0] == 0
        wait("that all is told, also again: others may have changed it", lambda: len(world.netd.history()) > told)
    world.netd.wait_peers("the new one again", world.peers(1, 2, 3, 4))
    code, out, err = world.agent.kedgectl("net", "apply", "office")
    assert code == 1 and "no network of this name" in err, err
    world.close()


def test_it_goes_back_unless_confirmed(folder):
    world, b = start(folder, conf=CONF + "Apply=confirm\n", bus=True)
    wait("that they are held", lambda: peers_of(world).get("gw3", {}).get("fate") == "held")
    assert world.agent.kedgectl("net", "apply", "--timeout=3")[0] == 0
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    world.netd.wait_peers("as before", [])
    wait("that it is told", lambda: net(world, "plan", code=None)["networks"][0]["rolled_back"])
    world.close()


def test_settings_go_back_unless_confirmed(folder):
    """As README and net.conf(5) say it: armed first, then the edit, which counts at once."""
    world, b = start(folder, bus=True)
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    assert world.agent.kedgectl("net", "rollback", "--timeout=4")[0] == 0
    assert world.netd.last().port == 51820 and not net(world, "status")["networks"][0]["rolled_back"]
    world.agent.net_conf(CONF.replace("51820", "51999"))
    world.agent.kedged.p.send_signal(signal.SIGHUP)
    wait("the other port", lambda: world.netd.last().port == 51999)
    wait("the port of before", lambda: world.netd.last().port == 51820)
    n = wait("that it is told", lambda: next((n for n in net(world, "status", code=None)["networks"] if n["rolled_back"]), None))
    assert "settings" in n["held"] or n["held"], n
    assert world.agent.kedgectl("net", "apply")[0] == 0
    wait("the other port again", lambda: world.netd.last().port == 51999)
    world.close()


def test_a_next_key(folder):
    world, b = start(folder, bus=True)
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    assert net(world, "key")["next_key"] is None
    code, out, err = world.agent.kedgectl("net", "key", "--next")
    said = b64(key(0xfffffff0))
    assert code == 0 and f"kedgectl record wg {HOST} next={said}" in out and "record promote" in out, (out, err)
    assert net(world, "key")["next_key"] == said
    world.close()


def test_the_bus_tells_and_is_told(folder):
    world, b = start(folder, bus=True)
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    rows, error = b.call("ListNetworks", user=NOBODY)
    assert not error and f"['plant', 'kedge0', '{ZONE}', 'gw0', '{address(0)}', '{b64(key(0))}', ''," in rows, (rows, error)
    rows, error = b.call("ListPeers", "plant", "gw1", "u:1", user=NOBODY)
    assert not error and rows.startswith("[[['gw2', 'stays'") and rows.endswith(", 'gw2']"), (rows, error)
    rows, error = b.call("ListPeers", "plant", "", "u:0")
    assert not error and rows.count(b64(key(3))) == 1 and rows.endswith(", '']"), (rows, error)
    for member, argv, want in (("ListPeers", ["office", "", "u:0"], "Unknown"), ("NetApply", ["office", "t:0"], "Unknown"),
                               ("NetApply", ["", "t:0"], "Refused"), ("NetApply", ["n" * 32, "t:0"], "Refused"),
                               ("NetRollback", ["plant", "t:3000000000"], "Refused"),
                               ("ListPeers", ["plant", "h" * 64, "u:0"], "Refused"),
                               ("NetConfirm", ["plant"], "Failed"), ("NetRollback", ["plant", "t:0"], "Failed"),
                               ("NetNextKey", ["office"], "Unknown")):
        assert b.call(member, *argv) == ("", ERROR + want), (member, argv, want)
    for member, argv in (("NetApply", ["plant", "t:0"]), ("NetConfirm", ["plant"]), ("NetRollback", ["plant", "t:0"]),
                         ("NetNextKey", ["plant"])):
        assert b.call(member, *argv, user=NOBODY)[1] == "org.freedesktop.DBus.Error.AccessDenied", member
    seen = Process(folder, "listener", [*as_user(NOBODY), "gdbus", "monitor", "--address", b.address, "--dest", BUS])
    seen.wait_log("The name " + BUS + " is owned by")
    world.withdraw("gw3")
    world.dn.mine(5)
    seen.wait_log(f"NetChanged ('plant', 'gw3.{ZONE}', 'goes', uint64 ")
    world.netd.wait_peers("the rest", world.peers(1, 2))
    world.close()


def test_without_networks(folder):
    world, _ = start(folder, conf="", members=1)
    wait("the agent", world.agent.status)
    code, out, err = world.agent.kedgectl("net")
    assert (code, out) == (0, "no network is configured; see net.conf(5)\n"), (code, out, err)
    code, out, err = world.agent.kedgectl("net", "apply")
    assert code == 1 and "no network is configured" in err, err


if __name__ == "__main__":
    sys.exit(run([test_status_and_plan_of_what_stands, test_plan_tells_what_others_have_changed,
                  test_others_are_told_what_stands_in_the_contract, test_what_does_not_answer_is_not_waited_for,
                  test_the_word_of_an_operator, test_it_goes_back_unless_confirmed, test_a_next_key, test_settings_go_back_unless_confirmed,
                  test_the_bus_tells_and_is_told, test_without_networks]))
