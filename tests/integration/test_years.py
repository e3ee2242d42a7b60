#!/usr/bin/env python3
"""What happens to an agent that is left alone for years: clocks that are wrong; upstreams that all show the same old
chain or a part of it, or come and go. Each with the state, the answer and the exit code that it gets.

usage: test_years.py clocks|upstreams [TEST...]"""
import re
import select
import socket
import sys
import threading
import time

from clocks import DAY
from harness import run, wait
from worlds import HOUR, PIN, VALUE, WORLDS


def clock_of_1970_says_nothing(folder, world):
    """A box without a battery: whether the kernel calls it right or not, a date before the floor is none."""
    w = world(folder, wall=100)
    w.clocks.synchronise()
    w.stays()
    w.agent.kedged.kill()
    w.agent.kedged.start()
    w.follows()


def date_ten_years_ahead_says_nothing_where_nobody_keeps_it(folder, world):
    w = world(folder, wall=time.time() + 11 * 366 * DAY)
    w.stays()
    w.agent.kedged.kill()
    w.agent.kedged.start()
    w.follows()


# ---- upstreams

FROZEN = {"diode": "frozen", "ethereum": "stale"}
DISHONEST = {"diode": ("frozen", "forged-signature", "wrong-proof", "silent"),
             "ethereum": ("stale", "bad-signature", "wrong-node", "silent")}


def all_frozen_at_an_old_valid_head(folder, world):
    w = world(folder)
    w.going = False
    w.node.fault("all", FROZEN[w.CALLED])
    wait("the newest head", lambda: w.agent.status()["head"] >= w.node.peak()[0] - 2)
    time.sleep(1)  # whatever of it can still become one
    w.sleep(5 * HOUR)
    w.going = True
    w.state("stale")
    w.refuses("stale", 3, "no newer head|h ago")
    assert w.agent.status()["conflict"] == 0
    w.node.fault("all", "none")
    w.follows()


def proofs_withheld_while_heads_go_on(folder, world):
    w = world(folder)
    w.node.fault("all", "withhold")
    w.sleep(5 * HOUR)
    before = w.agent.status()["head"]
    w.state("following")
    w.refuses("stale", 3, "last proven 5 h ago")
    s = w.state("following")
    assert s["head"] > before, (s["head"], before)
    w.node.fault("all", "none")
    w.follows()


def one_honest_among_five(folder, world):
    """What it shows counts at once, though four others do not show it: a key that is gone, and one that is back."""
    w = world(folder, nodes=5, RequestTimeout="700ms")
    for i, kind in enumerate(DISHONEST[w.CALLED]):
        w.node.fault(i, kind)
    w.node.command("clear signature")
    at = w.node.mine(1)[0]
    w.answer("no pin", lambda r: r[0] == "ok" and r[4] == [] and r[2] == [VALUE])
    s = w.agent.status()
    assert s["head"] >= at and s["revocations"] == 1, s
    w.node.set("signature", PIN)
    w.follows()


class Flapping:
    """Stands before a port of this machine: open for so long, shut for so long, and whoever was in is thrown out."""

    def __init__(self, port, every=0.1):
        self.to, self.every, self.steady = port, every, False
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(0.02)
        self.port = self.server.getsockname()[1]
        self.pairs, self.end, self.met = [], threading.Event(), 0
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        turn = time.monotonic() + self.every
        shut = False
        while not self.end.is_set():
            if time.monotonic() > turn and not self.steady:
                turn, shut = time.monotonic() + self.every, not shut
                self.drop()
            self.turn(shut and not self.steady)
        self.drop()
        self.server.close()

    def turn(self, shut):
        peers = {a: b for pair in self.pairs for a, b in (pair, pair[::-1])}
        for s in select.select([self.server, *peers], [], [], 0.02)[0]:
            if s is self.server:
                self.accept(shut)
            elif s.fileno() >= 0 and not self.copy(s, peers[s]):
                self.pairs = [p for p in self.pairs if s not in p]
                s.close()
                peers[s].close()

    def accept(self, shut):
        s = self.server.accept()[0]
        self.met += 1
        if shut:
            s.close()
            return
        self.pairs.append((s, socket.create_connection(("127.0.0.1", self.to))))

    def copy(self, s, to):
        try:
            data = s.recv(65536)
            to.sendall(data)
            return bool(data)
        except OSError:
            return False

    def drop(self):
        for pair in self.pairs:
            for s in pair:
                s.close()
        self.pairs = []

    def stop(self):
        self.end.set()
        self.thread.join(10)


