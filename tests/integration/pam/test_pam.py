#!/usr/bin/env python3
"""pam_kedge.so by pamtester: as nobody, in libpam_wrapper, from a terminal; and in the stacks that pam-auth-update makes of
our profiles, with Debian's own pam_unix behind it. The agent is played by this script. What namespaces are needed for is done
in them: nothing of this machine's /etc is touched. Exit status 77 (skipped) where they cannot be made."""

import os
import pty
import pwd
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

OK, UNPROVEN, STALE, DENIED = 1, 0, 3, 7
ADMITTED, NO_VERDICT, IS_STALE, REVOKED, BAD_SIGNATURE = 1, 0, 2, 5, 8
LOGIN, CHALLENGE, RESPONSE = 13, 14, 15
SIGNATURE = "0x" + "01" * 64 + "1b"
NOBODY = pwd.getpwnam("nobody")
passed, failures = 0, []


def must(what, held, seen=""):
    global passed
    if held:
        passed += 1
    else:
        failures.append(what)
        print(f"FAILED: {what}: {seen}")


class Agent(threading.Thread):
    """The other end of the query socket: says the same to everybody, until it is told otherwise."""

    def __init__(self, path, uid):
        super().__init__(daemon=True)
        self.say, self.asked = {LOGIN: (OK, ADMITTED), RESPONSE: (OK, ADMITTED)}, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        was = os.geteuid()
        os.seteuid(uid)  # whoever listens is whom the kernel names to those who connect
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.listen(16)
        os.seteuid(was)
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                self.serve(client)

    def serve(self, client):
        request = client.recv(4096)
        if len(request) != 512:
            return
        magic, version, verb, number = struct.unpack_from("=IHHI", request)
        user, service = (request[a:b].split(b"\0")[0].decode() for a, b in ((80, 336), (368, 400)))
        self.asked.append((verb, user, service, request[440:505]))
        if verb == CHALLENGE:
            text = f"kedge login: user {user}, host gw1.plant.fleet, service {service}, nonce {'5a' * 40}, " \
                   "expires 2026-11-22T12:34:56Z"
            result, body = OK, b"\x5a" * 40 + struct.pack("=Q", 120000) + text.encode()
        else:
            result, verdict = self.say[verb]
            body = bytes([verdict])
        reply = struct.pack("=IHHII160s", magic, version, result, number, 0, b"as the test says") + body
        client.send(reply.ljust(1184, b"\0"))


