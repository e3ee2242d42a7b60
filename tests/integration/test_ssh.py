#!/usr/bin/env python3
"""The helpers of sshd and ssh under real ones: who gets in by a key, and whose key is believed. An agent's answers are
scripted here, so that each test is wrong in one way; test_ssh_chain.py has a chain."""
import os
import socket
import subprocess
import sys

from harness import run
from ssh_box import (ADMITTED, DENIED, HOST, LIBEXEC, NO_RECORD, NO_ROLE, OK, REVOKED, STALE, TOO_OLD, UNPROVEN, USER, Box, Desk,
                     blob_hash, public)

PUMP = "pump1.plant.fleet"


def box(folder, **options):
    for name in ("run", "state"):
        os.mkdir(f"{folder.path}/{name}", 0o755)
    b = Box(folder)
    b.desk = Desk(folder.path + "/run/query.sock")
    b.suffixes()
    b.desk.holds = {(USER, "alice"): {blob_hash(b.key("alice"))}, (USER, "frank"): {blob_hash(b.key("frank"))},
                    (HOST, PUMP): {blob_hash(b.host_key)}}
    b.own_file("local", "authorized_keys", public(b.key("local")))
    return b.start(**options)


def test_a_key_of_the_chain_lets_in_and_no_other(folder):
    b = box(folder)
    assert b.login("alice", b.key("alice")) and b.login("frank", b.key("frank"))
    b.logs("alice: admitted: at block 77")
    for user, key in (("alice", "frank"), ("frank", "alice"), ("bob", "alice"), ("mallory", "alice")):
        assert not b.login(user, b.key(key)), (user, key)
    b.desk.asked.clear()
    assert b.login("local", b.key("local")) and not b.login("local", b.key("alice"))
    assert b.desk.asked == []  # not ours: nobody is asked
    b.m.write("/etc/ssh/keys/root", public(b.key("root")))
    b.start("AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u")
    assert b.login("root", b.key("root")) and b.desk.asked == []


def test_types_of_keys(folder):
    b = box(folder)
    for kind, options in (("ecdsa", ("-b", "521")), ("rsa", ("-b", "2048"))):
        key = b.key(kind, kind, *options)
        assert not b.login("alice", key)
        b.desk.holds[USER, "alice"].add(blob_hash(key))
        assert b.login("alice", key), kind


def test_every_no_of_the_agent_is_a_no(folder):
    """With PAM and without it: nothing but the helper says who may."""
    b = box(folder)
    for pam in (True, False):
        b.start(pam=pam)
        for result, verdict, word in ((DENIED, REVOKED, "revoked"), (DENIED, NO_ROLE, "no role"), (DENIED, NO_RECORD, "no record"),
                                      (STALE, TOO_OLD, "proven too long ago"), (UNPROVEN, 0, "not proven yet")):
            b.desk.told["alice"] = result, verdict
            mark = b.m.syslog.mark()
            assert not b.login("alice", b.key("alice")), (pam, word)
            b.logs(f"alice: refused: {word}: at block 77", mark)
        del b.desk.told["alice"]
        assert b.login("alice", b.key("alice"))


def test_without_the_agent_nobody_of_ours_and_everybody_else(folder):
    b = box(folder)
    sock = b.run + "/query.sock"
    os.rename(sock, sock + ".away")
    assert not b.login("alice", b.key("alice")) and b.login("local", b.key("local"))
    b.logs("alice: refused: the agent does not run")

    r, w = os.pipe()  # somebody else's socket in its place, with a yes for all
    if (child := os.fork()) == 0:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.bind(sock)
        os.chmod(sock, 0o666)
        os.setresuid(61006, 61006, 61006)
        s.listen()
        os.write(w, b"x")
        while True:
            s.accept()[0].recv(4096)
    try:
        os.read(r, 1)
        assert not b.login("alice", b.key("alice")) and b.login("local", b.key("local"))
        b.logs("who listens at the agent's socket is not the agent")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    os.rename(sock + ".away", sock)
    assert b.login("alice", b.key("alice"))

    b.m.write("/etc/kedge/login.conf", "[Login]\nManagedUsers=alice\n", 0o666)  # anybody may write to it
    assert not b.login("alice", b.key("alice")) and b.login("local", b.key("local"))
    b.logs("/etc/kedge/login.conf: is not a file of root's alone: nobody gets in by this key")


