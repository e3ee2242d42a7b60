#!/usr/bin/env python3
"""sshd and ssh with the real agent on a chain: a key counts when its block is final, and no longer when a head has taken it
away; a host is believed by what its record holds."""
import os
import re
import sys
import time

from harness import BUILD, Agent, Devnode, Skip, run, wait
from login_machine import PROMPT, Wallet
from ssh_box import LIBEXEC, Box, blob_hash, public

ZONE = Agent.ZONE_NAME
PUMP = "pump1." + ZONE
LOGIN_CONF = f"[Login]\nZone={ZONE}\nHost=gw1\nManagedUsers=alice bob\nManagedGroup=fleet\n[Role 0]\nServices=sshd\n" \
             "[Role 1]\nServices=sudo\n"


class SshAgent(Agent):
    def write_config(self):
        super().write_config()
        with open(self.home + "/login.conf", "w") as f:
            f.write(LOGIN_CONF)


def role(bits):
    return bits.to_bytes(32, "big")


def world(folder):
    """The box, with a chain and its agent in it. alice and pump1 are in the contract."""
    dn = Devnode(folder, blocks=300)
    dn.command("interval 100")
    home = folder.path + "/agent"
    b = Box(folder, home + "/run", home + "/state", LOGIN_CONF)
    b.dn = dn
    b.hosts(PUMP)
    dn.set("_user.alice.ssh", blob_hash(b.key("alice")))
    dn.set("_user.alice.role", role(1))
    dn.set("pump1.ssh_host", blob_hash(b.host_key))
    dn.mine(12)
    b.agent = SshAgent(folder, dn)
    b.agent.wait_following()
    b.own_file("local", "authorized_keys", public(b.key("local")))
    b.start()
    return b


def comes(what, check):
    wait(what, check, 40, 0.1)


def get_in(b, user, key):
    comes(f"{user} in by {key}", lambda: b.login(user, b.key(key)))


def stay_out(b, user, key):
    comes(f"{user} out with {key}", lambda: not b.login(user, b.key(key)))


def test_a_user_and_his_keys(folder):
    b = world(folder)
    dn = b.dn
    get_in(b, "alice", "alice")
    for user, key in (("alice", "other"), ("bob", "alice"), ("frank", "alice")):
        assert not b.login(user, b.key(key)), (user, key)
    assert b.login("local", b.key("local"))

    dn.set("_user.alice.ssh_next", blob_hash(b.key("next")))
    get_in(b, "alice", "next")
    assert b.login("alice", b.key("alice"))
    dn.set("_user.alice.ssh", blob_hash(b.key("next")))  # the old one goes
    stay_out(b, "alice", "alice")
    assert b.login("alice", b.key("next"))
    dn.command("clear _user.alice.ssh_next")
    assert b.login("alice", b.key("next"))

    dn.set("_user.alice.role", role(2))  # sudo, and no sshd: also where no PAM asks
    for pam in (True, False):
        b.start(pam=pam)
        stay_out(b, "alice", "next")
    b.logs("alice: refused: no role")
    assert re.search(r"alice: admitted: .*block \d+", b.m.syslog.since(0)), b.m.syslog.since(0)
    dn.set("_user.alice.role", role(3))
    get_in(b, "alice", "next")

    b.own_file("alice", "authorized_keys", public(b.key("next")))
    b.agent.kedged.kill()
    assert not b.login("alice", b.key("next")) and b.login("local", b.key("local"))
    b.agent.kedged.start()
    get_in(b, "alice", "next")
    for field in ("ssh", "role"):  # the whole record: he falls through to nothing
        dn.command("clear _user.alice." + field)
    stay_out(b, "alice", "next")
    assert b.login("local", b.key("local"))


def test_a_key_is_refused_at_the_head_that_took_it_away(folder):
    """Before that block is final: the chain stands still but for what is mined here."""
    b = world(folder)
    get_in(b, "alice", "alice")
    b.dn.command("interval 0")
    b.dn.command("clear _user.alice.ssh")
    taken = b.dn.mine(1)[0]
    while b.agent.status()["head"] < taken:
        peak = b.dn.mine(1)[0]
        wait("the agent to see it", lambda: any(b.agent.upstream(i)["peak"] >= peak for i in range(len(b.dn.nodes))))
        time.sleep(0.3)  # to accept it; where that is too short, one block more is mined
    stay_out(b, "alice", "alice")
    s = b.agent.status()
    assert s["head"] >= taken > s["final"], (taken, s)


