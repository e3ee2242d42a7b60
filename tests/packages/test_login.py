"""Who is logged in, on a gateway with our packages: libpam-kedge switched on by pam-auth-update, sshd by the drop-in of kedge-ssh,
real logind and polkit. Technicians come and go by the word of the chain; who is not managed, and who is named for the day when
nothing works, is not touched by it. One boot and one story: the steps follow one another."""
import base64
import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import time

from clean import ALL, Chain, Skip, gateway, wait

SSHD, SUDO = 3, 5
NONE = bytes(32)
SESSION_ID = "ae8b1b1f12254467a4e7668aff989382"  # of agent/kedged/message_id.h
MANAGED = ("alice", "carol", "dave")
PASSWORD = "open sesame"
LOGIN_CONF = f"""[Login]
Zone=plant.fleet
Host=gw1
ManagedUsers={" ".join(MANAGED)} root rescue
BreakGlass=root@console rescue
EndSessions=yes
[Role {SSHD}]
Services=sshd systemd-user
[Role {SUDO}]
Services=sudo
"""
# A session of root's at the console that goes on without a terminal.
CONSOLE = "@include common-auth\n@include common-account\n@include common-session\nsession required pam_exec.so /opt/hold\n"


def bits(*roles):
    return sum(1 << r for r in roles).to_bytes(32, "big")


def sessions(m):
    """What logind lists."""
    r = m.run("busctl", "--json=short", "call", "org.freedesktop.login1", "/org/freedesktop/login1",
              "org.freedesktop.login1.Manager", "ListSessions")
    return [{"id": s[0], "user": s[2]} for s in json.loads(r.stdout)["data"][0]] if r.returncode == 0 else []


class Session:
    """A login that goes on until it is ended."""

    def __init__(self, m, user):
        known = {s["id"] for s in sessions(m)}
        self.user, self.p = user, m.start(*ssh(user, "echo in; exec sleep 1000"))
        line = self.p.stdout.readline().strip()
        assert line == "in", f"{user} does not get in: {line} {self.p.stdout.read()}"
        self.id = wait(f"the session of {user}", lambda: next(
            (s["id"] for s in sessions(m) if s["user"] == user and s["id"] not in known), None))

    def ended(self):
        try:
            return self.p.wait(30)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the session of {self.user} goes on")

    def goes_on(self):
        return self.p.poll() is None


