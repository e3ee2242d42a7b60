#!/usr/bin/env python3
"""Whose sessions end: kedged on a bus of its own, with a logind that answers as each test wants it. The real logind has its
test in tests/nspawn."""
import os
import subprocess
import sys

from bus_harness import Bus, BusAgent
from harness import Devnode, Process, program, run, wait

ZONE = "plant-control.fleet"
OWN = """<policy user="root"><allow own="org.freedesktop.login1"/><allow send_destination="org.freedesktop.login1"/></policy>"""
CONF = """[Login]
Zone=plant-control.fleet
Host=gw1
ManagedUsers=alice carol dave erin root
DenyUsers={denied}
EndSessions={end}
[Role 3]
Services=sshd
[Role 4]
Services=login
Hosts=1
"""


def bits(*roles):
    return sum(1 << r for r in roles).to_bytes(32, "big")


class Logind(Process):
    def __init__(self, folder, address):
        self.state, self.asked_file = folder.path + "/logind.state", folder.path + "/logind.asked"
        open(self.asked_file, "w").close()
        self.sessions, self.odd = {}, {}
        self.write()
        super().__init__(folder, "logind", [program("tests/integration/logind"), self.state, self.asked_file],
                         {"DBUS_SYSTEM_BUS_ADDRESS": address})

    def write(self):
        lines = ["session " + " ".join(s) for s in self.sessions.values()]
        lines += [f"on {member} {what}" for member, what in self.odd.items()]
        with open(self.state + ".new", "w") as f:
            f.write("\n".join(lines) + "\n")
        os.rename(self.state + ".new", self.state)

    def add(self, name, user, service="sshd", uid="2001", kind="user", state="active", tty="-", remote="yes", host="192.0.2.1"):
        self.sessions[name] = [name, uid, user, service, kind, state, tty, remote, host]
        self.write()

    def on(self, member, what):
        self.odd = {member: what} if what else {}
        self.write()

    def asked(self):
        with open(self.asked_file) as f:
            return f.read().splitlines()

    def ended(self):
        return [line.split()[1] for line in self.asked() if line.startswith("TerminateSession")]

    def round(self, agent):
        """Waits for the end of a round that began after this call."""
        def done():
            lines = self.asked()[before:]
            return lines.count("ListSessions ") >= 2
        before = len(self.asked())
        agent.reload()
        wait("a round", lambda: "ListSessions " in self.asked()[before:])
        agent.reload()
        wait("another", done)


class LoginAgent(BusAgent):
    END, DENIED = "yes", ""

    def write_config(self):
        super().write_config()
        with open(os.path.join(self.home, "login.conf"), "w") as f:
            f.write(CONF.format(end=self.END, denied=self.DENIED))

    def reload(self):
        n = self.kedged.text().count("reloaded: ")
        self.kedged.p.send_signal(1)
        wait("the reload", lambda: self.kedged.text().count("reloaded: ") > n)


def start(folder, sessions=True, **chain):
    bus = Bus(folder, OWN)
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
    dn = Devnode(folder, blocks=300)
    for user in ("alice", "carol", "dave", "root"):
        dn.set(f"_user.{user}.role", bits(3))
    dn.mine(12)
    logind = Logind(folder, bus.address) if sessions else None
    agent = LoginAgent(folder, dn, **chain)
    agent.wait_following(dn.final()[0])
    return bus, dn, agent, logind


def known(agent, *users):
    """Waits until the records are proven: a user whom nothing is known of stays."""
    names = {f"_user.{user}.{ZONE}" for user in users}
    wait("what is known of them", lambda: names <= {line.split()[0] for line in agent.kedgectl("list")[1].splitlines()})


def gone(agent, user):
    wait(f"the end of {user}'s record", lambda: any(line.split()[:2] == [f"_user.{user}.{ZONE}", "absent"]
                                                    for line in agent.kedgectl("list")[1].splitlines()))


def test_a_session_ends_when_its_user_is_let_in_no_more(folder):
    bus, dn, agent, logind = start(folder)
    known(agent, "alice", "carol", "dave", "erin")
    logind.add("1", "alice")
    logind.add("2", "carol")
    logind.add("3", "bob")  # not ours
    logind.add("4", "alice", state="closing")
    logind.add("5", "alice", kind="greeter")
    logind.add("6", "dave", service="/usr/bin/odd")  # nobody knows what opened it: his record is good
    logind.add("9", "erin", service="-")  # and hers is not
    logind.add("7", "erin")  # ours, and no record
    logind.add("8", "carol", service="login", remote="no", host="-", tty="tty2")  # a role that she has not
    logind.round(agent)
    assert set(logind.ended()) == {"7", "8", "9"}, logind.asked()
    for name in ("7", "8", "9"):
        del logind.sessions[name]
    logind.write()
    n = len(logind.ended())
    logind.round(agent)
    assert len(logind.ended()) == n, logind.asked()
    # The chain takes her record.
    dn.command("set _user.alice.role 0x" + "00" * 32)
    dn.mine(4)
    wait("the end of her session", lambda: logind.ended()[n:])
    agent.kedged.wait_log("session 1 of alice, opened by sshd, was ended: h")  # his record is revoked; he has none, where it is final
    logind.round(agent)
    assert set(logind.ended()[n:]) == {"1"}, logind.asked()  # it is listed still, so it is tried again
    # And a role.
    dn.set("_user.carol.role", bits(5))
    dn.mine(4)
    wait("the end of hers", lambda: "2" in logind.ended())
    agent.kedged.wait_log("session 2 of carol, opened by sshd, was ended: no role of his brings sshd")
    assert "3" not in logind.ended() and "4" not in logind.ended() and "5" not in logind.ended()


