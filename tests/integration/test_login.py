#!/usr/bin/env python3
"""Who may log in, by the programs that log people in: pamtester, sudo, su, login, sshd and cron on a machine with users of its
own, which takes some of them from the chain. Each user's unix password is right all the time."""
import os
import random
import re
import signal
import sys
import time

from clocks import Clocks, clocked
from harness import BUILD, Process, run, wait
from login_machine import PASSWORD, code_of
from login_world import LOGIN_CONF, SHELL, EthGateway, Gateway, LoginAgent

AT_CONSOLE = ("-I", "tty=/dev/tty1")


def test_account_has_one_yes_and_ignores_who_is_not_ours(folder):
    g = Gateway(folder).ready()
    rows = [("alice", (), "SUCCESS"), ("frank", (), "SUCCESS"),  # by name, by group
            ("bob", (), "PERM_DENIED"),      # a role, but not for this service or this host
            ("grace", (), "PERM_DENIED"),    # ours, and no record
            ("mallory", (), "PERM_DENIED"),  # denied here, whatever the chain says
            ("Other", (), "PERM_DENIED"),    # in our group, with a name that no record can have
            ("keeper", (), "PERM_DENIED"), ("keeper", (*AT_CONSOLE, "-I", "rhost=10.0.0.1"), "PERM_DENIED"),
            ("keeper", ("-I", "tty=/dev/pts/1"), "PERM_DENIED"),
            ("keeper", AT_CONSOLE, "IGNORE"),  # breaks the glass, at the console alone
            ("root", (), "IGNORE"), ("local", (), "IGNORE"), ("nobody", (), "IGNORE"), ("unheard-of", (), "IGNORE")]
    for name in ("alice.bob", "alice ", " alice", "ALICE", "alice/../bob", "alice\nbob", "_user.alice", "alice%s%n",
                 "a" * 32, "a" * 255, "a" * 4096, "\xe4lice"):
        rows.append((name, (), "IGNORE"))
    for user, options, code in rows:
        got, said = g.machine.pamtester("kedge", user, "acct_mgmt", options=options)
        assert got == code, (user, options, got, said)
    assert g.pam("bob", service="kedge-here") == "SUCCESS"
    log = g.machine.syslog.since(0)
    for text in ("alice", "grace", "mallory", "Other"):
        assert re.search(rf"pam_kedge\(kedge:account\).*{text}", log), (text, log)
    assert re.search(r"alice.*block \d+", log), log
    assert "local" not in log and "unheard" not in log, log


def forms(g):
    """What is typed at the prompt, by what is wrong with it, from the text that was to be signed."""
    alice = g.wallet["alice"].sign

    def with_v(change):
        def of(text):
            signature = alice(text)
            return signature[:128] + change(int(signature[128:], 16))
        return of
    return {"good": alice, "with 0x": lambda t: "0x" + alice(t), "blanks": lambda t: f" {alice(t)} ",
            "capitals": lambda t: alice(t).upper(), "v from 0": with_v(lambda v: f"{v - 27:02x}"),
            "of another key": g.wallet["stranger"].sign, "high s": g.wallet["alice"].sign_high,
            "of another text": lambda t: alice(t.replace("alice", "bobby")),
            "other v": with_v(lambda v: f"{55 - v:02x}"), "v of 29": with_v(lambda v: "1d"), "no v": with_v(lambda v: ""),
            "a byte more": lambda t: alice(t) + "00", "a digit less": lambda t: alice(t)[:129],
            "not hex": lambda t: "g" + alice(t)[1:], "blank inside": lambda t: alice(t)[:64] + " " + alice(t)[64:],
            "zeros": lambda t: "0" * 128 + "1b", "nothing": lambda t: "", "much": lambda t: "a" * 3000,
            "the password": lambda t: PASSWORD, "the text": lambda t: t}


GOOD = "good", "with 0x", "blanks", "capitals", "v from 0"