# ---- the doors beside ours. Each is open where our lines are not there, so that it is they that shut it.

def with_own_keys(b, name):
    b.own_file("alice", name, public(b.key("stranger")))
    return lambda: b.login("alice", b.key("stranger"))


def certify(b, *options):
    """alice's name on a stranger's key, by a CA."""
    ca, key = b.key("ca"), b.key("stranger")
    subprocess.run(["ssh-keygen", "-q", "-s", ca, "-I", "x", *options, key + ".pub"], check=True)
    return ca, key, ("-o", f"CertificateFile={key}-cert.pub")


def door_authorized_keys(b):
    return [], with_own_keys(b, "authorized_keys")


def door_second_authorized_keys(b):
    return [], with_own_keys(b, "authorized_keys2")


def door_keys_elsewhere(b):
    b.m.write("/etc/ssh/keys/alice", public(b.key("stranger")))
    return ["AuthorizedKeysFile /etc/ssh/keys/%u"], lambda: b.login("alice", b.key("stranger"))


def door_later_block(b):
    b.m.write("/etc/ssh/keys/alice", public(b.key("stranger")))
    return ["Match User alice", "AuthorizedKeysFile /etc/ssh/keys/%u"], \
        lambda: b.login("alice", b.key("stranger"))


def door_later_command(b):
    b.m.write("/run/libexec/other", "#!/bin/sh\necho '%s'\n" % public(b.key("stranger")).strip(), 0o755)
    return ["AuthorizedKeysCommand /run/libexec/other", "AuthorizedKeysCommandUser root"], \
        lambda: b.login("alice", b.key("stranger"))


def door_certificate(b):
    ca, key, options = certify(b, "-n", "alice")
    b.m.write("/etc/ssh/ca.pub", public(ca))
    return ["TrustedUserCAKeys /etc/ssh/ca.pub"], lambda: b.login("alice", key, *options)


def door_principals(b):
    ca, key, options = certify(b, "-n", "staff")
    b.m.write("/etc/ssh/ca.pub", public(ca))
    b.m.write("/etc/ssh/principals", "staff\n")
    return ["TrustedUserCAKeys /etc/ssh/ca.pub", "AuthorizedPrincipalsFile /etc/ssh/principals"], \
        lambda: b.login("alice", key, *options)


def door_own_authority(b):
    ca, key, options = certify(b, "-n", "alice")
    b.own_file("alice", "authorized_keys", "cert-authority " + public(ca))
    return [], lambda: b.login("alice", key, *options)


def by_password(b, method):
    b.m.write("/run/libexec/askpass", "#!/bin/sh\necho 'right horse'\n", 0o755)

    def tries():
        code, out, err = b.ssh("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1",
                               "-o", "PreferredAuthentications=" + method, "-o", "PubkeyAuthentication=no", "alice@localhost", "id -un",
                               env=(f"SSH_ASKPASS={LIBEXEC}/askpass", "SSH_ASKPASS_REQUIRE=force"))
        assert (code, out) in ((0, "alice"), (255, "")), (code, out, err)
        return code == 0
    return tries


def door_password(b):
    return ["PasswordAuthentication yes"], by_password(b, "password")


def door_password_by_pam(b):
    return ["KbdInteractiveAuthentication yes"], by_password(b, "keyboard-interactive")


def door_word_of_a_host(b):
    """alice of this same host, for whom ssh-keysign signs with the host's key."""
    b.m.write("/etc/ssh/shosts.equiv", "localhost\n")
    b.m.write("/etc/ssh/ssh_known_hosts", "localhost,[localhost]:2222 " + public(b.host_key))
    b.m.write("/etc/ssh/ssh_config", "EnableSSHKeysign yes\nHostbasedAuthentication yes\n" + b.m.read("/etc/ssh/ssh_config"))
    with open(b.host_key) as f:
        b.m.write("/etc/ssh/ssh_host_ed25519_key", f.read(), 0o600)
    b.m.write("/etc/ssh/ssh_host_ed25519_key.pub", public(b.host_key))

    def tries():
        code, out, err = b.ssh("-o", "BatchMode=yes", "-o", "PreferredAuthentications=hostbased", "alice@localhost", "id -un", client="alice")
        assert (code, out) in ((0, "alice"), (255, "")), (code, out, err)
        return code == 0
    return ["HostbasedAuthentication yes", "HostbasedUsesNameFromPacketOnly yes"], tries