def drive(command, env, user, answer):
    """Runs a program at a terminal of its own; answer: what is typed at the prompt; None: the terminal goes away there.
    Its exit status and what it said."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            if user:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
            os.execvpe(command[0], command, env)
        finally:
            os._exit(127)
    said, answered, until = b"", False, time.monotonic() + 60
    while time.monotonic() < until:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            more = os.read(fd, 4096)
        except OSError:
            more = b""
        said += more
        if not more:
            break
        if b"Signature: " in said and not answered:
            answered = True
            if answer is None:
                os.close(fd)
                return os.waitpid(pid, 0)[1], said.decode(errors="replace")
            os.write(fd, answer.encode() + b"\n")
    os.close(fd)
    return os.waitpid(pid, 0)[1], said.decode(errors="replace")


class World:
    def __init__(self, module):
        self.folder = tempfile.mkdtemp(prefix="kedge-pam-")
        os.chmod(self.folder, 0o755)
        self.module = shutil.copy(module, self.folder)  # nobody need not be let into the build's folder
        self.conf, self.run = self.folder + "/login.conf", self.folder + "/run"
        self.stacks = self.folder + "/pam.d"
        os.mkdir(self.run)
        os.mkdir(self.stacks)
        self.write(self.conf, "[Login]\nManagedUsers=alice nobody\nDenyUsers=mallory\n")
        self.agent = None

    def write(self, path, text):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, 0o644)

    def line(self, *more):
        return " ".join((self.module, "conf=" + self.conf, "runtime=" + self.run, "nodelay", *more))

    def as_nobody(self, service, user, *words, answer=SIGNATURE):
        env = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": "libpam_wrapper.so", "PAM_WRAPPER": "1",
               "PAM_WRAPPER_SERVICE_DIR": self.stacks, "LC_ALL": "C", "HOME": "/", "TERM": "dumb"}
        return drive(["pamtester", service, user, *words], env, NOBODY, answer)


def test_as_nobody(w):
    os.chown(w.run, NOBODY.pw_uid, NOBODY.pw_gid)
    w.agent = Agent(w.run + "/query.sock", NOBODY.pw_uid)
    w.write(w.stacks + "/door", f"account [success=ok ignore=ignore default=bad] {w.line()}\n"
                                f"account required pam_permit.so\n"
                                f"auth [success=done ignore=ignore default=die] {w.line()}\n"
                                f"auth required pam_deny.so\n")
    rows = [
        # user, words, what the agent says to LOGIN and RESPONSE, answer; good, what is said
        ("alice", ["acct_mgmt"], (OK, ADMITTED), SIGNATURE, True, "account management done"),
        ("alice", ["authenticate"], (OK, ADMITTED), SIGNATURE, True, "successfully authenticated"),
        ("alice", ["authenticate", "acct_mgmt"], (OK, ADMITTED), " " + SIGNATURE[2:] + " ", True, "management done"),
        ("alice", ["acct_mgmt"], (DENIED, REVOKED), SIGNATURE, False, "Permission denied"),
        ("alice", ["authenticate"], (DENIED, BAD_SIGNATURE), SIGNATURE, False, "Authentication failure"),
        ("alice", ["acct_mgmt"], (STALE, IS_STALE), SIGNATURE, False, "cannot retrieve authentication info"),
        ("alice", ["authenticate"], (UNPROVEN, NO_VERDICT), SIGNATURE, False, "cannot retrieve authentication info"),
        ("alice", ["authenticate"], (OK, ADMITTED), "yes", False, "Authentication failure"),
        ("alice", ["authenticate"], (OK, ADMITTED), "", False, "Authentication failure"),
        ("alice", ["authenticate"], (OK, ADMITTED), SIGNATURE[:-1], False, "Authentication failure"),
        ("alice", ["authenticate"], (OK, ADMITTED), SIGNATURE + "00", False, "Authentication failure"),
        ("mallory", ["acct_mgmt"], (OK, ADMITTED), SIGNATURE, False, "Permission denied"),
        ("mallory", ["authenticate"], (OK, ADMITTED), SIGNATURE, False, "Authentication failure"),
        ("daemon", ["acct_mgmt"], (DENIED, REVOKED), SIGNATURE, True, "account management done"),
        ("daemon", ["authenticate"], (OK, ADMITTED), SIGNATURE, False, "Authentication failure"),  # of pam_deny
    ]
    for user, words, says, answer, good, text in rows:
        w.agent.say = {LOGIN: says, RESPONSE: says}
        status, said = w.as_nobody("door", user, *words, answer=answer)
        must(f"as nobody, {user}: {words}, {says}, {answer[:9]}", (status == 0) == good and text in said, (status, said))
    w.agent.say = {LOGIN: (OK, ADMITTED), RESPONSE: (OK, ADMITTED)}
    n = len(w.agent.asked)
    status, said = w.as_nobody("door", "alice", "authenticate", answer=None)
    must("a terminal that goes away is no answer", status != 0, said)
    must("and nothing is answered for it", [a[0] for a in w.agent.asked[n:]] == [CHALLENGE], w.agent.asked[n:])
    verb, user, service, signature = [a for a in w.agent.asked if a[0] == RESPONSE][0]
    must("the agent gets the 65 bytes", (user, service, signature.hex()) == ("alice", "door", SIGNATURE[2:]), signature)
    for bad in ("tiemout=3s", "timeout=1h"):
        w.write(w.stacks + "/typo", f"account required {w.line(bad)}\naccount required pam_permit.so\n")
        status, said = w.as_nobody("typo", "alice", "acct_mgmt")
        must(f"{bad} admits nobody who is ours", status != 0 and "Error in service module" in said, said)
        status, said = w.as_nobody("typo", "daemon", "acct_mgmt")
        must(f"{bad} locks out nobody else", status == 0, said)


def in_stacks(folder, script):
    """A shell script with PAM's own folders, the debconf database and the users to itself."""
    binds = [("pam.d", "/etc/pam.d"), ("libpam", "/var/lib/pam"), ("configs", "/usr/share/pam-configs"),
             ("debconf", "/var/cache/debconf"), ("passwd", "/etc/passwd"), ("shadow", "/etc/shadow")]
    mounts = "".join(f"mount --bind {folder}/own/{a} {b}\n" for a, b in binds)
    r = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-ec", mounts + script], capture_output=True,
                       text=True, check=False, stdin=subprocess.DEVNULL,
                       env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})
    return r.stdout + r.stderr