def test_signature_has_to_be_of_this_challenge_and_of_his_key(folder):
    g = Gateway(folder).ready()
    rows = forms(g)
    seats = {name: g.sits_down("alice") for name in rows}  # all at once: a wrong answer costs a while
    texts = {name: seat.text_to_sign() for name, seat in seats.items()}
    assert len(set(texts.values())) == len(texts)
    for name, seat in seats.items():
        assert re.fullmatch(r"kedge login: user alice, host gw1\.plant-control\.fleet, service kedge, nonce [0-9a-f]{80}, "
                            r"expires \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", texts[name]), texts[name]
        seat.expect("Signature: ")
        seat.type(rows[name](texts[name]))
    crossed = g.sits_down("alice"), g.sits_down("alice")
    own = [seat.text_to_sign() for seat in crossed]
    for seat, text in zip(crossed, reversed(own)):
        seat.type(g.wallet["alice"].sign(text))
    others = {"bob": g.sits_down("bob"), "grace": g.sits_down("grace")}
    for name, seat in others.items():  # each with a signature that would be good for himself, had he that key
        seat.answer(g.wallet["alice"].sign)
    for name, seat in seats.items():
        status = seat.end()
        assert (status == 0) == (name in GOOD), (name, status, seat.seen)
        assert status == 0 or "Authentication failure" in seat.seen, (name, seat.seen)
    for seat in (*crossed, *others.values()):
        assert seat.end() == 1 and "Authentication failure" in seat.seen, seat.seen
    assert g.pam("local", "authenticate") == "IGNORE" and g.pam("root", "authenticate") == "IGNORE"
    assert g.pam("mallory", "authenticate") == "AUTH_ERR"
    again(g, texts["good"])


def again(g, text):
    """What was answered once is good no more, to the agent itself: no module makes the same challenge twice."""
    nonce = bytes.fromhex(re.search("nonce ([0-9a-f]+)", text).group(1))
    signature = bytes.fromhex(g.wallet["alice"].sign(text))
    assert g.agent.respond("alice", nonce, signature, "kedge")["verdict"] == "answered before"


class Real:
    """Debian's own stacks with our two lines, as the profile of pam-auth-update and pam_kedge(8) have them: a signature
    for who is ours, the password for others; and the account line before that of pam_unix."""

    def __init__(self, g):
        self.g, self.m = g, g.machine
        module = f"{BUILD}/pam/pam_kedge.so {g.agent.options()}"
        self.m.prepend("common-account", f"account [success=ok ignore=ignore default=bad] {module}")
        for service in ("sshd", "sudo", "login", "su"):
            self.m.prepend(service, f"auth [success=done ignore=ignore default=die] {module}")
        self.m.write("/etc/sudoers", "Defaults !lecture, timestamp_timeout=0\n%fleet ALL=(ALL) ALL\n"
                     "alice ALL=(ALL) ALL\nbob ALL=(ALL) ALL\nlocal ALL=(ALL) ALL\n", 0o440)
        self.m.call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key")
        self.m.write("/etc/ssh/sshd", "Port 22\nListenAddress 127.0.0.1\nUsePAM yes\nKbdInteractiveAuthentication yes\n"
                     "PasswordAuthentication no\nPubkeyAuthentication no\nUseDNS no\n"
                     "HostKey /etc/ssh/ssh_host_ed25519_key\n")
        self.sshd = self.m.start("sshd", "/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/sshd")
        self.sshd.wait_log("Server listening")

    def ssh(self, user, *command):
        return self.m.terminal("ssh", "-tt", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                               "-o", "NumberOfPasswordPrompts=1", "-o", "LogLevel=ERROR", user + "@127.0.0.1", *command)

    def sudo(self, user):
        return self.m.terminal_of(user, "sudo", "id", "-un")

    def su(self, user, command="id -un"):
        return self.m.terminal_of("local", "su", user, "-c", command)

    def login(self, user):
        return self.m.terminal("login", user)

    def cron(self, *users):
        """Jobs of theirs at a start of cron; who of them had his job done when the last was dealt with."""
        mark = self.m.syslog.mark()
        self.m.write("/etc/crontab", "".join(f"@reboot {u} touch /run/ran-{u}\n" for u in users))
        for u in users:
            self.m.call("rm", "-f", f"/run/ran-{u}")
        self.m.call("rm", "-f", "/run/crond.reboot")
        self.m.call("chmod", "1777", "/run")
        daemon = self.m.start("cron", "cron", "-f", "-L", "5")

        def dealt_with(u):
            return os.path.exists(f"{self.m.root}/run/ran-{u}") or f"({u}) ERROR" in self.m.syslog.since(mark) or \
                re.search(rf"{u}.*(refus|denied)", self.m.syslog.since(mark))
        wait(lambda: f"cron; {self.m.syslog.since(mark)}", lambda: all(dealt_with(u) for u in users))
        daemon.kill()
        return [u for u in users if os.path.exists(f"{self.m.root}/run/ran-{u}")]

    def signs(self, user, seat):
        seat.answer(self.g.wallet[user].sign)
        return seat

    def types(self, seat):
        seat.expect(r"assword.*: ")
        seat.type(PASSWORD)
        return seat