def test_the_way_in_that_no_chain_closes_stays_open(folder):
    """Root at the console is never ended, whatever the chain says; root from elsewhere is a user like others here."""
    bus, dn, agent, logind = start(folder)
    known(agent, "root")
    dn.command("set _user.root.role 0x" + "00" * 32)
    dn.mine(4)
    gone(agent, "root")
    logind.add("1", "root", uid="0", service="login", tty="tty1", remote="no", host="-")
    logind.add("2", "root", uid="0", service="login", tty="ttyS0", remote="no", host="-")
    logind.add("3", "root", uid="0", service="sshd", tty="pts/1")
    logind.add("4", "root", uid="0", service="sshd", tty="tty1")  # logind calls it remote: no console
    logind.add("5", "root", uid="0", service="login", tty="tty1", remote="no")  # a host is named: no console
    logind.add("6", "root", uid="0", service="login", tty="tty1", host="-")  # the other way round
    logind.round(agent)
    assert set(logind.ended()) == {"3", "4", "5", "6"}, logind.asked()


def test_this_hosts_own_word(folder):
    """DenyUsers= ends at the reload that brings it; EndSessions=no asks nothing of logind."""
    bus, dn, agent, logind = start(folder)
    known(agent, "alice", "dave")
    logind.add("1", "alice")
    logind.add("2", "dave")
    logind.round(agent)
    assert logind.ended() == []
    agent.DENIED = "dave"
    agent.write_config()
    agent.reload()
    wait("the end", lambda: set(logind.ended()) == {"2"})
    agent.kedged.wait_log("session 2 of dave, opened by sshd, was ended: DenyUsers= of this host names him")
    del logind.sessions["2"]
    logind.add("3", "erin")
    agent.END = "no"
    agent.write_config()
    agent.reload()
    n = len(logind.asked())
    agent.reload()
    agent.reload()
    assert len(logind.asked()) == n and set(logind.ended()) == {"2"}


def test_who_stirs_it(folder):
    """Whoever asks about users who are not ours makes us ask logind nothing; without a bus it is said that it needs one."""
    bus, dn, agent, logind = start(folder)
    known(agent, "alice", "erin")
    logind.round(agent)
    n = len(logind.asked())
    for user in ("zoe", "alic", "alicea", "ali"):
        assert agent.login(user)["verdict"] == "no record"
    dn.set("_user.zoe.role", bits(3))
    dn.mine(4)
    agent.wait_login("zoe's record", "admitted", "zoe")
    assert len(logind.asked()) == n, logind.asked()[n:]
    dn.set("_user.erin.role", bits(3))
    dn.mine(4)
    wait("a round for erin", lambda: len(logind.asked()) > n)
    agent.BUS = "no"
    agent.write_config()
    agent.restart()
    agent.kedged.wait_log("EndSessions=yes in login.conf needs Bus=yes in [Agent]: no session is ended")


def test_what_is_not_known_ends_nothing(folder):
    """No upstream since the start: DenyUsers= alone still counts. Then stale: a no of yesterday is none."""
    bus, dn, agent, logind = start(folder)
    agent.fetch.kill()
    agent.restart()
    wait("the agent on the bus", lambda: agent.status() and bus.has_name())
    logind.add("1", "alice")
    logind.add("2", "erin")
    logind.round(agent)
    assert logind.ended() == [], logind.asked()
    agent.fetch.start()  # it is looked again when the first proof is there
    wait("the end", lambda: "2" in logind.ended())
    known(agent, "alice")
    logind.round(agent)
    assert set(logind.ended()) == {"2"}, logind.asked()


def test_a_no_that_is_stale_ends_nothing(folder):
    bus, dn, agent, logind = start(folder)
    agent.END, agent.roles = "no", "[pam]\nMaxAge=2s\nStale=serve\nStaleMax=1h"
    agent.write_config()
    agent.reload()
    known(agent, "erin")
    agent.fetch.kill()
    wait("the age", lambda: agent.kedgectl("roles")[1].split("[pam]")[-1].split("\n")[0].find("serve") >= 0)
    logind.add("1", "erin")
    agent.END = "yes"
    agent.write_config()
    logind.round(agent)
    assert logind.ended() == [], logind.asked()
    agent.fetch.start()

    def looked():
        dn.mine(1)
        agent.reload()
        return logind.ended()
    assert set(wait("the end, when it is proven again", looked, every=0.3)) == {"1"}


