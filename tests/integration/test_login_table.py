#!/usr/bin/env python3
"""What a login gets in each situation under each policy of [pam]: the table of pam_kedge(8), row by row, by pamtester. Three
agents follow one chain, by the same clocks, and each has its policy."""
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from clocks import DAY, Clocks, clocked
from harness import Devnode, run, wait
from login_world import SHELL, SUDO, Gateway, LoginAgent, TABLE, role
from worlds import HOUR

MANUAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/man/pam_kedge.8.rst")
POLICIES = {"deny": "MaxAge=4h\nStale=deny", "serve30": "MaxAge=4h\nStale=serve\nStaleMax=30d",
            "serve60": "MaxAge=4h\nStale=serve\nStaleMax=60d"}
YES, NO, NOT_NOW = "success", "perm_denied", "authinfo_unavail"
CODE = {"acct_mgmt": {YES: "SUCCESS", NO: "PERM_DENIED", NOT_NOW: "AUTHINFO_UNAVAIL"},
        "authenticate": {YES: "SUCCESS", NO: "AUTH_ERR", NOT_NOW: "AUTHINFO_UNAVAIL"}}
SAID = {"Permission denied": "PERM_DENIED", "Authentication failure": "AUTH_ERR", "successfully": "SUCCESS",
        "cannot retrieve authentication info": "AUTHINFO_UNAVAIL"}


class World(Gateway):
    """The chain lives a year from now, by a clock of its own, which stands still but for what a row lets pass."""

    def __init__(self, folder):
        self.of_chain = Clocks(folder, "clocks-of-chain", time.time() + 365 * DAY)
        self.clocks = Clocks(folder, "clocks", self.now())
        self.stepped, self.going = 0, True
        super().__init__(folder)
        self.agents = {"deny": self.agent}
        for policy in ("serve30", "serve60"):
            kind = type("A", (clocked(LoginAgent, self.clocks),), {"pam": POLICIES[policy]})
            self.agents[policy] = kind(folder, self.node, name=policy)
        for policy, agent in self.agents.items():
            self.machine.only_ours(policy, agent.options("timeout=1000 nodelay"))
        self.all_get((YES, YES, YES))

    def start_node(self, folder):
        self.AGENT = type("A", (clocked(LoginAgent, self.clocks),), {"pam": POLICIES["deny"]})
        return Devnode(folder, env=self.of_chain.env, blocks=300)

    def records(self):
        super().records()
        self.record("alice", SHELL | SUDO | TABLE)
        self.record("frank", SHELL | TABLE)
        self.node.mine(12)

    def now(self):
        return self.of_chain.wall()

    def step(self):
        if self.going and time.monotonic() - self.stepped > 0.1:
            self.stepped = time.monotonic()
            self.node.mine(1)

    def sleep(self, seconds):
        """So much time goes by for all of them."""
        self.clocks.sleep(seconds)
        self.of_chain.sleep(seconds)

    def all_get(self, want, word="acct_mgmt", user="alice", timeout=30):
        got = {}

        def look():
            self.step()
            got.update(self.at_once(user, word))
            return [got[p][0] for p in POLICIES] == [CODE[word][w] for w in want]
        wait(lambda: f"{want} for {user}; it is {got}", look, timeout, 0.05)

    def at_once(self, user, word="acct_mgmt"):
        """{policy: (code, what is said)}"""
        with ThreadPoolExecutor(len(POLICIES)) as pool:
            return dict(zip(POLICIES, pool.map(lambda p: self.machine.pamtester(p, user, word), POLICIES)))

    def sign(self, policies):
        """{policy: (code, what is said)}, at so many terminals at once; where there is no agent, nothing is asked."""
        seats = {p: self.sits_down("alice", p) for p in policies}
        for seat in seats.values():
            if seat.expect(r"Sign: (kedge login: [ -~]*)\n|pamtester: ").group(1):
                seat.at = 0
                seat.answer(self.wallet["alice"].sign)
        for seat in seats.values():
            seat.end()
        last = {p: seat.seen.strip().splitlines()[-1] for p, seat in seats.items()}
        return {p: (next((c for s, c in SAID.items() if s in line), line), seats[p].seen) for p, line in last.items()}

    def all_sign(self, want, turns=4):
        """The same for who signs. On a busy machine an answer may come after the short time that is waited for it here:
        that is no yes and no denial, and asked again where it is not what is wanted."""
        want = {p: CODE["authenticate"][w] for p, w in zip(POLICIES, want)}
        while want:
            got = self.sign(want)
            turns -= 1
            wrong = {p: code for p, code in want.items() if got[p][0] != code}
            assert not wrong or turns and {got[p][0] for p in wrong} == {"AUTHINFO_UNAVAIL"}, (wrong, got)
            want = wrong

    def each(self, do):
        for agent in self.agents.values():
            do(agent)

    def processes_of(self, agent):
        return agent.kedged, agent.fetch

    def reboot(self, off=0, wall=None):
        """Power goes and comes back, for all three; the clock is moved once."""
        for a in self.agents.values():
            for p in self.processes_of(a):
                p.kill()
        self.clocks.reboot(off, wall)
        for a in self.agents.values():
            for name in os.listdir(a.run):
                os.unlink(os.path.join(a.run, name))
            for p in self.processes_of(a):
                p.start()


