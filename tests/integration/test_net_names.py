#!/usr/bin/env python3
"""Names=tunnel and net.conf while the agent runs: the real agent, a kedge-netd that only writes down, and the doors by
which programs get names. A member answers its tunnel or nothing; never, not for a moment, its public address."""
import os
import signal
import subprocess
import sys
import threading

from harness import run, program, wait
from net_world import CONF, NetWorld, ZONE, address, key
from test_ethereum import getent

TUNNEL = CONF + "Names=tunnel\n"
PUBLIC = "192.0.2."


def name(n):
    return f"gw{n}.{ZONE}"


def with_public_addresses(world):
    for i in range(4):
        world.dn.set(f"gw{i}.server_ip", PUBLIC + str(i + 1))
    world.dn.set("other.server_ip", PUBLIC + "99")


def start(folder, conf=TUNNEL, **more):
    return NetWorld(folder, members=4, conf=conf, prepare=with_public_addresses, **more)


def resolved(world, n, result, addrs):
    return world.agent.wait_resolve(f"{name(n)} {result} {addrs}",
                                    lambda r: r[0] == result and r[2] == addrs, name(n))


def has_tunnel(world, *numbers):
    for n in numbers:
        resolved(world, n, "ok", [address(n)])


class Watcher(threading.Thread):
    """Asks for a name by both doors all the time; .seen is every address that it ever answered."""

    def __init__(self, world, n):
        super().__init__(daemon=True)
        self.agent, self.name = world.agent, name(n)
        self.snapshot = world.agent.run + "/names"
        self.seen, self.rounds, self.stopping = set(), 0, False
        self.start()

    def run(self):
        # Not Agent.query(): its counter belongs to the test's own thread.
        while not self.stopping:
            r = subprocess.run([program("agent/kedgectl/kedgectl"), "query", "--json", self.name], capture_output=True,
                               text=True, env={**os.environ, "KEDGE_RUNTIME_DIR": self.agent.run,
                                               "KEDGE_STATE_DIR": self.agent.state})
            self.look(r.stdout.encode())
            try:
                with open(self.snapshot, "rb") as f:
                    self.look_raw(f.read())
            except FileNotFoundError:
                pass
            self.rounds += 1

    def look(self, text):
        if PUBLIC.encode() in text:
            self.seen.add(text)

    def look_raw(self, image):
        # Entries hold addresses in network order: ours are of 192.0.2.0/24 where they are public.
        n = int(self.name[2:self.name.index(".")])
        if bytes([4, 192, 0, 2, n + 1]) in image:
            self.seen.add(b"in the snapshot")

    def end(self):
        self.stopping = True
        self.join(20)
        assert self.rounds > 2 and not self.seen, (self.rounds, self.seen)


def test_a_member_answers_its_tunnel_and_goes_with_it(folder):
    world = start(folder)
    watcher = Watcher(world, 2)
    has_tunnel(world, 1, 2, 3)
    assert world.agent.resolve(name(0))[2] == [PUBLIC + "1"]  # ourselves
    resolved_other = world.agent.wait_resolve("no member", lambda r: r[0] == "ok", "other." + ZONE)
    assert resolved_other[2] == [PUBLIC + "99"]
    code, out, err = world.agent.kedgectl("explain", name(2))
    assert code == 0 and "because network plant has Names=tunnel" in out, (code, out, err)
    assert "not served here: the name answers its tunnel address" in out, out

    world.withdraw("gw2")
    world.dn.mine(4)
    resolved(world, 2, "unproven", [])
    assert "its tunnel is not in force" in world.agent.resolve(name(2))[1]
    has_tunnel(world, 1, 3)
    code, _, err = world.agent.kedgectl("query", name(2))
    assert code != 0 and "tunnel" in err, (code, err)

    world.agent.restart(signal.SIGKILL)  # and not after it either
    has_tunnel(world, 1, 3)
    resolved(world, 2, "unproven", [])
    watcher.end()
    world.close()