def ssh(user, command):
    return ["ssh", "-tt", "-i", f"/opt/keys/{user}", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", user + "@127.0.0.1", command]


def refused(m, user):
    r = m.run(*ssh(user, "echo in"))
    return r.returncode != 0 and "in" not in r.stdout.split()


def may_sudo(m, user):
    return "uid=0" in m.run(*ssh(user, "sudo -n id")).stdout


def make_users(m):
    for name in (*MANAGED, "bob", "rescue"):
        m.must("useradd", "-m", "-s", "/bin/bash", name)
        key = f"{m.root}/opt/keys/{name}"
        os.makedirs(os.path.dirname(key), exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    m.must("chpasswd", stdin=f"rescue:{PASSWORD}\n")
    m.must("sh", "-ec", "mkdir ~bob/.ssh; cp /opt/keys/bob.pub ~bob/.ssh/authorized_keys; chown -R bob: ~bob/.ssh")
    # A managed user's own file counts for nothing.
    m.must("sh", "-ec", "mkdir ~dave/.ssh; cp /opt/keys/bob.pub ~dave/.ssh/authorized_keys; chown -R dave: ~dave/.ssh")
    m.write("/etc/sudoers.d/test", "carol ALL=(ALL) NOPASSWD: ALL\nalice ALL=(ALL) NOPASSWD: ALL\n", 0o440)


def key_hash(m, user):
    with open(f"{m.root}/opt/keys/{user}.pub") as f:
        return hashlib.sha256(base64.b64decode(f.read().split()[1])).digest()


def make_records(m):
    m.chain = Chain(m)
    for user, roles in (("alice", [SSHD]), ("carol", [SSHD, SUDO]), ("dave", [SSHD])):
        m.chain.set(f"_user.{user}.ssh", key_hash(m, user))
        m.chain.set(f"_user.{user}.role", bits(*roles))
    m.chain.mine(30)


def furnish(m):
    if not shutil.which("pamtester"):
        raise Skip("pamtester is not installed")
    m.boot()
    m.install(ALL)
    make_users(m)
    make_records(m)
    shutil.copy(shutil.which("pamtester"), m.root + "/opt/pamtester")
    m.write("/opt/hold", "#!/bin/sh\nexec sleep 1000\n", 0o755)
    m.write("/etc/pam.d/console-test", CONSOLE)
    m.write("/etc/kedge/login.conf", LOGIN_CONF)
    m.follows(m.chain)
    wait("the state", lambda: "following" in m.show("kedged", "StatusText"))
    for user in MANAGED:
        wait(f"what is known of {user}", lambda: f"_user.{user}.plant.fleet" in m.run("kedgectl", "list").stdout)
    m.open = {}


def it_is_switched_on_as_the_readme_says(m):
    before = m.must("cat", "/etc/pam.d/common-account")
    assert "pam_kedge" not in before, "it is switched on by being installed"
    m.must("pam-auth-update", "--enable", "kedge")
    assert "pam_kedge.so" in m.must("cat", "/etc/pam.d/common-account")
    drop_in = m.must("cat", "/usr/share/doc/kedge/examples/sshd-kedge.conf").replace("Match Group fleet", "Match User " + ",".join(MANAGED))
    m.write("/etc/ssh/sshd_config.d/00-kedge.conf", drop_in)
    m.must("systemctl", "restart", "ssh")
    bad = [line for line in m.run("kedgectl", "doctor").stdout.splitlines() if line.startswith("bad")]
    assert not bad, bad


def everybody_logs_in(m):
    for user in (*MANAGED, "bob"):
        m.open[user] = Session(m, user)
    m.console = m.start("/opt/pamtester", "-I", "tty=/dev/hvc0", "console-test", "root", "open_session")
    wait("root at the console", lambda: any(s["user"] == "root" for s in sessions(m)))


def a_key_that_is_not_the_records_opens_nothing(m):
    assert m.run(*[w if w != "/opt/keys/dave" else "/opt/keys/bob" for w in ssh("dave", "echo in")]).returncode != 0


def without_polkits_rule_nothing_ends(m):
    m.chain.set("_user.dave.role", NONE)
    m.chain.mine(3)
    wait("the line", lambda: any("50-kedge-sessions.rules" in e["MESSAGE"] for e in m.journal("-u", "kedged", "-p", "err")))
    assert m.open["dave"].goes_on()


def with_it_the_session_ends(m):
    m.must("ln", "-s", "/usr/share/kedge/polkit/50-kedge-sessions.rules", "/etc/polkit-1/rules.d/")

    def once():
        m.must("systemctl", "reload", "kedged")
        return not m.open["dave"].goes_on()
    wait("the end of dave's session", once, timeout=40, every=0.5)


def her_record_goes_and_her_session_with_it(m):
    alice, taken = m.open["alice"], m.chain.peak()[0]
    for field in ("role", "ssh"):
        m.chain.set("_user.alice." + field, NONE)
    begun = time.monotonic()
    m.chain.mine(3)
    code = alice.ended()
    print(f"  {(time.monotonic() - begun) * 1000:.0f} ms from the block to the end of ssh, which says {code}")
    assert code == 255
    entry = wait("the line", lambda: m.journal("MESSAGE_ID=" + SESSION_ID, "KEDGE_USER=alice"))[0]
    assert entry["KEDGE_SESSION"] == alice.id and entry["KEDGE_SERVICE"] == "sshd", entry
    assert entry["KEDGE_VERDICT"] in ("revoked", "no record"), entry  # the latter where the block is final already
    assert taken < int(entry["KEDGE_BLOCK"]) <= m.chain.peak()[0], entry
    wait("logind to forget her", lambda: not any(s["user"] == "alice" for s in sessions(m)))
    assert m.open["bob"].goes_on() and m.open["carol"].goes_on() and m.console.poll() is None
    assert refused(m, "alice")


def a_role_of_hers_goes_and_sudo_with_it(m):
    assert may_sudo(m, "carol")
    m.chain.set("_user.carol.role", bits(SSHD))
    m.chain.mine(3)
    wait("sudo to be refused", lambda: not may_sudo(m, "carol"))
    assert m.open["carol"].goes_on() and not refused(m, "carol")


def another_agent_after_a_kill(m):
    before = int(m.show("kedged", "NRestarts"))
    m.must("systemctl", "kill", "-s", "KILL", "kedged")
    m.back("kedged", before)
    wait("a login of carol", lambda: not refused(m, "carol"), every=0.2)
    assert refused(m, "alice")


def on_a_terminal(m, user, password):
    """login on a terminal: what id says then."""
    p = subprocess.Popen(m.enter("script", "-qec", "login " + user, "/dev/null"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def until(what):
        seen, end = b"", time.monotonic() + 30
        while not re.search(what, seen):
            assert time.monotonic() < end and p.poll() is None, seen
            if select.select([p.stdout], [], [], 0.2)[0]:
                seen += os.read(p.stdout.fileno(), 4096)
        return seen
    try:
        until(rb"assword: ?$")
        p.stdin.write(password.encode() + b"\n")
        p.stdin.flush()
        until(rb"[$#] ?(\x1b\[[^a-z]*[a-z])*$")
        p.stdin.write(b"id\n")
        p.stdin.flush()
        return until(rb"uid=\d+\(\w+\)").decode()
    finally:
        p.kill()
        p.wait()


def with_the_agent_stopped_the_way_in_for_that_day(m):
    m.must("systemctl", "stop", "kedged")
    assert refused(m, "carol") and not refused(m, "bob")
    assert m.run("/opt/pamtester", "-I", "tty=/dev/hvc0", "console-test", "root", "acct_mgmt").returncode == 0
    assert m.run("/opt/pamtester", "-I", "rhost=192.0.2.1", "console-test", "root", "acct_mgmt").returncode != 0
    assert "(rescue)" in on_a_terminal(m, "rescue", PASSWORD)
    assert m.open["bob"].goes_on() and m.open["carol"].goes_on()
    m.must("systemctl", "start", "kedged")
    wait("a login of carol", lambda: not refused(m, "carol"), every=0.2)
    assert m.open["carol"].goes_on() and m.console.poll() is None


def switched_off_again(m):
    """The stack is as before, and nobody is locked out by what is left."""
    m.must("pam-auth-update", "--disable", "kedge")
    assert "pam_kedge" not in m.must("cat", "/etc/pam.d/common-account")
    m.must("rm", "/etc/ssh/sshd_config.d/00-kedge.conf")
    m.must("systemctl", "restart", "ssh")
    m.must("systemctl", "stop", "kedged")
    assert not refused(m, "bob")


def logins(context):
    with gateway(context) as m:
        furnish(m)
        m.steps(it_is_switched_on_as_the_readme_says, everybody_logs_in, a_key_that_is_not_the_records_opens_nothing,
                without_polkits_rule_nothing_ends, with_it_the_session_ends, her_record_goes_and_her_session_with_it,
                a_role_of_hers_goes_and_sudo_with_it, another_agent_after_a_kill, with_the_agent_stopped_the_way_in_for_that_day,
                switched_off_again)


STORIES = [("logins", logins, True)]