# ---- situations, and what ends them

def nothing(w):
    pass


def role_is_taken(w):
    w.node.set("_user.alice.role", role(SHELL | SUDO))


def record_is_taken(w):
    w.delete("alice")
    w.delete("frank")


def record_is_given_back(w):
    w.record("alice", SHELL | SUDO | TABLE)


def kedged_is_killed(w):
    w.each(lambda a: a.kedged.kill())


def kedged_starts(w):
    w.each(lambda a: a.kedged.start())


def kedged_is_killed_and_started(w):
    kedged_is_killed(w)
    kedged_starts(w)


def kedged_hangs(w):
    w.each(lambda a: a.kedged.p.send_signal(signal.SIGSTOP))


def kedged_goes_on(w):
    w.each(lambda a: a.kedged.p.send_signal(signal.SIGCONT))


def fetch_is_killed(w):
    w.each(lambda a: a.fetch.kill())


def fetch_starts(w):
    w.each(lambda a: a.fetch.start())


def date(wall, synchronised=False):
    def set_it(w):
        w.clocks.set_wall(wall(w.now()))
        w.clocks.synchronise(synchronised)
    return set_it


def dates_that_nobody_calls_right(w):
    """The row after all of them is the last one's."""
    for wall in (lambda now: 100, lambda now: now - DAY, lambda now: now + 3650 * DAY):
        date(wall)(w)
        w.all_get((YES, YES, YES))


def dates_too_early_that_are_called_right(w):
    date(lambda now: 100, True)(w)
    w.all_get((YES, YES, YES))
    date(lambda now: now - DAY, True)(w)


def booted_in_1970(w):
    w.reboot(wall=100)


def proofs_are_withheld(w):
    w.node.fault("all", "withhold")
    w.sleep(5 * HOUR)


def heads_stand_still(w):
    w.going = False
    w.sleep(5 * HOUR)


def uplink_is_there(w):
    w.going = True
    w.node.fault("all", "none")


def uplink_is_gone(w):
    w.going = False
    w.node.fault("all", "silent")


def boot_without_uplink(w):
    uplink_is_gone(w)
    w.reboot(60)


def boot(w):
    w.reboot(60)


def days_go_by(days):
    return lambda w: w.sleep(days * DAY)


