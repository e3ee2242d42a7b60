"""kedge-timed with the real kedged and the test node. The clock of this machine is never set: a library that is loaded
before the C library (setclock.c) gives the program a clock of its own, and time that passes faster."""
import datetime
import os
import socket
import struct
import subprocess
import sys
import threading
import time

from harness import QUERY_MAGIC, QUERY_VERSION, REPLY_SIZE, Agent, Devnode, EthAgent, Ethnode, Folder, Process, Skip, program, run, wait

FIELDS = ("wall", "boot", "sets", "last", "kept", "refuses")
YEAR = 365 * 86400


class Clock:
    """The file that the clock of one program lies in."""

    def __init__(self, folder, wall=None, name="clock"):
        self.path = os.path.join(folder.path, name)
        with open(self.path, "wb") as f:
            f.write(bytes(8 * len(FIELDS)))
        if wall is not None:
            self.put(wall=wall - int(time.time()))
        self.env = {"LD_PRELOAD": library("tests/integration/libsetclock.so"), "KEDGE_TEST_CLOCK_FILE": self.path}

    def get(self, field):
        with open(self.path, "rb") as f:
            return struct.unpack(f"={len(FIELDS)}q", f.read())[FIELDS.index(field)]

    def put(self, **values):
        with open(self.path, "r+b", buffering=0) as f:
            for field, value in values.items():
                os.pwrite(f.fileno(), struct.pack("=q", value), 8 * FIELDS.index(field))

    def now(self):
        return int(time.time()) + self.get("wall") + self.get("boot")

    def set(self, wall):
        """Somebody sets the clock."""
        self.put(wall=wall - int(time.time()) - self.get("boot"))

    def pass_by(self, seconds):
        self.put(boot=self.get("boot") + seconds)


def library(path):
    full = program(path)
    if b"__asan_init" in open(program("agent/timed/kedge-timed"), "rb").read():
        raise Skip("a sanitizer wants to be loaded first")
    return full


def timed_argv(sock, *options, conf="", folder=None):
    argv = [program("agent/timed/kedge-timed"), "--socket=" + sock, *options]
    path = os.path.join(folder.path, "timed.conf")
    with open(path, "w") as f:
        f.write("[Timed]\n" + conf)
    os.chmod(path, 0o644)
    return argv + ["--config=" + path]


def timed(folder, clock, sock, *options, conf=""):
    return Process(folder, "timed", timed_argv(sock, *options, conf=conf, folder=folder), clock.env)


def once(folder, clock, sock, *options, conf=""):
    """(exit status, what it says)"""
    r = subprocess.run(timed_argv(sock, "--once", *options, conf=conf, folder=folder), capture_output=True, text=True,
                       timeout=60, env={**os.environ, **clock.env})
    return r.returncode, r.stderr


def start(folder, **chain):
    dn = Devnode(folder)
    agent = Agent(folder, dn, **chain)
    agent.wait_following()
    return dn, agent


class Scripted(threading.Thread):
    """A socket that says what a test wants. reply(verb, id) is a packet."""

    def __init__(self, folder, reply, uid=0):
        super().__init__(daemon=True)
        self.path, self.reply = os.path.join(folder.path, "query.sock"), reply
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.bind(self.path)
        os.chmod(self.path, 0o666)
        if uid:  # who listens is who the other end sees
            r, w = os.pipe()
            if os.fork() == 0:
                os.setresuid(uid, uid, uid)
                self.s.listen()
                os.write(w, b"x")
                os._exit(0)
            os.read(r, 1)
            os.wait()
        else:
            self.s.listen()
        self.start()

    def run(self):
        while True:
            c, _ = self.s.accept()
            with c:
                q = c.recv(4096)
                if q:
                    c.send(self.reply(struct.unpack_from("=H", q, 6)[0], struct.unpack_from("=I", q, 8)[0]))


def time_packet(ident, lower, state=1, upper=0, result=1, size=REPLY_SIZE, floor=0):
    head = struct.pack("=IHHII160s", QUERY_MAGIC, QUERY_VERSION, result, ident, 0, b"")
    return (head + struct.pack("=7Q2B6x", lower, upper, 77, 0, floor, 0, 0, state, 0)).ljust(size, b"\0")