def make_own(w, profiles):
    own = w.folder + "/own"
    os.mkdir(own)
    for name, source in (("pam.d", "/etc/pam.d"), ("libpam", "/var/lib/pam"), ("configs", "/usr/share/pam-configs"),
                         ("debconf", "/var/cache/debconf")):
        shutil.copytree(source, own + "/" + name, symlinks=True)
    for name in ("kedge", "kedge-challenge"):
        with open(profiles + "/" + name, encoding="ascii") as f:
            w.write(f"{own}/configs/{name}", f.read().replace("pam_kedge.so", w.line()))
    with open("/etc/passwd", encoding="utf-8") as f:
        passwd = "".join(line for line in f if not line.startswith("alice:"))
    hashed = subprocess.run(["openssl", "passwd", "-6", "horse"], capture_output=True, text=True, check=True).stdout.strip()
    w.write(own + "/passwd", passwd + "alice:x:61001:61001::/:/bin/sh\nlocal:x:61002:61002::/:/bin/sh\n")
    # alice's password has expired: pam_unix ends the stack at once for that
    w.write(own + "/shadow", f"alice:{hashed}:0:0:99999:7:::\nlocal:{hashed}:19000:0:99999:7:::\n")
    os.chmod(own + "/shadow", 0o600)


def test_profiles(w, profiles):
    os.unlink(w.run + "/query.sock")
    os.chown(w.run, 0, 0)
    w.agent = Agent(w.run + "/query.sock", 0)
    make_own(w, profiles)
    w.write(w.folder + "/own/pam.d/door", "@include common-auth\n@include common-account\n")
    out = in_stacks(w.folder, "pam-auth-update --package; grep -l kedge /etc/pam.d/common-* || echo none")
    must("the profiles are off by default", out.strip().endswith("none"), out)
    out = in_stacks(w.folder, "pam-auth-update --enable kedge; grep -v '^#' /etc/pam.d/common-account | grep .")
    lines = out.strip().splitlines()
    must("our account line stands first", "pam_kedge.so" in lines[0] and "success=ok" in lines[0], out)
    must("pam_unix jumps over nothing of ours", "pam_unix.so" in lines[1] and "success=1" in lines[1] and
         "pam_deny.so" in lines[2], out)
    account = "pamtester door %s acct_mgmt || true"
    w.agent.say = {LOGIN: (OK, ADMITTED)}
    out = in_stacks(w.folder, account % "alice")
    must("admitted: what is left to say is pam_unix's", "new one required" in out, out)
    w.agent.say = {LOGIN: (DENIED, REVOKED)}
    out = in_stacks(w.folder, account % "alice")
    must("refused, though his password has expired", "Permission denied" in out, out)
    out = in_stacks(w.folder, account % "local")
    must("others are as ever", "account management done" in out, out)
    w.agent.say = {LOGIN: (OK, ADMITTED), RESPONSE: (DENIED, BAD_SIGNATURE)}
    out = in_stacks(w.folder, "pam-auth-update --enable kedge-challenge; grep -v '^#' /etc/pam.d/common-auth | grep .")
    must("the challenge stands before passwords", "default=die" in out.splitlines()[0], out)
    n = len(w.agent.asked)
    typed = "printf '%s\\n' | pamtester door %s authenticate || true"
    out = in_stacks(w.folder, typed % ("horse", "alice"))
    must("his password is no answer, and is not asked for", "Authentication failure" in out and "assword" not in out and
         [a[0] for a in w.agent.asked[n:]] == [CHALLENGE], out)
    out = in_stacks(w.folder, typed % ("horse", "local"))
    must("passwords of others are as ever", "successfully authenticated" in out, out)
    out = in_stacks(w.folder, "pam-auth-update --disable kedge; pam-auth-update --disable kedge-challenge; "
                              "grep -l kedge /etc/pam.d/common-* || echo none")
    must("and all goes away again", out.strip().endswith("none"), out)


def main():
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
        print("namespaces need root here: skipped")
        return 77
    if not shutil.which("pamtester") or not shutil.which("pam-auth-update"):
        print("pamtester or pam-auth-update is not installed: skipped")
        return 77
    w = World(os.path.abspath(sys.argv[1]))
    try:
        test_as_nobody(w)
        test_profiles(w, sys.argv[2])
    finally:
        shutil.rmtree(w.folder)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
