#!/usr/bin/env python3
"""Freshness end to end, on both chains: what is served after a reboot without an uplink, under deny and under serve; a
date that is called right and is not; the hardware's clock; a chain that is days behind what was known before."""
import os
import signal
import sys

from clocks import DAY
from harness import run, wait
from worlds import HOUR, NAME, OF_MONTHS, PIN, VALUE, WORLDS, roles

DENY = roles("4h")
ADDRESSES = DENY.replace("[tls]", "Stale=serve\nStaleMax=2d\n[tls]")
SERVE = ADDRESSES.replace("[time]", "Stale=serve\nStaleMax=1d\n[time]")


def serving(folder, world):
    w = world(folder)
    w.start_again(SERVE)
    w.follows()
    return w


def kept(w):
    return [f for f in os.listdir(w.agent.state) if f.startswith("kept")]


def told(w, role):
    return w.agent.kedgectl("roles")[1].split(f"[{role}]")[1].split("\n")[0]


def uplink_goes(w, off):
    """A clean stop, so long without power, and nobody answers any more."""
    w.going = False
    assert w.agent.kedged.stop() == 0
    w.node.kill()
    w.agent.reboot(off)


def nothing_is_served_after_a_boot_under_deny(folder, world):
    w = world(folder)
    uplink_goes(w, 60)
    w.state("starting")
    result, reason, addresses, _, pins = w.agent.resolve()
    assert (result, addresses, pins) == ("unproven", [], []), (result, reason)
    assert w.agent.kedgectl("query", NAME)[0] == 4
    assert "[names] refused" in w.agent.kedgectl("status")[1], w.agent.kedgectl("status")
    assert kept(w) == []


def what_was_proven_is_served_after_a_boot_under_serve(folder, world):
    w = serving(folder, world)
    uplink_goes(w, 60)
    w.answer("the value and the pin", lambda r: r[0] == "ok" and r[2] == [VALUE] and r[4] == [PIN])
    assert w.agent.status()["state"] == "starting"
    code, out, err = w.agent.kedgectl("query", NAME)
    assert code == 0 and out.count("stale, served by Stale=serve") == 2 and "before this boot" in out, (out, err)
    assert "[names] served, [tls] served" in w.agent.kedgectl("status")[1], w.agent.kedgectl("status")
    w.clocks.sleep(DAY + 5 * HOUR)  # beyond what [tls] allows: the key goes, the address stays
    w.answer("the value alone", lambda r: r[0] == "ok" and r[2] == [VALUE] and r[4] == [])
    w.agent.reboot()  # by power alone: what was kept is older now
    w.answer("the value alone", lambda r: r[0] == "ok" and r[2] == [VALUE] and r[4] == [])
    w.clocks.sleep(DAY)
    r = w.answer("nothing", lambda r: r[0] in ("stale", "unproven"))  # unproven: it is forgotten by now
    assert r[2] == [] and r[4] == [], r


def roles_say_what_the_doors_tell_after_a_restart(folder, world):
    w = world(folder)
    w.start_again(ADDRESSES)
    w.follows()
    w.going = False
    assert w.agent.kedged.stop() == 0
    w.node.kill()
    w.agent.kedged.start()  # in the same boot
    w.answer("the value and the pin", lambda r: r[0] == "ok" and r[2] == [VALUE] and r[4] == [PIN])
    assert w.agent.status()["state"] == "starting"
    for role in ("names", "tls"):
        assert " fresh: only what was proven before: " in told(w, role), w.agent.kedgectl("roles")
    assert " refused" in told(w, "time") and " refused" in told(w, "pam"), w.agent.kedgectl("roles")
    w.clocks.sleep(5 * HOUR)  # beyond what [tls] allows
    w.answer("the value alone", lambda r: r[0] == "ok" and r[2] == [VALUE] and r[4] == [])
    assert " refused" in told(w, "tls") and " served" in told(w, "names"), w.agent.kedgectl("roles")


def revoked_key_is_not_served_after_a_boot(folder, world):
    w = serving(folder, world)
    w.agent.kedged.stop()  # it is on disk from here on
    assert len(kept(w)) == 1, kept(w)
    w.agent.kedged.start()
    w.follows()
    w.node.command("clear signature")
    w.answer("no pin", lambda r: r[0] == "ok" and r[2] == [VALUE] and r[4] == [])
    final = w.agent.status()["final"]
    w.state("following", timeout=90)
    wait("a final block that has decided", lambda: w.step() or w.agent.status()["final"] > final + 3, 60)
    w.going = False
    w.agent.kedged.kill(signal.SIGKILL)
    w.node.kill()
    w.agent.reboot(60)
    w.answer("the value without a pin", lambda r: r[0] == "ok" and r[2] == [VALUE] and r[4] == [])
    w.agent.kedged.stop()
    w.agent.roles = DENY  # deny: what is on disk goes, and stays away
    w.agent.write_config()
    w.agent.kedged.start()
    w.state("starting")
    assert kept(w) == []


def date_that_is_called_right_and_is_years_ahead_makes_stale(folder, world):
    w = world(folder)
    w.clocks.set_wall(w.now() + 3650 * DAY)
    w.stays(1)  # nobody calls it right
    w.clocks.synchronise()
    w.state("stale", "called synchronised, says 203")
    w.refuses("stale", 3)
    assert w.agent.kedgectl("status")[0] == 3
    w.clocks.set_wall(w.now())
    w.clocks.synchronise(False)
    w.follows()


def clock_of_the_hardware_a_month_ahead_makes_stale(folder, world):
    w = world(folder)
    w.clocks.rtc(w.now() + 3 * HOUR)  # of some local time: nothing to say about that
    w.clocks.sleep(61)
    w.stays(1)
    w.clocks.rtc(w.now() + 30 * DAY)
    w.clocks.sleep(61)
    w.state("stale", "hardware clock says")
    w.refuses("stale", 3)
    w.clocks.rtc(5)
    w.clocks.sleep(61)
    w.follows()


def chain_that_is_ten_days_behind_is_noticed_also_after_a_boot(folder, world):
    """The machine has run for ten days by the clock that nobody can set, and upstreams show the old chain, going on."""
    w = world(folder)
    w.clocks.sleep(10 * DAY)
    w.state("behind", "it is at least")
    w.refuses("stale", 3)
    assert w.agent.kedged.stop() == 0
    w.agent.reboot(wall=100)
    w.state("behind", "it is at least")
    w.refuses("stale", 3)
    w.pass_time(10 * DAY)  # the others show where it is
    w.follows()


TESTS = [nothing_is_served_after_a_boot_under_deny, what_was_proven_is_served_after_a_boot_under_serve,
         roles_say_what_the_doors_tell_after_a_restart, revoked_key_is_not_served_after_a_boot,
         date_that_is_called_right_and_is_years_ahead_makes_stale,
         clock_of_the_hardware_a_month_ahead_makes_stale]
LONG_TESTS = [chain_that_is_ten_days_behind_is_noticed_also_after_a_boot]


def both(test, worlds):
    def named(world):
        def on(folder):
            test(folder, worlds[world])
        on.__name__ = f"{test.__name__}_on_{world}"
        return on
    return [named(world) for world in worlds]


if __name__ == "__main__":
    sys.exit(run([t for test in TESTS for t in both(test, WORLDS)] +
                 [t for test in LONG_TESTS for t in both(test, OF_MONTHS)]))
