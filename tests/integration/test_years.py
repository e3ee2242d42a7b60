#!/usr/bin/env python3
"""What happens to an agent that is left alone for years: clocks that are wrong; upstreams that all show the same old
chain or a part of it, or come and go. Each with the state, the answer and the exit code that it gets.

usage: test_years.py clocks|lag|upstreams [TEST...]"""
import re
import select
import socket
import sys
import threading
import time

from clocks import DAY
from harness import run, wait
from worlds import HOUR, NAME, OF_MONTHS, PIN, VALUE, WORLDS


STALE_BY_CLOCK = {"diode": "stale", "ethereum": "stuck|stale"}
BACK = {"diode": "stale-head", "ethereum": "lag"}


def clock_of_1970_says_nothing(folder, world):
    """A box without a battery: whether the kernel calls it right or not, a date before the floor is none."""
    w = world(folder, wall=100)
    w.clocks.synchronise()
    w.stays()
    w.agent.reboot(wall=100)
    w.follows()


def date_ahead_counts_where_it_is_called_right(folder, world):
    """Ten years ahead, and by a jump of some days while all runs; then set right again."""
    w = world(folder, wall=time.time() + 11 * 366 * DAY)
    w.stays(1.5)
    for wall in (w.clocks.wall(), w.now() + 9 * DAY):
        w.clocks.synchronise(False)
        w.clocks.set_wall(wall)
        w.stays(1.5)
        w.clocks.synchronise()
        w.state(STALE_BY_CLOCK[w.CALLED], "clock|date")
        w.refuses("stale", 3)
        w.clocks.set_wall(w.now())
        w.follows()
    w.clocks.set_wall(w.now() - 9 * DAY)
    w.stays(1.5)


def clock_of_the_board_may_make_old(folder, world):
    w = world(folder, wall=100)
    for rtc, good in ((100, True), (w.now(), True), (w.now() + 40 * DAY, False), (None, True)):
        w.agent.kedged.kill()
        w.agent.fetch.kill()
        w.clocks.reboot(wall=100)
        w.clocks.rtc(rtc)
        w.agent.kedged.start()
        w.agent.fetch.start()
        if good:
            w.follows()
        else:
            w.state("stale|stuck", "clock|RTC")
            w.refuses("stale|unproven", 3)


def sleep_of_a_week(folder, world):
    """What was proven before is a week old; and a head of before is no better, since the time that went by is known."""
    w = world(folder)
    w.clocks.sleep(7 * DAY)
    w.refuses("stale", 3, " d | days | h ")
    s = w.agent.status()["head"]
    wait("heads of a week ago", lambda: w.step() or w.agent.status()["head"] > s + 3)
    w.state("behind")
    w.refuses("stale", 3)
    w.pass_time(7 * DAY)
    w.follows()


# ---- a constant lag: each head is new, valid, and weeks old

def lag_of_weeks_while_the_machine_was_on(folder, world):
    """kedged was stopped, or the machine slept: the floor knows the weeks, in this boot and in the next."""
    w = world(folder)
    w.agent.kedged.stop()
    w.clocks.sleep(w.LONG)
    for begin in (w.agent.kedged.start, w.agent.reboot):
        begin()
        w.state("behind")
        head = w.agent.status()["head"]
        w.refuses("stale", 3)
        w.answer("heads to go on", lambda r: r[0] == "stale" and w.agent.status()["head"] > head)
        w.state("behind")
    w.pass_time(w.LONG)
    w.follows()


def lag_of_weeks_after_power_off(folder, world):
    """No power, no battery: nobody here can know (docs/threat-model.md), but a clock that is right can."""
    w = world(folder)
    w.agent.kedged.stop()
    w.agent.reboot(off=w.LONG, wall=100)
    w.follows()
    w.clocks.set_wall(w.now() + w.LONG)
    w.clocks.synchronise()
    w.state("stale", "clock")
    w.refuses("stale", 3)
    w.pass_time(w.LONG)
    w.follows()


def head_below_ours_after_power_off(folder, world):
    """What the state folder holds is newer than what all show: nothing is granted by what they show."""
    w = world(folder)
    old = w.node.peak()[0]
    for _ in range(30):
        w.node.mine(1)
    s = w.agent.wait_status("the newest", lambda s: s["final"] > old)
    w.going = False
    w.node.fault("all", BACK[w.CALLED], w.node.peak()[0] - old)
    w.agent.kedged.stop()
    w.agent.reboot(off=DAY)
    w.agent.wait_status("upstreams", lambda t: t["up"] > 0)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        t, r = w.agent.status(), w.agent.resolve()
        assert r[0] == "unproven" and t["final"] >= s["final"] and t["state"] in ("starting", "behind"), (t, r)
        time.sleep(0.1)
    assert w.agent.kedgectl("query", NAME)[0] == 4
    w.node.fault("all", "none")
    w.going = True
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
    slept = [time.monotonic() - 4]

    def all_used():
        """Rests that have grown are slept away; what was asked before a sleep may fail by it, and rest anew."""
        w.step()
        if time.monotonic() - slept[0] > 4:
            w.sleep(1200)
            slept[0] = time.monotonic()
        s = w.agent.status()
        return s["up"] == s["upstreams"]
    wait("all to be used", all_used, 60)
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
    "clocks": [clock_of_1970_says_nothing, date_ahead_counts_where_it_is_called_right,
               clock_of_the_board_may_make_old, sleep_of_a_week],
    "lag": [lag_of_weeks_while_the_machine_was_on, lag_of_weeks_after_power_off],
    "upstreams": [all_frozen_at_an_old_valid_head, proofs_withheld_while_heads_go_on, head_below_ours_after_power_off,
                  one_honest_among_five, upstreams_that_flap],
}
ON_DIODE = {
    "upstreams": [higher_score_counts, miner_of_2099_moves_no_clock],
}


def both(test, worlds):
    def named(world):
        def on(folder):
            test(folder, worlds[world])
        on.__name__ = f"{test.__name__}_on_{world}"
        return on
    return [named(world) for world in WORLDS]


if __name__ == "__main__":
    group = sys.argv.pop(1) if len(sys.argv) > 1 else "clocks"
    worlds = WORLDS if group == "upstreams" else OF_MONTHS
    sys.exit(run([t for test in TESTS[group] for t in both(test, worlds)] + ON_DIODE.get(group, [])))