def door_no_password_at_all(b):
    lines = [line if not line.startswith("alice:") else "alice::19000:0:99999:7:::" for line in b.m.read("/etc/shadow").splitlines()]
    b.m.write("/etc/shadow", "\n".join(lines) + "\n", 0o640)
    return ["PermitEmptyPasswords yes"], lambda: b.login("alice", None, "-o", "PubkeyAuthentication=no")


DOORS = [door_authorized_keys, door_second_authorized_keys, door_keys_elsewhere, door_later_block, door_later_command, door_certificate,
         door_principals, door_own_authority, door_password, door_password_by_pam, door_word_of_a_host, door_no_password_at_all]


def test_doors_beside_ours_are_shut(folder):
    b = box(folder)
    ours = "/etc/ssh/sshd_config.d/00-kedge.conf"
    kept = b.m.read(ours)
    clean = {p: b.m.read(p) for p in ("/etc/shadow", "/etc/ssh/ssh_config")}
    for door in DOORS:
        lines, tries = door(b)
        b.m.write(ours, "")
        b.start(*lines)
        assert tries(), f"{door.__name__} is no door: it is not open without us"
        b.m.write(ours, kept)
        b.start(*lines)
        assert not tries(), f"{door.__name__} is open"
        for path, text in clean.items():
            b.m.write(path, text)
        b.no_own_files("alice")
    assert b.login("alice", b.key("alice"))  # ours is open all the while


def test_sshd_takes_every_line_for_ours_and_none_for_others(folder):
    b = box(folder)

    def effective(user):
        r = b.m.call("/usr/sbin/sshd", "-T", "-C", f"user={user},host=x,addr=127.0.0.1")
        assert r.returncode == 0, r.stderr
        return r.stdout.splitlines()
    want = [" ".join(line.split()) for line in b.lines("sshd-kedge.conf").splitlines() if line.startswith("    ") and "#" not in line]
    assert len(want) == 17, want
    plain = effective("local")
    for user in ("alice", "frank"):
        is_ = effective(user)
        for line in want:
            word, value = line.split(" ", 1)
            got = next(x for x in is_ if x.startswith(word.lower() + " ")).split(" ", 1)[1]
            if value.startswith("-*"):
                assert got and "cert-v01" not in got, (user, line, got)
            else:
                assert got == value, (user, line, got)
    assert "authorizedkeyscommand none" in plain and "passwordauthentication yes" in plain, plain
    assert "ok    sshd" in b.doctor(), b.doctor()
    r = b.m.call("/usr/sbin/sshd", "-t")
    assert (r.returncode, r.stderr) == (0, ""), r.stderr


# ---- ssh

def test_ssh_believes_the_key_of_the_chain_and_no_other(folder):
    b = box(folder)
    assert b.reaches(PUMP) == (True, "")
    assert b.desk.asked == [PUMP]
    for name in ("PUMP1.Plant.FLEET", PUMP + "."):
        assert b.reaches(name)[0], name
    for say in ((DENIED, REVOKED), (DENIED, NO_RECORD), (STALE, TOO_OLD), (UNPROVEN, 0)):
        b.desk.told[PUMP] = say
        ok, err = b.reaches(PUMP)
        assert not ok and "KnownHostsCommand failed" in err and PUMP + ": refused: " in err, err
    del b.desk.told[PUMP]
    b.host_key = b.key("other")
    b.start()
    ok, err = b.reaches(PUMP)
    assert not ok and "refused: another key: at block 77" in err, err
    os.unlink(b.run + "/query.sock")
    ok, err = b.reaches(PUMP)
    assert not ok and "the agent does not run; start kedged" in err, err


