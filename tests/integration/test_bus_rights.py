#!/usr/bin/env python3
"""Who may change something over the bus: the installed policy, a real polkitd, and kedged as its own user."""
import os
import shutil
import subprocess
import sys

from bus_harness import ERROR, NAME, PYTHON, SOURCE, SUDO, Namespace, as_user, script, start
from harness import Process, Skip, program, run, wait

POLKITD = "/usr/lib/polkit-1/polkitd"
POLICY = "/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf"
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
PASSWORD = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
CHANGES = [("Flush", []), ("Reload", []), ("ImportCheckpoint", ["diode", "t:1", "0x" + "00" * 32]),
           ("AcceptConflict", ["diode", "0x" + "00" * 32]), ("NetApply", ["plant", "t:0"]), ("NetConfirm", ["plant"]),
           ("NetRollback", ["plant", "t:0"]), ("NetNextKey", ["plant"])]
# Let in, these are refused for what they are; that is not about rights.
LET_IN = {"Flush": "", "Reload": "", "ImportCheckpoint": ERROR + "Failed", "AcceptConflict": ERROR + "Failed",
          **{member: ERROR + "Unknown" for member in ("NetApply", "NetConfirm", "NetRollback", "NetNextKey")}}


def as_own_user(machine, agent):
    """kedged again, without root: what a test reads cannot be read by everybody, so from a copy."""
    uid = machine.USERS["_kedge"]
    agent.kedged.stop()
    copy = agent.folder.path + "/kedged"
    shutil.copy(program("agent/kedged/kedged"), copy)
    for at, folders, files in os.walk(agent.home):
        for name in [at, *[os.path.join(at, f) for f in folders + files]]:
            os.chown(name, uid, uid)
    agent.kedged.argv = machine.wrap("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--bounding-set=-all",
                                     "--no-new-privs", copy, "--config=" + agent.conf)
    agent.kedged.start()


def started(folder):
    if not os.path.exists(POLKITD) or not os.path.exists(POLICY):
        raise Skip("polkitd is not installed")
    if not os.path.isdir("/etc/polkit-1/rules.d"):
        raise Skip("there is no folder for polkit's rules")
    machine = Namespace(folder)
    b, dn, agent = start(folder, machine=machine, more=f"<include>{POLICY}</include>")
    as_own_user(machine, agent)
    agent.wait_following(dn.final()[0])
    wait("the agent's name on the bus", b.has_name)
    polkit = Process(folder, "polkitd", machine.wrap(POLKITD, "--no-debug"), env={"DBUS_SYSTEM_BUS_ADDRESS": b.address})
    wait("polkit on the bus", lambda: "org.freedesktop.PolicyKit1" in b.busctl("list").stdout)
    return machine, b, agent, polkit


def test_polkit_decides_for_those_whom_the_bus_lets_through(folder):
    machine, b, agent, polkit = started(folder)
    users = machine.USERS
    allowed = (users["allowed"], SUDO)
    for member, argv in CHANGES:
        let_in = LET_IN[member]
        for user, want in ((None, let_in), (allowed, let_in), ((users["asked"], SUDO), PASSWORD),
                           ((users["refused"], SUDO), ERROR + "NotAuthorized"), (users["allowed"], DENIED)):
            said = b.call(member, *argv, user=user)
            assert said[1] == want, (member, user, said)
    for user in ("asked", "refused"):
        assert f"user id {users[user]}" not in agent.kedged.text()
    assert f"ImportCheckpoint: called on the bus by user id {users['allowed']}" in agent.kedged.text()
    assert not b.call("ListChains", user=65534)[1]
    polkit.kill()
    wait("polkit to be gone", lambda: "org.freedesktop.PolicyKit1" not in b.busctl("list").stdout)
    assert b.call("Flush", user=allowed) == ("", ERROR + "NotAuthorized")
    assert b.call("Flush") == ("", "")
    wait("the name again", lambda: not b.call("Resolve", NAME)[1])


def many(b, user, n, member):
    """(what n connections of the user got, the process that holds them)"""
    p = subprocess.Popen([*as_user(user), PYTHON, "-c", script("bus_many.py"), b.address, str(n), member],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
    return p.stdout.readline().strip(), p


def test_a_name_on_another_bus_is_somebody_else(folder):
    """A bus that starts again gives the same unique names, to others than before."""
    machine = Namespace(folder)
    b, _, agent = start(folder, machine=machine)
    said, root = many(b, None, 40, "Flush")
    assert said.startswith("- from :1."), said
    b.kill()
    agent.kedged.wait_log("the system bus has gone")
    os.remove(b.socket)
    b.start()
    wait("the bus", b.answers)
    wait("the agent's name on the new bus", b.has_name, 60)
    said_too, other = many(b, (machine.USERS["refused"], SUDO), 60, "Flush")
    assert said_too.startswith(ERROR + "NotAuthorized from :1."), (said, said_too)
    for p in (root, other):
        p.communicate()
    numbers = [[int(word[3:]) for word in s.split() if word.startswith(":1.")] for s in (said, said_too)]
    assert max(n[0] for n in numbers) < min(n[1] for n in numbers), ("no name came twice", numbers)


def test_the_installed_policy_names_every_member(folder):
    """What is read by all is in the policy by name, what changes something is not, and each has its action."""
    with open(SOURCE + "/packaging/dbus/org.kedge.Agent1.conf") as f:
        everybody = f.read().split("</policy>")[0]
    with open(SOURCE + "/docs/dbus/org.kedge.Agent1.xml") as f:
        members = [line.split('"')[1] for line in f if "<method " in line]
    with open(SOURCE + "/packaging/polkit/org.kedge.agent1.policy") as f:
        actions = f.read()
    changes = [member for member, _ in CHANGES]
    words = {"Flush": "flush", "Reload": "reload", "ImportCheckpoint": "import-checkpoint", "AcceptConflict": "accept-conflict",
             "NetApply": "net-apply", "NetConfirm": "net-confirm", "NetRollback": "net-rollback", "NetNextKey": "net-next-key"}
    assert len(members) > 10
    for member in members:
        assert (f'send_member="{member}"' in everybody) == (member not in changes), member
    for member in changes:
        assert f'"org.kedge.agent1.{words[member]}"' in actions, member
    assert actions.count("<action ") == len(changes) == actions.count(">unix-user:_kedge<")
    assert actions.count("auth_admin<") == 3 * len(changes)


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
