#!/usr/bin/env python3
"""What happens to an agent that is left alone for years. Each with the state, the answer and the exit code that it gets.

usage: test_years.py clocks [TEST...]"""
import sys
import time

from clocks import DAY
from harness import run
from worlds import WORLDS


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


TESTS = {
    "clocks": [clock_of_1970_says_nothing, date_ten_years_ahead_says_nothing_where_nobody_keeps_it],
}


def both(test):
    def named(world):
        def on(folder):
            test(folder, WORLDS[world])
        on.__name__ = f"test_{test.__name__}_on_{world}"
        return on
    return [named(world) for world in WORLDS]


if __name__ == "__main__":
    sys.exit(run([t for test in TESTS[sys.argv.pop(1)] for t in both(test)]))