def words(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def test_a_clock_of_1970_is_set_when_the_agent_is_there(folder):
    clock = Clock(folder, wall=120)
    dn = Devnode(folder)
    run_dir = os.path.join(folder.path, "agent", "run")
    p = timed(folder, clock, run_dir + "/query.sock")
    p.wait_log("is kedged running?")
    assert clock.get("sets") == 0
    agent = Agent(folder, dn)
    p.wait_log("set the clock forward from 1970-01-01 00:0", 60)  # to the floor, where that is told before a block is proven
    p.wait_log("of chain diode proves it", 60)
    p.wait_log("the clock is not before")  # it looks again, since the clock jumped
    lower = agent.status()["lower"]
    assert 1 <= clock.get("sets") <= 2 and clock.get("last") <= lower, (clock.get("last"), lower)
    assert time.time() - 3600 < clock.get("last") < time.time(), clock.get("last")
    assert p.stop() == 0


def test_without_a_chain_the_floor_is_what_it_is_at_least(folder):
    """The machine comes up with a clock of 1970, and no upstream answers: what it has seen proven is on its disk."""
    dn, agent = start(folder)
    lower = agent.status()["lower"]
    dn.kill()
    agent.kedged.stop()
    agent.kedged.start()
    wait("the agent", lambda: agent.status())
    clock = Clock(folder, wall=0)
    code, said = once(folder, clock, agent.run + "/query.sock")
    assert code == 0 and "one has proven it before" in said and lower <= clock.get("last") <= time.time(), (lower, said)
    code, said = once(folder, clock, agent.run + "/query.sock")
    assert code == 1 and "no time is proven yet" in said and clock.get("sets") == 1, said


def test_a_later_clock_is_left_alone(folder):
    dn, agent = start(folder)
    for wall in (time.time(), time.time() + 10 * YEAR, agent.status()["lower"]):
        clock = Clock(folder, wall=int(wall))
        code, said = once(folder, clock, agent.run + "/query.sock")
        assert code == 0 and "the clock is not before" in said and clock.get("sets") == 0, said


def test_dry_run_sets_nothing_and_says_what_it_would(folder):
    dn, agent = start(folder)
    clock = Clock(folder, wall=0)
    code, said = once(folder, clock, agent.run + "/query.sock", "--dry-run")
    assert code == 0 and clock.get("sets") == 0 and "would set the clock forward from 1970-01-01" in said, said
    assert words(agent.status()["lower"])[:13] in said, said


def test_who_may_not_set_it_says_so(folder):
    dn, agent = start(folder)
    clock = Clock(folder, wall=0)
    clock.put(refuses=1)
    code, said = once(folder, clock, agent.run + "/query.sock")
    assert code == 1 and "kedge-timed needs CAP_SYS_TIME" in said, said


def test_the_limits_of_forward(folder):
    dn, agent = start(folder)
    clock, sock = Clock(folder, wall=0), agent.run + "/query.sock"
    code, said = once(folder, clock, sock, conf="MaxForward=1s\n")
    assert code == 1 and clock.get("sets") == 0, said
    assert "MaxForward=1y into [Timed] of " in said and "systemctl restart kedge-timed" in said, said
    # what is typed, helps
    code, said = once(folder, clock, sock, conf="MaxForward=1y\n")
    assert code == 0 and clock.get("sets") == 1, said


def test_a_bad_configuration_keeps_it_from_starting(folder):
    clock = Clock(folder)
    for conf, why in (("Maxforward=1y\n", "Maxforward is not a key"), ("MaxForward=1\n", "has no unit"), ("[Agent]\n", "not [Timed]")):
        code, said = once(folder, clock, "/nowhere", conf=conf)
        assert code == 78 and "timed.conf:" in said and why in said, said
        code, said = once(folder, clock, "/nowhere", "--check-config", conf=conf)
        assert code == 1, said
    assert once(folder, clock, "/nowhere", "--check-config", conf="MaxForward=6y\n")[0] == 0


def test_a_liar_is_not_believed(folder):
    """Who serves the socket is neither root nor the owner of its folder; then: one packet of a wrong size."""
    now, clock = int(time.time()), Clock(folder, wall=0)
    for n, (uid, size, why) in enumerate(((65534, REPLY_SIZE, "not believed"), (0, REPLY_SIZE + 1, "not an answer"),
                                          (0, REPLY_SIZE - 1, "not an answer"), (0, REPLY_SIZE, None))):
        inner = Folder()
        try:
            liar = Scripted(inner, lambda verb, ident, s=size: time_packet(ident, now, size=s), uid)
            code, said = once(inner, clock, liar.path, conf="Chain=diode\n")
        finally:
            inner.close(False)
        if why:
            assert code == 1 and why in said and clock.get("sets") == 0, (uid, size, said)
        else:
            assert code == 0 and clock.get("sets") == 1, said


def test_states_that_do_not_count(folder):
    now, clock, state = int(time.time()), Clock(folder, wall=0), [0]
    liar = Scripted(folder, lambda verb, ident: time_packet(ident, now, state[0]))
    for state[0], code in ((0, 1), (4, 1), (2, 0), (3, 0), (1, 0)):
        clock.set(0)
        sets = clock.get("sets")
        got, said = once(folder, clock, liar.path, conf="Chain=diode\n")
        assert (got, clock.get("sets") - sets) == (code, 1 - code), (state, said)
    # The date of the build: what lies before it is an old chain's.
    old = Folder()
    try:
        liar = Scripted(old, lambda verb, ident: time_packet(ident, 1600000000))
        clock.set(0)
        sets = clock.get("sets")
        code, said = once(old, clock, liar.path, conf="Chain=diode\n")
        assert code == 1 and "before the date of this program" in said and clock.get("sets") == sets, said
    finally:
        old.close(False)


def test_the_floor_does_not_delay_a_chain(folder):
    now, clock, known = int(time.time()), Clock(folder, wall=0), []
    liar = Scripted(folder, lambda verb, ident: time_packet(ident, now, floor=now) if known else
                    time_packet(ident, 0, state=0, result=0, floor=now - 3600))
    p = timed(folder, clock, liar.path, conf="Chain=diode\n")
    wait("the floor", lambda: clock.get("sets") == 1)
    assert clock.get("last") == now - 3600
    known.append(True)
    wait("what the chain proves, and not in a minute", lambda: clock.get("last") == now, 20)
    assert p.stop() == 0


def test_two_who_fight_over_the_clock_do_not_spin(folder):
    now, clock = int(time.time()), Clock(folder, wall=0)
    liar = Scripted(folder, lambda verb, ident: time_packet(ident, now))
    p = timed(folder, clock, liar.path, conf="Chain=diode\n")
    wait("the first time", lambda: clock.get("sets") == 1)
    clock.set(1000)  # at once, not at the next round in 15 s
    p.wait_log("somebody has set the clock back to 1970-01-01 00:16:4", 10)
    for n in range(2, 7):
        assert clock.get("sets") == n - 1
        clock.pass_by(61)
        wait(f"time number {n}", lambda: clock.get("sets") == n)
        assert p.text().count("Somebody had set it back: the kernel does not call the clock synchronised") == n - 1
        clock.set(1000)
    clock.put(kept=1)
    clock.pass_by(61)
    p.wait_log("given up for an hour after 5 times")
    p.wait_log("it is an NTP program whose servers are wrong")
    clock.pass_by(600)
    time.sleep(2)  # nothing is to happen
    assert clock.get("sets") == 6
    clock.pass_by(3600)
    wait("another try after the hour", lambda: clock.get("sets") == 7)
    assert p.stop() == 0


def samples(s):
    """Those that wait: (seconds of the clock, offset)."""
    found = []
    while True:
        try:
            raw = s.recv(100, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return found
        assert len(raw) == 40, len(raw)
        sec, usec, offset, pulse, leap, zero, magic = struct.unpack("=qqdiiii", raw)
        assert (pulse, leap, zero, magic) == (0, 0, 0, 0x534f434b) and 0 <= usec < 1000000
        found.append((sec, offset))


def test_chrony_gets_a_floor_and_a_check(folder):
    dn, agent = start(folder)
    clock, path = Clock(folder, wall=0), os.path.join(folder.path, "chrony.sock")
    p = timed(folder, clock, agent.run + "/query.sock", conf=f"ChronySocket={path}\n")
    p.wait_log("it is tried again until chronyd runs")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    clock.set(clock.now())  # a round
    first = wait("a sample", lambda: samples(s))
    p.wait_log("chrony takes samples")
    assert clock.get("sets") == 1 and first[-1][1] == 0 and abs(first[-1][0] - clock.now()) < 20, first
    clock.set(1000)  # it may not be set again yet, but chrony may know
    last = wait("a sample that says it is behind", lambda: [x for x in samples(s) if x[1] > 0])[-1]
    assert abs(last[0] + last[1] - agent.status()["lower"]) < 30, last
    clock.set(int(time.time()) + YEAR)  # after the estimate: nothing is set back
    p.wait_log("chrony is told nothing, and nothing is set back")
    assert not samples(s) and clock.get("sets") == 1
    s.close()  # chronyd ends, and comes again
    os.unlink(path)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    clock.set(int(time.time()))
    assert wait("a sample for the new one", lambda: samples(s))[-1][1] == 0
    assert p.stop() == 0


def chrony_sources(folder, chronyd):
    """What chronyc makes of each source: its state, by its id."""
    r = subprocess.run([os.path.join(os.path.dirname(chronyd), "../bin/chronyc"), "-h", folder.path + "/chrony/cmd.sock", "-n", "sources"],
                       capture_output=True, text=True, timeout=20)
    return {line.split()[1]: line[1] for line in r.stdout.splitlines() if line.startswith("#")}


def test_chrony_leaves_out_a_server_that_is_a_day_off(folder):
    """The real chronyd, without control of the clock (-x), with the lines of the example and a second source that is precise."""
    chronyd = os.environ.get("KEDGE_CHRONYD")
    if not chronyd:
        raise Skip("KEDGE_CHRONYD names no chronyd; tests/qemu/run.sh has one and runs this")
    dn, agent = start(folder)
    home = folder.path + "/chrony"
    os.mkdir(home, 0o750)
    example = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/examples/chrony-kedge.conf")
    with open(example) as f:
        lines = [x for x in f.read().replace("/run/chrony.kedge.sock", home + "/kedge.sock").replace("poll 5", "poll 0").splitlines()
                 if not x.startswith("#")]
    lines += [f"refclock SOCK {home}/other.sock refid NTP poll 0 filter 1 precision 1e-3", "cmdport 0", "port 0",
              f"pidfile {home}/pid", f"bindcmdaddress {home}/cmd.sock"]
    with open(home + "/chrony.conf", "w") as f:
        f.write("\n".join(lines) + "\n")
    Process(folder, "chronyd", [chronyd, "-x", "-d", "-u", "root", "-f", home + "/chrony.conf"])
    wait("chronyd's sockets", lambda: os.path.exists(home + "/other.sock") and os.path.exists(home + "/cmd.sock"))
    clock = Clock(folder, wall=int(time.time()))
    timed(folder, clock, agent.run + "/query.sock", conf=f"ChronySocket={home}/kedge.sock\n")
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    seen = {}
    for offset, want in ((-86400.0, {"KDG": "*", "NTP": "x"}), (0.2, {"KDG": "-", "NTP": "*"})):
        end = time.monotonic() + 40
        while seen != want and time.monotonic() < end:
            now = time.time()
            other.sendto(struct.pack("=qqdiiii", int(now), int(now % 1 * 1e6), offset, 0, 0, 0, 0x534f434b), home + "/other.sock")
            clock.put(kept=0)  # a round, and a sample
            time.sleep(1.1)
            seen = chrony_sources(folder, chronyd)
        assert seen == want, (offset, seen)


def test_one_miner_does_not_set_the_clock(folder):
    dn, agent = start(folder)
    dn.fault("all", "bad-timestamps", (int(dn.peak()[0]) // 120 + 1) % 12)
    dn.mine(40)
    agent.wait_following(dn.final()[0])
    clock = Clock(folder, wall=0)
    code, said = once(folder, clock, agent.run + "/query.sock", conf="MaxForward=100y\n")
    assert code == 0 and clock.get("last") <= time.time() + 5, (said, clock.get("last"))


def test_on_ethereum_the_finalized_slot_sets_the_clock_not_the_head(folder):
    en = Ethnode(folder, lag=300)
    en.mine(25)
    agent = EthAgent(folder, en)
    agent.wait_following()
    clock = Clock(folder, wall=0)
    code, said = once(folder, clock, agent.run + "/query.sock")
    s = agent.status()
    assert code == 0 and clock.get("last") == s["final_time"] == s["lower"] < s["upper"], (said, clock.get("last"), s)


def faketime():
    for path in ("/usr/bin/faketime", "/usr/local/bin/faketime"):
        if os.access(path, os.X_OK):
            return path
    raise Skip("faketime is not installed")


def test_another_programs_tls_works_with_the_clock_at_lower(folder):
    """A program of others, its clock in 1970, then where kedge-timed sets it: openssl, and Python's ssl."""
    fake = faketime()
    dn, agent = start(folder)
    key, cert = os.path.join(folder.path, "key.pem"), os.path.join(folder.path, "cert.pem")
    subprocess.run([fake, "-f", "-1d", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    key, "-out", cert, "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True, timeout=60)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    Process(folder, "server", ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key, "-www"])
    wait("the server", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    clock = Clock(folder, wall=0)
    assert once(folder, clock, agent.run + "/query.sock")[0] == 0
    python = ("import socket, ssl; c = ssl.create_default_context(cafile='%s'); "
              "c.wrap_socket(socket.create_connection(('127.0.0.1', %d)), server_hostname='127.0.0.1')") % (cert, port)
    clients = (["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", cert, "-verify_return_error", "-verify_ip", "127.0.0.1"],
               [sys.executable, "-c", python])
    for client in clients:
        for at, good in ((0, False), (clock.get("last"), True)):
            date = datetime.datetime.utcfromtimestamp(at).strftime("@%Y-%m-%d %H:%M:%S")
            r = subprocess.run([fake, "-f", date, *client], input="", capture_output=True, text=True, timeout=60,
                               env={**os.environ, "TZ": "UTC"})
            assert (r.returncode == 0) == good, (client[0], date, r.stdout[-300:], r.stderr[-300:])
            assert good or "not yet valid" in r.stdout + r.stderr, r.stderr


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