def test_a_logind_that_is_not_there(folder):
    bus, dn, agent, _ = start(folder, sessions=False)
    agent.kedged.wait_log("logind is not on the system bus: EndSessions= has no sessions to end")
    for _ in range(3):
        agent.reload()
    assert agent.kedged.text().count("logind is not on the system bus") == 1
    logind = Logind(folder, bus.address)
    known(agent, "erin")
    logind.add("1", "erin")
    wait("logind", lambda: "org.freedesktop.login1" in bus.busctl("list").stdout)
    agent.reload()
    wait("the end", lambda: set(logind.ended()) == {"1"})
    # The bus goes in the middle of a question, and comes back with another logind.
    logind.on("GetAll", "silent")
    agent.reload()
    wait("the question", lambda: logind.asked()[-1].startswith("GetAll"))
    logind.kill()
    bus.kill()
    agent.kedged.wait_log("the system bus has gone")
    os.unlink(bus.socket)
    bus.start()
    wait("the bus", bus.answers)
    wait("the name again", bus.has_name, timeout=60)
    logind.on("GetAll", None)
    n = len(logind.ended())
    logind.start()
    wait("logind", lambda: "org.freedesktop.login1" in bus.busctl("list").stdout)
    agent.reload()
    wait("the end", lambda: len(logind.ended()) > n)
    logind.on("GetAll", "silent")  # a clean stop in the middle
    agent.reload()
    wait("the question", lambda: logind.asked()[-1].startswith("GetAll"))
    assert agent.kedged.stop() == 0


def test_a_logind_that_refuses_or_is_odd(folder):
    bus, dn, agent, logind = start(folder)
    known(agent, "alice", "erin")
    logind.add("1", "erin")
    logind.add("2", "erin")
    for error in ("org.freedesktop.DBus.Error.AccessDenied",
                  "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"):
        logind.on("TerminateSession", "error " + error)
        logind.round(agent)
    assert {"1", "2"} == set(logind.ended())
    assert agent.kedged.text().count("polkit's rule 50-kedge-sessions.rules") == 1  # said once
    assert "was ended" not in agent.kedged.text()
    # One that is gone meanwhile is no fault, and the next one's turn comes.
    n = len(logind.ended())
    logind.on("TerminateSession", "error org.freedesktop.login1.NoSuchSession")
    logind.round(agent)
    assert {"1", "2"} <= set(logind.ended()[n:])
    logind.on("GetAll", "error org.freedesktop.DBus.Error.UnknownObject")
    logind.round(agent)
    assert {"/org/freedesktop/login1/session/1", "/org/freedesktop/login1/session/2"} <= {
        line.split()[1] for line in logind.asked()[-8:] if line.startswith("GetAll")}
    assert "logind does not answer" not in agent.kedged.text()
    # What it answers oddly ends nothing; it is asked again.
    n = len(logind.ended())
    for member in ("ListSessions", "GetAll"):
        for how in ("odd", "error org.example.Broken"):
            logind.on(member, how)
            logind.round(agent)
    assert len(logind.ended()) == n
    assert agent.kedged.text().count("logind does not answer as it should") == 1
    logind.on("", None)
    wait("the end of both", lambda: {"1", "2"} <= set(logind.ended()[n:]))
    agent.kedged.wait_log("session 2 of erin, opened by sshd, was ended: he has no record")
    # One that it answers oddly for keeps no other one open.
    for member, how in (("TerminateSession", "error org.example.Broken 1"), ("GetAll", "odd 1"), ("GetAll", "error org.example.Broken 1")):
        n = len(logind.ended())
        logind.on(member, how)
        logind.round(agent)
        assert "2" in logind.ended()[n:], (member, how)
    logind.on("", None)
    # Names and texts as no logind makes them.
    n = len(logind.asked())
    logind.sessions = {}
    logind.add("x" * 200, "erin")
    logind.add("3", "e" * 200)
    logind.add("4", "erin", service="s" * 200)
    logind.add("5", "..", service="sshd")
    logind.round(agent)
    assert {line for line in logind.asked()[n:] if line.startswith("Terminate")} == {"TerminateSession 4"}


if __name__ == "__main__":
    sys.exit(run([test_a_session_ends_when_its_user_is_let_in_no_more, test_the_way_in_that_no_chain_closes_stays_open,
                  test_this_hosts_own_word, test_who_stirs_it, test_what_is_not_known_ends_nothing, test_a_no_that_is_stale_ends_nothing,
                  test_a_logind_that_is_not_there, test_a_logind_that_refuses_or_is_odd]))