def test_ssh_goes_by_its_own_files_where_the_host_is_not_ours(folder):
    b = box(folder)
    assert not b.reaches("www.example.org")[0]
    b.own_file("keeper", "known_hosts", "[www.example.org]:2222 " + public(b.host_key))
    assert b.reaches("www.example.org") == (True, "")
    assert b.reaches("www.example.org", "-o", "KnownHostsCommand=" + b.lines("ssh-kedge.conf").split("KnownHostsCommand ")[1].split("\n")[0])[0]
    assert b.desk.asked == []
    os.unlink(b.state + "/public/suffixes")  # never configured: nothing is ours
    b.own_file("keeper", "known_hosts", f"[{PUMP}]:2222 " + public(b.host_key))
    assert b.reaches(PUMP) == (True, "") and b.desk.asked == []
    b.suffixes("plant.fleet")  # cut short: it cannot be told what is ours
    ok, err = b.reaches("www.example.org")
    assert not ok and "is taken for ours" in err, err


def test_nothing_else_vouches_for_a_host_of_ours(folder):
    """What users and machines have besides, each of which would do for another host."""
    b = box(folder)
    b.host_key = b.key("other")
    certify_host(b)
    b.start("HostCertificate /etc/ssh/key0-cert.pub")
    known = f"[{PUMP}]:2222,[www.example.org]:2222 " + public(b.host_key)
    authority = f"@cert-authority *.plant.fleet,[*.plant.fleet]:*,[www.example.org]:* " + public(b.key("ca"))
    for what, put in (("his file", lambda: b.own_file("keeper", "known_hosts", known)),
                      ("his second file", lambda: b.own_file("keeper", "known_hosts2", known)),
                      ("the machine's file", lambda: b.m.write("/etc/ssh/ssh_known_hosts", known)),
                      ("an authority", lambda: b.own_file("keeper", "known_hosts", authority))):
        b.own_file("keeper", "known_hosts", "")
        put()
        assert b.reaches("www.example.org")[0], f"{what} does not count even for others"
        ok, err = b.reaches(PUMP)
        assert not ok and f"kedge-known-hosts: {PUMP}: refused: " in err, (what, err)
        for name in ("known_hosts", "known_hosts2"):
            b.own_file("keeper", name, "")
        b.m.write("/etc/ssh/ssh_known_hosts", "")
    b.own_file("keeper", "known_hosts", known)
    for config in ("StrictHostKeyChecking no", "UserKnownHostsFile ~/.ssh/known_hosts", "StrictHostKeyChecking accept-new",
                   "NoHostAuthenticationForLocalhost no", "UpdateHostKeys yes", "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com"):
        b.own_file("keeper", "config", f"Host *\n    {config}\n")
        ok, err = b.reaches(PUMP)
        assert not ok and "kedge-known-hosts: " + PUMP + ": refused" in err, (config, err)


def certify_host(b):
    subprocess.run(["ssh-keygen", "-q", "-s", b.key("ca"), "-I", "x", "-h", "-n", f"{PUMP},www.example.org", b.host_key + ".pub"], check=True)
    with open(b.host_key + "-cert.pub") as f:
        b.m.write("/etc/ssh/key0-cert.pub", f.read())


def test_a_host_that_has_a_certificate_too_is_known_by_its_key(folder):
    b = box(folder)
    certify_host(b)
    b.start("HostCertificate /etc/ssh/key0-cert.pub")
    assert b.reaches(PUMP) == (True, "")


def test_the_ed25519_key_is_asked_for_first(folder):
    b = box(folder)
    rsa = b.key("rsa", "rsa", "-b", "2048")
    ecdsa = b.key("ecdsa", "ecdsa")
    b.start(more_keys=[rsa, ecdsa])
    assert b.reaches(PUMP) == (True, "")
    b.desk.holds[HOST, PUMP] = {blob_hash(rsa)}
    assert not b.reaches(PUMP)[0]
    assert b.reaches(PUMP, "-o", "HostKeyAlgorithms=rsa-sha2-512")[0]


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