def in_by_password(seat, user, said):
    assert seat.end() == 0 and said in seat.seen, (user, seat.seen)


def others_are_as_ever(r):
    """Root and local users, whatever became of the rest."""
    in_by_password(r.types(r.sudo("local")), "local", "root")
    in_by_password(r.types(r.ssh("local", "id", "-un")), "local", "local")
    seat = r.m.terminal_of("alice", "su", "local", "-c", "id -un")
    in_by_password(r.types(seat), "local", "local")
    seat = r.types(r.login("local"))
    seat.expect(r"\$ ")
    seat.type("exit")
    assert seat.end() == 0
    assert r.m.call("su", "local", "-c", "id -un").stdout == "local\n"
    assert r.m.pamtester("login", "root", "acct_mgmt")[0] == "SUCCESS"
    assert r.cron("root", "local") == ["root", "local"]


def test_record_that_is_deleted_ends_every_way_in_and_no_other(folder):
    g = Gateway(folder).ready()
    r = Real(g)
    inside = r.signs("alice", r.ssh("alice"))
    inside.expect(r"\$ ")
    inside.type("id -Gn; sudo id -un")
    inside.expect("alice.*dialout")  # her role brings her into it
    inside.answer(g.wallet["alice"].sign)
    inside.expect("root\n")
    in_by_password(r.signs("alice", r.su("alice")), "alice", "alice")
    seat = r.signs("alice", r.login("alice"))
    seat.expect(r"\$ ")
    seat.type("id -Gn; exit")
    seat.expect("alice.*dialout")
    assert seat.end() == 0
    for user, way in (("bob", r.ssh), ("bob", r.sudo)):  # he is who he says, and may not
        seat = r.signs(user, way(user))
        assert seat.end() != 0 and "root\n" not in seat.seen, seat.seen
    assert r.cron("frank", "alice", "root", "local") == ["frank", "root", "local"]
    others_are_as_ever(r)

    g.delete("alice")
    g.delete("frank")
    g.comes("PERM_DENIED", "alice")
    g.comes("PERM_DENIED", "frank")
    inside.type("sudo touch by-sudo")
    seats = [inside, r.ssh("alice", "touch by-ssh"), r.su("alice", "touch ~/by-su"), r.login("alice")]
    for seat in seats:
        seat.answer(g.wallet["alice"].sign)
    for seat in seats:
        seat.expect("(?i)incorrect|denied|failure|sorry")
        seat.hang_up()
    assert os.listdir(r.m.home("alice")) == []
    for user in ("alice", "frank"):  # the password is right, and is not enough
        for service in ("sshd", "sudo", "cron", "login"):
            assert r.m.pamtester(service, user, "acct_mgmt")[0] == "PERM_DENIED"
    assert r.m.call("su", "alice", "-c", "id").returncode != 0
    assert r.cron("frank", "alice", "root", "local") == ["root", "local"]
    others_are_as_ever(r)


class Held(Gateway):
    """By clocks that a test moves."""

    def __init__(self, folder, **login):
        self.clocks = Clocks(folder)
        self.AGENT = clocked(LoginAgent, self.clocks)
        super().__init__(folder, **login)


def test_challenge_ends_with_its_time_and_with_kedged(folder):
    g = Held(folder, more_login="ChallengeLife=10s").ready()
    sign = g.wallet["alice"].sign
    late, hanging, in_time = (g.sits_down("alice") for _ in range(3))
    late.text_to_sign()
    hanging.text_to_sign()
    in_time.answer(sign)
    assert in_time.end() == 0, in_time.seen
    g.clocks.sleep(11)
    late.at = 0
    late.answer(sign)
    again = g.sits_down("alice")
    again.answer(sign)  # while one still stands at the prompt and says nothing
    assert again.end() == 0, again.seen
    assert late.end() == 1 and "Authentication failure" in late.seen, late.seen
    assert "expired" in g.machine.syslog.since(0), g.machine.syslog.since(0)
    hanging.hang_up()
    assert hanging.status != 0
    over = g.sits_down("alice")
    over.text_to_sign()
    g.agent.restart(signal.SIGKILL)
    g.comes("SUCCESS", "alice")
    over.at = 0
    over.answer(sign)  # the kedged that asked is no more
    assert over.end() == 1 and "Authentication failure" in over.seen, over.seen


