#!/usr/bin/env python3
"""Who is logged in, on a booted system: real systemd, logind, D-Bus, polkit, sshd and sudo, our units and pam_kedge.so as they
are installed, and a chain. One boot and one story: the steps follow one another. See machine.py."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import SKIP, Machine, Skip, TestNode, own_namespace, program, wait  # noqa: E402

SSHD, SUDO = 3, 5
NONE = bytes(32)
UNITS = ["kedged.service", "kedge-fetch.service"]
EXPOSURE = 2.0  # of systemd-analyze security, at most
SESSION_ID = "ae8b1b1f12254467a4e7668aff989382"  # of agent/kedged/message_id.h
USERS = {"alice": 2001, "bob": 2002, "carol": 2003, "dave": 2004}
LOGIN_CONF = f"""[Login]
Zone=plant.fleet
Host=gw1
ManagedUsers=alice carol dave root
EndSessions=yes
[Role {SSHD}]
Services=sshd
[Role {SUDO}]
Services=sudo
"""
KEDGED_CONF = """[Agent]
FetchUser=_kedge-fetch
[Chain diode]
Backend=blockquick
ChainId={CHAIN_ID}
Checkpoint={CHECKPOINT}
Fleet={FLEET}
Upstream={NODE0}
Upstream={NODE1}
Upstream={NODE2}
Poll=100ms
RequestTimeout=1500ms
RestTime=300ms
DailyBytes=0
[Zone plant.fleet]
Chain=diode
Contract={CONTRACT}
Slot=0
"""
DEVNODE = """[Unit]
Description=A test chain
[Service]
ExecStart=/usr/local/bin/kedge-devnode --info=/run/devnode.info --control=/run/devnode.ctl --blocks=300 --accounts=300 --slots=100
"""
WATCHDOG = "[Service]\nWatchdogSec=8s\n"
SSHD_CONF = """Port 22
ListenAddress 127.0.0.1
HostKey /etc/ssh/host_key
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PrintMotd no
"""
SSH_CONF = """Host *
BatchMode yes
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
LogLevel ERROR
IdentityFile /etc/ssh/user_key
"""
PAM = """auth required pam_deny.so
account [success=ok ignore=ignore default=bad] {kedge}
account required pam_unix.so
session required pam_unix.so
"""
SYSTEMD = "session required pam_systemd.so\n"
HOLD = "session required pam_exec.so /usr/local/bin/hold\n"  # a session without a shell goes on as long as this


def bits(*roles):
    return sum(1 << r for r in roles).to_bytes(32, "big")


class Chain(TestNode):
    """The test node, on the loopback of the machine."""

    def __init__(self, m):
        self.control_file = m.inside("/run/devnode.ctl")
        wait("the test node", lambda: os.path.exists(m.inside("/run/devnode.info")))
        with open(m.inside("/run/devnode.info")) as f:
            self.info = dict(line.strip().split("=", 1) for line in f)


class Session:
    """A login that goes on until it is ended."""

    def __init__(self, m, user, argv):
        self.user, self.p = user, m.start(*argv)
        self.known = {s["id"] for s in sessions(m)}
        self.line = self.p.stdout.readline().strip()
        assert self.line == "in", f"{user} does not get in: {self.line} {self.p.stdout.read()}"
        self.id = self.line and wait(f"the session of {user}", lambda: next(
            (s["id"] for s in sessions(m) if s["user"] == user and s["id"] not in self.known), None))

    def ended(self, timeout=20):
        try:
            return self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the session of {self.user} goes on")

    def goes_on(self):
        return self.p.poll() is None


class Story:
    def __init__(self, m):
        self.m, self.chain, self.open = m, None, {}

    def unit(self, name, what):
        return self.m.must("systemctl", "show", "-P", what, name).strip()

    def ssh(self, user, command="echo in; exec sleep 1000"):
        return ["ssh", "-tt", user + "@127.0.0.1", command]

    def login(self, user):
        self.open[user] = Session(self.m, user, self.ssh(user))
        return self.open[user]

    def refused(self, user):
        r = self.m.run(*self.ssh(user, "echo in"))
        return r.returncode != 0 and "in" not in r.stdout.split()

    def known(self, user):
        wait(f"what is known of {user}", lambda: f"_user.{user}.plant.fleet" in self.m.run("kedgectl", "list").stdout)

    def reload(self):
        self.m.must("systemctl", "reload", "kedged")

    # The steps.

    def units_start(self):
        self.m.must("systemctl", "start", "kedge-devnode", "ssh")
        self.chain = Chain(self.m)
        for user, roles in (("alice", [SSHD]), ("carol", [SSHD, SUDO]), ("dave", [SSHD])):
            self.chain.set(f"_user.{user}.role", bits(*roles))
        self.chain.mine(12)
        self.m.write("/etc/kedge/kedged.conf", KEDGED_CONF.format(**self.chain.info))
        self.m.must("systemctl", "start", "kedged")
        wait("the state", lambda: "following" in self.unit("kedged", "StatusText"))
        for unit in UNITS:
            assert self.unit(unit, "ActiveState") == "active" and self.unit(unit, "NRestarts") == "0", unit
            out = self.m.must("systemd-analyze", "security", "--no-pager", unit)
            level = float(out.splitlines()[-1].split(": ")[-1].split()[0])
            print(f"  {unit}: exposure {level}")
            assert level <= EXPOSURE, out
        assert "org.kedge.Agent1" in self.m.must("busctl", "list")
        for user in ("alice", "carol", "dave"):
            self.known(user)

    def everybody_logs_in(self):
        for user in ("alice", "bob", "carol", "dave"):
            self.login(user)
        console = ["pamtester", "-I", "tty=/dev/hvc0", "login", "root", "open_session"]
        p = self.m.start(*console)
        wait("root at the console", lambda: any(s["user"] == "root" for s in sessions(self.m)))
        self.console = p
        for s in sessions(self.m):
            print("  session", s["id"], s["user"], s.get("tty", ""))

    def without_polkits_rule_nothing_ends(self):
        self.chain.set("_user.dave.role", NONE)
        self.chain.mine(3)
        entry = wait("the line", lambda: [e for e in self.m.journal("-u", "kedged", "-p", "err")
                                          if "50-kedge-sessions.rules" in e["MESSAGE"]])
        print("  " + entry[0]["MESSAGE"])
        assert self.open["dave"].goes_on()

    def with_it_the_session_ends(self):
        self.m.must("ln", "-s", self.m.prefix + "/share/kedge/polkit/50-kedge-sessions.rules", "/etc/polkit-1/rules.d/")

        def once():
            self.reload()
            return not self.open["dave"].goes_on()
        wait("the end of dave's session", once, every=0.5)

    def her_record_goes_and_her_session_with_it(self):
        alice, taken = self.open["alice"], self.chain.peak()[0]
        self.chain.set("_user.alice.role", NONE)
        begun = time.monotonic()
        self.chain.mine(3)
        code = alice.ended()
        print(f"  {(time.monotonic() - begun) * 1000:.0f} ms from the block to the end of ssh, which says {code}")
        assert code == 255
        entry = wait("the line", lambda: self.m.journal("MESSAGE_ID=" + SESSION_ID, "KEDGE_USER=alice"))[0]
        print("  " + entry["MESSAGE"])
        assert entry["KEDGE_SESSION"] == alice.id and entry["KEDGE_SERVICE"] == "sshd", entry
        assert entry["KEDGE_VERDICT"] in ("revoked", "no record"), entry  # the latter where the block is final already
        assert taken < int(entry["KEDGE_BLOCK"]) <= self.chain.peak()[0], entry
        wait("logind to forget her", lambda: not any(s["user"] == "alice" for s in sessions(self.m)))
        for user in ("bob", "carol"):
            assert self.open[user].goes_on(), user
        assert self.console.poll() is None
        assert self.refused("alice")

    def a_role_of_hers_goes(self):
        assert "uid=0" in self.m.run(*self.ssh("carol", "sudo -n id")).stdout
        self.chain.set("_user.carol.role", bits(SSHD))
        self.chain.mine(3)
        wait("sudo to be refused", lambda: "uid=0" not in self.m.run(*self.ssh("carol", "sudo -n id")).stdout)
        assert self.open["carol"].goes_on()

    def without_the_agent(self):
        self.m.must("systemctl", "kill", "-s", "KILL", "kedged")
        wait("another kedged", lambda: self.unit("kedged", "NRestarts") == "1" and self.unit("kedged", "ActiveState") == "active")
        wait("a login of carol", lambda: not self.refused("carol"), every=0.2)
        self.m.must("systemctl", "stop", "kedged")
        assert self.refused("carol")
        assert not self.refused("bob")
        assert self.m.run("pamtester", "-I", "tty=/dev/hvc0", "login", "root", "acct_mgmt").returncode == 0
        for user in ("bob", "carol"):
            assert self.open[user].goes_on(), user
        self.m.must("systemctl", "start", "kedged")
        wait("a login of carol", lambda: not self.refused("carol"), every=0.2)
        assert self.open["carol"].goes_on() and self.console.poll() is None

    def the_watchdog(self):
        """One that hangs is ended and started again."""
        before = int(self.unit("kedged", "NRestarts"))
        self.m.must("systemctl", "kill", "-s", "STOP", "kedged")
        wait("another kedged", lambda: int(self.unit("kedged", "NRestarts")) > before, timeout=40)
        wait("it", lambda: self.unit("kedged", "ActiveState") == "active")
        assert not any(self.m.run("systemctl", "is-failed", unit).stdout.strip() == "failed" for unit in UNITS)

    STEPS = [units_start, everybody_logs_in, without_polkits_rule_nothing_ends, with_it_the_session_ends,
             her_record_goes_and_her_session_with_it, a_role_of_hers_goes, without_the_agent, the_watchdog]


def sessions(m):
    """What logind lists."""
    import json
    r = m.run("busctl", "--json=short", "call", "org.freedesktop.login1", "/org/freedesktop/login1",
              "org.freedesktop.login1.Manager", "ListSessions")
    return [{"id": s[0], "user": s[2]} for s in json.loads(r.stdout)["data"][0]] if r.returncode == 0 else []


def furnish(m):
    m.install()
    shutil.copy(program("tests/devnode/kedge-devnode"), m.root + "/usr/local/bin/")
    m.write("/usr/local/bin/hold", "#!/bin/sh\nexec sleep 1000\n", 0o755)
    m.write("/etc/systemd/system/kedge-devnode.service", DEVNODE)
    m.write("/etc/systemd/system/kedged.service.d/test.conf", WATCHDOG)
    m.write("/etc/ssh/sshd_config", SSHD_CONF)
    m.write("/etc/ssh/ssh_config", SSH_CONF)
    m.write("/etc/sudoers", "root ALL=(ALL) ALL\ncarol ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{m.root}/etc/ssh/{key}"], check=True)
    with open(m.root + "/etc/ssh/user_key.pub") as f:
        public = f.read()
    for name, uid in USERS.items():
        m.user(name, uid)
        m.write(f"/home/{name}/.ssh/authorized_keys", public, 0o600)
        for path in (".ssh", ".ssh/authorized_keys"):
            os.chown(f"{m.root}/home/{name}/{path}", uid, uid)
    stack = PAM.format(kedge=m.find("pam_kedge.so"))
    for service, more in (("sshd", SYSTEMD), ("sudo", ""), ("login", SYSTEMD + HOLD)):
        m.write("/etc/pam.d/" + service, stack + more)
    m.write("/etc/kedge/login.conf", LOGIN_CONF)


def main():
    folder = tempfile.mkdtemp(prefix="kedge-nspawn.", dir=os.environ.get("TMPDIR"))
    m, ok, begun = None, False, time.monotonic()
    try:
        m = Machine(folder)
        furnish(m)
        m.boot()
        print(f"booted ({time.monotonic() - begun:.1f} s)")
        story = Story(m)
        for step in Story.STEPS:
            at = time.monotonic()
            step(story)
            print(f"ok {step.__name__} ({time.monotonic() - at:.1f} s)", flush=True)
        ok = True
    finally:
        if m and m.init and not ok and m.nspawn.poll() is None:
            traceback.print_exc()
            print(m.sh("journalctl -b --no-pager | tail -80; loginctl --no-pager").stdout, file=sys.stderr)
        if m:
            m.stop()
        os.rmdir(folder)
    print(f"passed, {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    try:
        own_namespace()
        main()
    except Skip as e:
        print("skipped:", e)
        sys.exit(SKIP)