def test_programs_get_the_tunnel_address(folder):
    world = start(folder)
    has_tunnel(world, 1)
    with open(program("nss/libnss_kedge.so.2"), "rb") as f:
        if os.geteuid() != 0 or b"__asan_init" in f.read():
            return  # no namespaces; or getent cannot load it
    wait("the snapshot", lambda: getent(world.agent, name(1))[1].startswith(address(1) + " "))
    wait("the other way round", lambda: name(1) in getent(world.agent, address(1), "hosts")[1])  # of what is published
    assert name(1) not in getent(world.agent, PUBLIC + "2", "hosts")[1]
    world.withdraw("gw1")
    world.dn.mine(4)
    resolved(world, 1, "unproven", [])
    code, out = getent(world.agent, name(1))
    assert code != 0 and not out, (code, out)
    assert name(1) not in getent(world.agent, address(1), "hosts")[1]
    world.close()


def test_no_name_before_the_link_is_up(folder):
    world = start(folder, netd=False)
    world.agent.wait_following(0)
    r = world.agent.wait_resolve("refused for the link's sake",
                                 lambda r: r[0] == "unproven" and "kedge-netd has not said" in r[1], name(1))
    assert r[2] == []
    code, out, err = world.agent.kedgectl("query", name(1))
    assert code != 0 and PUBLIC not in out + err, (code, out, err)
    world.close()


def test_names_stand_while_kedge_netd_is_away(folder):
    world = start(folder)
    has_tunnel(world, 1, 2)
    before = world.netd.connections
    world.netd.drop()
    for _ in range(20):
        assert world.agent.resolve(name(1))[2] == [address(1)]
    wait("another connection", lambda: world.netd.connections > before)
    has_tunnel(world, 1, 2, 3)
    world.close()


def reload(world, conf):
    agent = world.agent
    said = agent.kedged.text().count("reloaded: ") + agent.kedged.text().count("the running configuration stays")
    agent.net_conf(conf)
    agent.kedged.p.send_signal(signal.SIGHUP)
    wait("the reload", lambda: agent.kedged.text().count("reloaded: ") +
         agent.kedged.text().count("the running configuration stays") > said)


def test_reload_takes_names_and_refuses_what_is_wrong(folder):
    world = start(folder, conf=CONF)
    resolved(world, 1, "ok", [PUBLIC + "2"])
    world.netd.wait_peers("the members", world.peers(1, 2, 3))
    reload(world, TUNNEL)
    has_tunnel(world, 1)
    reload(world, TUNNEL + "Prefix=10.78.0.0/16\n")
    assert ":8: Prefix names '10.78.0.0/16', which is the second of its family" in world.agent.kedged.text()
    has_tunnel(world, 1)
    code, out, err = check(world)
    assert code == 1 and "net.conf:8: Prefix" in out + err, (code, out, err)
    reload(world, CONF)
    resolved(world, 1, "ok", [PUBLIC + "2"])
    reload(world, "")  # no network any more
    resolved(world, 1, "ok", [PUBLIC + "2"])
    wait("the link's removal", lambda: world.netd.removed == ["kedge0"])
    world.close()


def check(world):
    r = subprocess.run([program("agent/kedged/kedged"), "--config=" + world.agent.conf, "--check-config"],
                       capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


def test_no_start_with_a_bad_file(folder):
    world = start(folder)
    has_tunnel(world, 1)
    world.agent.kedged.kill(signal.SIGTERM)
    world.agent.net_conf(TUNNEL + "Prefx=10.78.0.0/16\n")
    r = subprocess.run([program("agent/kedged/kedged"), "--config=" + world.agent.conf], capture_output=True, text=True,
                       timeout=20)
    assert r.returncode == 78 and "net.conf:8: Prefx is not a key" in r.stderr, (r.returncode, r.stderr)
    world.close()


if __name__ == "__main__":
    sys.exit(run([test_a_member_answers_its_tunnel_and_goes_with_it, test_programs_get_the_tunnel_address,
                  test_no_name_before_the_link_is_up, test_names_stand_while_kedge_netd_is_away,
                  test_reload_takes_names_and_refuses_what_is_wrong, test_no_start_with_a_bad_file]))