def upstreams_that_flap(folder, world):
    """All of them, ten times a second: nothing wrong, no busy loop, no descriptor left; with one that is steady it
    follows; and when they are steady again all are used."""
    w = world(folder)
    flapping = [Flapping(int(u.rsplit(":", 1)[1])) for u in w.node.nodes]
    try:
        w.use(flapping)
        flaps(w, flapping)
    finally:
        for f in flapping:
            f.stop()


def flaps(w, flapping):
    descriptors, begun = w.descriptors(), time.monotonic()
    used = w.cpu_seconds()
    while time.monotonic() - begun < 3:
        w.step()
        r = w.agent.resolve()
        assert r[0] in ("ok", "unproven") and r[4] in ([PIN], []), r
        time.sleep(0.05)
    used = (w.cpu_seconds() - used) / (time.monotonic() - begun)
    assert used < 0.5, f"{used:.2f} of a processor"
    assert sum(f.met for f in flapping) > 5, [f.met for f in flapping]
    flapping[0].steady = True
    w.follows()
    for f in flapping:
        f.steady = True
    w.follows()
    w.sleep(1800)  # longer than the longest rest
    wait("all to be used", lambda: w.step() or w.agent.status()["up"] == w.agent.status()["upstreams"], 60)
    wait("connections to be closed", lambda: w.descriptors() <= descriptors + 6, 40)


def higher_score_counts(folder):
    """Two of three upstreams show a longer branch of their own, in which the key is gone: signed by miners with 40 of a
    hundred, where the chain's own head has more."""
    w = WORLDS["diode"](folder)
    w.going = False
    wait("a head with more than 40", lambda: w.node.mine(1) and time.sleep(0.5) or w.agent.status()["share"] > 40)
    for i in (0, 1):
        w.node.fault(i, "fork", "signature")
    end = time.monotonic() + 2
    while time.monotonic() < end:
        honest_head(w)
    for _ in range(25):
        w.node.mine(1)
        honest_head(w)
    w.going = True
    w.follows()
    assert re.search(r"a branch up to .* lost", w.agent.kedged.text()), "nobody saw the branch"


def honest_head(w):
    s = w.agent.status()
    ours = w.node.block(w.node.command(f"header {s['head']}"))[1]
    assert s["head_hash"] == ours and not s["conflict"] and s["revocations"] == 0, s
    time.sleep(0.1)


def miner_of_2099_moves_no_clock(folder):
    w = WORLDS["diode"](folder)
    w.node.fault("all", "bad-timestamps", (w.node.peak()[0] // 120 + 1) % 12)
    begun = time.monotonic()
    w.answer("a head that says 2099", lambda r: w.agent.status()["head_time"] > w.now() + 365 * DAY)
    while time.monotonic() - begun < 3:
        w.stays(0.3)
        t = w.time()
        assert t["lower"] <= w.now() and t["floor"] <= w.now() + 60, (t, w.now())
    w.agent.reboot()
    w.follows()
    assert w.time()["floor"] <= w.now() + 60, (w.time(), w.now())

TESTS = {
    "clocks": [clock_of_1970_says_nothing, date_ten_years_ahead_says_nothing_where_nobody_keeps_it],
    "upstreams": [all_frozen_at_an_old_valid_head, proofs_withheld_while_heads_go_on, one_honest_among_five,
                  upstreams_that_flap],
}
ON_DIODE = {
    "upstreams": [higher_score_counts, miner_of_2099_moves_no_clock],
}


def both(test):
    def named(world):
        def on(folder):
            test(folder, WORLDS[world])
        on.__name__ = f"{test.__name__}_on_{world}"
        return on
    return [named(world) for world in WORLDS]


if __name__ == "__main__":
    group = sys.argv.pop(1) if len(sys.argv) > 1 else "clocks"
    sys.exit(run([t for test in TESTS[group] for t in both(test)] + ON_DIODE.get(group, [])))