def test_many_at_sshd_at_once_get_their_answers(folder):
    """As many as MaxStartups= lets in before anybody has logged in, all of one user of the agent's."""
    b = world(folder)
    get_in(b, "alice", "alice")
    with open(b.key("alice") + ".pub") as f:
        kind, blob = f.read().split()[:2]
    r = b.m.call("setpriv", "--reuid=_kedge-ssh", "--clear-groups", "sh", "-c",
                 f"i=0; while [ $i -lt 200 ]; do {LIBEXEC}/kedge-authorized-keys alice {blob} {kind} & i=$((i+1)); done; wait")
    assert r.stdout == f"{kind} {blob}\n" * 200, (r.stdout.count("\n"), r.stderr, b.m.syslog.since(0)[-2000:])


def test_a_host_and_its_keys(folder):
    b = world(folder)
    wait("the agent's list of suffixes", lambda: os.path.exists(b.state + "/public/suffixes"))
    comes("pump1 believed", lambda: b.reaches(PUMP)[0])
    first, b.host_key = b.host_key, b.key("exchanged")
    b.start()
    ok, err = b.reaches(PUMP)
    assert not ok and "refused: another key" in err, err
    b.dn.set("pump1.ssh_host_next", blob_hash(b.host_key))
    comes("the next key believed", lambda: b.reaches(PUMP)[0])
    b.dn.set("pump1.ssh_host", blob_hash(b.host_key))
    b.dn.command("clear pump1.ssh_host_next")
    b.host_key = first
    b.start()
    comes("the first key refused", lambda: not b.reaches(PUMP)[0])
    b.host_key = b.key("exchanged")
    b.start()
    assert b.reaches(PUMP) == (True, "")
    b.dn.command("clear pump1.ssh_host")
    comes("no key believed", lambda: not b.reaches(PUMP)[0])
    b.own_file("keeper", "known_hosts", f"[{PUMP}]:2222 " + public(b.host_key))
    assert not b.reaches(PUMP)[0] and not b.reaches("unheard-of." + PUMP)[0]
    b.agent.kedged.kill()
    ok, err = b.reaches(PUMP)
    assert not ok and "the agent does not run" in err, err


def test_a_signature_where_he_has_no_key(folder):
    """keyboard-interactive, with our module in PAM's stack of sshd: what the lines for sshd leave besides keys."""
    module = BUILD + "/pam/pam_kedge.so"
    if not os.path.exists(module):
        raise Skip("the PAM module is not built")
    with open(module, "rb") as f:
        if b"__asan_init" in f.read():
            raise Skip("a sanitizer wants to be loaded first")
    b = world(folder)
    wallet, module = Wallet("alice"), f"{module} runtime={b.run}"
    b.dn.set("_user.alice.device", wallet.record)
    b.m.write("/etc/pam.d/sshd", f"auth [success=done ignore=ignore default=die] {module}\n"
              f"account [success=ok ignore=ignore default=bad] {module}\n@include common-auth\n@include common-account\n"
              "session required pam_permit.so\n")
    ours = "/etc/ssh/sshd_config.d/00-kedge.conf"
    text = re.sub(r"(?m)^ *(AuthenticationMethods publickey|KbdInteractiveAuthentication no)\n", "", b.m.read(ours))
    b.m.write(ours, text.replace("#AuthenticationMethods", "AuthenticationMethods").replace("#KbdInter", "KbdInter"))
    b.start()
    get_in(b, "alice", "alice")

    def by_signature(sign):
        t = b.m.terminal(*b.as_user("keeper", "ssh", "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o",
                                    "UserKnownHostsFile=/dev/null", "-o", "PubkeyAuthentication=no", "-o",
                                    "NumberOfPasswordPrompts=1", "alice@localhost", "id -un"))
        text = t.text_to_sign()
        assert "user alice, host gw1." + ZONE + ", service sshd, " in text, text
        t.expect(PROMPT)
        t.type(sign(text))
        return t.end(), t.seen
    comes("the signature is good", lambda: by_signature(wallet.sign)[0] == 0)
    code, seen = by_signature(Wallet("stranger").sign)
    assert code == 255 and "Permission denied" in seen, seen


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
