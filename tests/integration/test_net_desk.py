#!/usr/bin/env python3
"""Networks, from the chain to what kedge-netd is told: the real agent, and a kedge-netd that only writes down."""
import sys

from harness import run
from net_world import NetWorld, ZONE, address, key


def test_members_come_when_final_and_go_at_the_head(folder):
    world = NetWorld(folder, members=4)
    last = world.netd.wait_peers("the members", world.peers(1, 2, 3))
    assert last.own == [(address(0), 16)] and last.prefixes == [("10.77.0.0", 16)] and last.port == 51820, vars(last)
    assert last.peers[key(2)].tunnel == [address(2)], last.peers[key(2)].tunnel
    assert last.peers[key(2)].endpoint == ("198.51.100.2", 51820)
    assert last.own_key == key(0)
    world.close()


if __name__ == "__main__":
    sys.exit(run([test_members_come_when_final_and_go_at_the_head]))