def test_kill_9_in_the_middle_admits_nobody_who_may_not(folder):
    g = Gateway(folder).ready()
    rng, seen = random.Random(5), {"alice": set(), "grace": set(), "local": set()}
    for turn in range(15):
        seats = {u: g.machine.terminal("pamtester", "kedge", u, "acct_mgmt") for u in seen for _ in range(2)}
        time.sleep(rng.random() * 0.03)
        g.agent.restart(signal.SIGKILL)
        if turn % 3 == 0:
            g.agent.fetch.kill()
            g.agent.fetch.start()
        for user, seat in seats.items():
            seen[user].add(code_of(seat.end(), seat.seen))
    assert seen["alice"] <= {"SUCCESS", "AUTHINFO_UNAVAIL"}, seen
    assert seen["grace"] <= {"PERM_DENIED", "AUTHINFO_UNAVAIL"} and seen["local"] == {"IGNORE"}, seen
    g.ready()


def test_lying_nodes_admit_nobody_and_stop_nobody_while_one_is_honest(folder):
    g = Gateway(folder).ready()
    for kind in ("wrong-proof", "other-key-proof", "wrong-account"):
        g.node.fault("all", kind)
        g.agent.restart()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            got = {u: g.pam(u) for u in ("alice", "grace", "bob")}
            assert set(got.values()) == {"AUTHINFO_UNAVAIL"}, (kind, got)
        g.node.fault(1, "none")
        g.comes("SUCCESS", "alice")
        g.comes("PERM_DENIED", "grace")
        g.comes("PERM_DENIED", "bob")


FAKE = """import os, socket, struct, sys
os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1]), os.chmod(sys.argv[1], 0o666), s.listen(8), print("listens", flush=True)
while True:
    c = s.accept()[0]
    asked = c.recv(4096)
    if asked:
        print("was asked", flush=True)
        c.send(asked[:6] + struct.pack("=H", 1) + asked[8:12] + bytes(164) + b"\\1" + bytes(1007))
"""


def test_socket_of_another_user_is_not_believed(folder):
    g = Gateway(folder).ready()
    for name, owner, mode in (("theirs", 61006, 0o755), ("open-to-all", 0, 0o1777)):
        fake = f"{folder.path}/{name}"
        os.mkdir(fake)
        os.chown(fake, owner, owner)
        os.chmod(fake, mode)
        liar = Process(folder, "liar-" + name, [sys.executable, "-c", FAKE, fake + "/query.sock", "61006"])
        liar.wait_log("listens")
        g.machine.only_ours("fooled", f"conf={g.agent.home}/login.conf runtime={fake}")
        for user in ("alice", "grace", "mallory"):
            assert g.pam(user, service="fooled") in ("AUTHINFO_UNAVAIL", "PERM_DENIED"), (name, user)
        assert g.pam("alice", service="fooled") == "AUTHINFO_UNAVAIL"
        assert g.pam("local", service="fooled") == "IGNORE"
        assert "asked" not in liar.text(), "it was told who wants to come in"
    # the same server, as root in root's own folder, is the agent as far as anybody can tell: the test above is about who it is
    os.mkdir(folder.path + "/ours", 0o755)
    liar = Process(folder, "liar-ours", [sys.executable, "-c", FAKE, folder.path + "/ours/query.sock", "0"])
    liar.wait_log("listens")
    g.machine.only_ours("fooled", f"conf={g.agent.home}/login.conf runtime={folder.path}/ours")
    assert g.pam("alice", service="fooled") == "SUCCESS" and "asked" in liar.text()


def test_login_conf_that_cannot_be_believed_lets_root_alone_past(folder):
    g = Gateway(folder).ready()
    conf = g.agent.home + "/login.conf"
    with open(conf) as f:
        good = f.read()

    def gone():
        os.unlink(conf)

    def of_another():
        os.chown(conf, 61006, 61006)

    def for_all():
        os.chmod(conf, 0o666)

    def link():
        os.rename(conf, conf + ".other")
        os.symlink(conf + ".other", conf)

    def fifo():
        gone()
        os.mkfifo(conf, 0o644)

    for spoil in (gone, of_another, for_all, link, fifo):
        spoil()
        got = {u: g.pam(u) for u in ("alice", "local", "keeper", "root")}
        assert got == {"alice": "AUTHINFO_UNAVAIL", "local": "AUTHINFO_UNAVAIL", "keeper": "AUTHINFO_UNAVAIL",
                       "root": "IGNORE"}, (spoil.__name__, got)
        if os.path.lexists(conf):
            os.unlink(conf)
        with open(conf, "w") as f:
            f.write(good)
    g.ready()