# text of the manual's row, the situation, what ends it, what Stale=deny, Stale=serve for 30 days and for 60 days get,
# and what the log says of alice where it is no yes
Y, N, U = YES, NO, NOT_NOW
OF_ROLE = "the role is taken away while the user is logged in"
ROWS = [
    ("the agent follows the chain", nothing, nothing, (Y, Y, Y), ""),
    ("the record is taken away while the user is logged in", record_is_taken, record_is_given_back, (N, N, N), "record"),
    (OF_ROLE, role_is_taken, record_is_given_back, (N, N, N), "role"),
    ("kedged does not run", kedged_is_killed, kedged_starts, (U, U, U), "No such file|refused|not run"),
    ("kedged hangs", kedged_hangs, kedged_goes_on, (U, U, U), "timed out|in time"),
    ("kedged was killed and runs again, the uplink is there", kedged_is_killed_and_started, nothing, (Y, Y, Y), ""),
    ("kedge-fetch was killed just now", fetch_is_killed, fetch_starts, (Y, Y, Y), ""),
    ("the date is wrong by years, and nobody calls it right", dates_that_nobody_calls_right, date(lambda now: now),
     (Y, Y, Y), ""),
    ("the machine boots in 1970, the uplink is there", booted_in_1970, date(lambda now: now), (Y, Y, Y), ""),
    ("the kernel calls a date right that is 1970, or a day early", dates_too_early_that_are_called_right,
     date(lambda now: now), (Y, Y, Y), ""),
    ("the kernel calls a date right that is ten years ahead", date(lambda now: now + 3650 * DAY, True),
     date(lambda now: now), (U, U, U), "by the system.s clock"),
    ("heads go on, proofs are withheld for 5 hours", proofs_are_withheld, uplink_is_there, (U, Y, Y), "stale|proven"),
    ("no newer head for 5 hours", heads_stand_still, uplink_is_there, (U, Y, Y), "stale|head"),
    ("after a reboot, the uplink is down", boot_without_uplink, nothing, (U, Y, Y), "boot|proven"),
    ("the chain is out of reach for 31 days", days_go_by(31), nothing, (U, U, Y), "stale|proven|head"),
    ("the same after a reboot", boot, nothing, (U, U, Y), "boot|proven|stale"),
    ("the chain is out of reach for 61 days", days_go_by(30), nothing, (U, U, U), "stale|proven|head"),
    ("the uplink is back", uplink_is_there, nothing, (Y, Y, Y), ""),
]


def test_each_row_of_the_manual(folder):
    w = World(folder)
    revoked = False
    for text, begin, end, want, log in ROWS:
        mark = w.machine.syslog.mark()
        begun = time.monotonic()
        begin(w)
        w.all_get(want)
        with ThreadPoolExecutor(1) as beside:
            frank = beside.submit(w.at_once, "frank")
            w.all_sign((Y, Y, Y) if text == OF_ROLE else want)  # he is who he was
        said = w.machine.syslog.since(mark)
        assert want == (Y, Y, Y) or re.search(f"alice.*({log})", said), (text, said)
        if want[0] != want[2]:  # who gets in with what is old gets in as that
            assert re.search("alice and serve60: admitted.*, stale", said), (text, said)
        revoked = revoked or begin == record_is_taken
        codes = {code for code, _ in frank.result().values()}
        # what was taken back once is never good again
        assert not revoked or codes <= {"PERM_DENIED", "AUTHINFO_UNAVAIL"}, (text, codes)
        end(w)
        if end != nothing:
            w.all_get((YES, YES, YES))
        print(f"   {text}: {', '.join(want)} ({time.monotonic() - begun:.1f} s)", flush=True)


def test_manual_has_these_rows_and_no_others(folder):
    with open(MANUAL) as f:
        section = f.read().split("WHEN THINGS GO WRONG")[1].split("\n====", 2)[1]
    cells = re.findall(r"^ {4}(\* -| {2}-) (.*)$", section, re.M)
    rows = []
    for mark, cell in cells:
        if mark == "* -":
            rows.append([])
        rows[-1].append(cell)
    want = [[text, *codes] for text, _, _, codes, _ in ROWS]
    assert rows[1:] == want, [row for row in rows[1:] + want if row not in rows or row not in want]


if __name__ == "__main__":
    sys.exit(run([test_manual_has_these_rows_and_no_others, test_each_row_of_the_manual]))