def test_who_is_ours_counts_at_once_and_a_bad_role_counts_never(folder):
    g = Gateway(folder).ready()
    good = LOGIN_CONF.format(more="")
    g.agent.login_conf(good.replace("DenyUsers=mallory", "DenyUsers=mallory alice"))
    assert g.pam("alice") == g.pam("mallory") == "PERM_DENIED"
    g.agent.login_conf(good.replace("ManagedUsers=alice bob", "ManagedUsers=alice bob local"))
    assert g.pam("local") == "SUCCESS"  # no IGNORE: his record counts from here on
    g.agent.login_conf(good.replace("DenyUsers=mallory", "DenyUsers=") + "[Role 400]\nServices=*\n")
    g.agent.kedged.p.send_signal(signal.SIGHUP)
    g.agent.kedged.wait_log("Role 400")
    assert g.pam("mallory") == "PERM_DENIED" and g.pam("alice") == "SUCCESS"  # kedged goes on with what it has read
    g.agent.kedged.kill()
    g.agent.kedged.start()
    wait("kedged to refuse it", lambda: not g.agent.kedged.alive())
    assert g.pam("alice") == "AUTHINFO_UNAVAIL" and g.pam("frank") == "AUTHINFO_UNAVAIL" and g.pam("root") == "IGNORE"


FLOOD = """import os, random, socket, struct, sys
os.setgroups([]), os.setgid(61006), os.setuid(61006)
open_ones, answered = [], 0
while True:
    try:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.setblocking(False)
        s.connect(sys.argv[1])
        open_ones.append(s)
    except OSError:
        pass
    for s in open_ones:
        user = "u%07d" % random.randrange(10**7)
        for verb in (13, 14, 15):
            try:
                s.send(struct.pack("=IHHIII20sQ32s256s32s32s40s72s", 0x4b454447, 5, verb, 1, 0, 0, b"", 0, b"",
                                   user.encode(), b"", b"kedge", b"x" * 40, b"y" * 65))
            except OSError:
                pass
        try:
            answered += len(s.recv(4096)) == 1184
        except OSError:
            pass
    open_ones = open_ones[-200:]
    if answered > 100:
        print("answered", flush=True)
        answered = -10**9
"""


def test_flood_of_another_user_keeps_nobody_out(folder):
    g = Gateway(folder).ready()
    floods = [Process(folder, f"flood-{i}", [sys.executable, "-c", FLOOD, g.agent.run + "/query.sock"]) for i in range(2)]
    for flood in floods:
        flood.wait_log("answered")
    seen = [g.pam(user) for _ in range(10) for user in ("alice", "frank", "grace")]
    seats = [g.sits_down("alice") for _ in range(5)]
    for seat in seats:
        seat.answer(g.wallet["alice"].sign)
    for seat in seats:
        assert seat.end() == 0, seat.seen
    assert all(flood.alive() for flood in floods), [flood.text() for flood in floods]
    assert seen == ["SUCCESS", "SUCCESS", "PERM_DENIED"] * 10, seen


def test_the_same_on_ethereum(folder):
    g = EthGateway(folder).ready()
    assert g.pam("grace") == g.pam("bob") == g.pam("mallory") == "PERM_DENIED" and g.pam("local") == "IGNORE"
    seats = {"alice": g.sits_down("alice"), "bob": g.sits_down("bob")}
    for seat in seats.values():
        seat.answer(g.wallet["alice"].sign)
    assert seats["alice"].end() == 0 and seats["bob"].end() == 1, [s.seen for s in seats.values()]
    g.delete("alice")
    g.comes("PERM_DENIED", "alice")
    g.record("alice", SHELL)
    g.comes("SUCCESS", "alice", timeout=60)
    g.agent.kedged.kill()
    assert g.pam("alice") == g.pam("grace") == "AUTHINFO_UNAVAIL" and g.pam("local") == "IGNORE"


TESTS = {"programs": [test_account_has_one_yes_and_ignores_who_is_not_ours,
                      test_signature_has_to_be_of_this_challenge_and_of_his_key,
                      test_record_that_is_deleted_ends_every_way_in_and_no_other],
         "hostile": [test_challenge_ends_with_its_time_and_with_kedged,
                     test_kill_9_in_the_middle_admits_nobody_who_may_not,
                     test_lying_nodes_admit_nobody_and_stop_nobody_while_one_is_honest,
                     test_socket_of_another_user_is_not_believed,
                     test_login_conf_that_cannot_be_believed_lets_root_alone_past,
                     test_who_is_ours_counts_at_once_and_a_bad_role_counts_never,
                     test_flood_of_another_user_keeps_nobody_out, test_the_same_on_ethereum]}

if __name__ == "__main__":
    group = TESTS[sys.argv.pop(1)]
    sys.exit(run(group))
