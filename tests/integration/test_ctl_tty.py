#!/usr/bin/env python3
"""kedgectl on a terminal: the live view, colours, the pager. The terminal is a pty of ours, of a size that we choose."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from harness import program, run, wait
from test_ctl import NAME, start

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """kedgectl with a terminal for stdin, stdout and stderr."""

    def __init__(self, folder, agent, *argv, rows=24, cols=80, **env):
        self.master, slave = pty.openpty()
        self.resize(rows, cols)
        self.before = termios.tcgetattr(slave)
        self.slave, self.seen = slave, b""
        clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "PAGER", "KEDGE_PAGER", "LESS")}
        self.p = subprocess.Popen([program("agent/kedgectl/kedgectl"), *argv], stdin=slave, stdout=slave, stderr=slave,
                                  start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                  env={**clean, "TERM": "xterm", "KEDGE_RUNTIME_DIR": agent.run, **env})

    def resize(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        return self.seen

    def wait(self, what, check, timeout=20):
        return wait(lambda: f"{what}; {self.read()[-2000:]!r}", lambda: check(self.read()), timeout)

    def key(self, text):
        os.write(self.master, text)

    def end(self, timeout=20):
        def ended():
            self.read()  # a terminal that nobody reads holds its writer up
            return self.p.poll() is not None
        wait("kedgectl to end", ended, timeout)
        self.read()
        return self.p.returncode

    def as_before(self):
        now = termios.tcgetattr(self.slave)
        return now[:6] == self.before[:6] and now[6] == self.before[6]

    def close(self):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()
        os.close(self.master)
        os.close(self.slave)


def frames(seen):
    """The screens that were drawn, as lists of lines without colours."""
    return [[re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", line).decode() for line in f.split(b"\x1b[J")[0].replace(b"\r", b"").split(b"\n")]
            for f in seen.split(b"\x1b[H")[1:] if b"\x1b[J" in f]


def monitor(folder, agent, *argv, **more):
    t = Terminal(folder, agent, *argv, "monitor", **more)
    t.wait("a first screen", frames)
    return t


def test_the_live_view_shows_what_happens_and_ends_with_q(folder):
    dn, agent = start(folder)
    t = monitor(folder, agent)
    head = dn.peak()[0]
    t.wait("heads to go on", lambda s: any(int(n) > head for f in frames(s) for n in re.findall(r"head (\d+)", f[2])))
    assert t.seen.startswith(ENTER) and LEAVE not in t.seen and b"\x1b[32m" in t.seen
    assert not t.as_before(), "keys are taken as they come"
    screen = frames(t.seen)[-1]
    assert screen[0].startswith("kedged ") and "diode  following" in screen[1], screen
    assert sum("  up " in line for line in screen) == 3 and any(line.startswith("changes (1 names") for line in screen), screen
    agent.resolve("pump1." + NAME)
    t.wait("a change", lambda s: any("RecordChanged pump1" in line for line in frames(s)[-1]))
    agent.kedged.stop()
    t.wait("the agent to be missed", lambda s: "does not run" in frames(s)[-1][0])
    t.key(b"q")
    assert t.end() == 6 and t.seen.endswith(LEAVE) and t.as_before(), t.seen[-200:]
    t.close()


def test_the_live_view_fits_any_terminal(folder):
    dn, agent = start(folder)
    t = monitor(folder, agent, rows=10, cols=40)

    def fits(rows, cols):
        n = len(frames(t.read()))
        t.wait("another screen", lambda s: len(frames(s)) > n + 1)
        screen = frames(t.seen)[-1]
        assert len(screen) <= rows and all(len(line) < cols for line in screen), (rows, cols, screen)
        return screen
    screen = fits(10, 40)
    assert "diode" in screen[1] and any(line.startswith("changes") for line in screen), screen
    for rows, cols in ((50, 200), (3, 20), (1, 2), (300, 600), (24, 80)):
        t.resize(rows, cols)
        os.kill(t.p.pid, signal.SIGWINCH)
        fits(rows, cols)
    t.key(b"q")
    assert t.end() == 0
    t.close()


def test_the_terminal_is_as_it_was_whatever_ends_the_view(folder):
    dn, agent = start(folder)
    for how, code in ((lambda t: t.key(b"\x03"), 0), (lambda t: t.p.send_signal(signal.SIGTERM), -signal.SIGTERM),
                      (lambda t: t.p.send_signal(signal.SIGHUP), -signal.SIGHUP)):
        t = monitor(folder, agent)
        how(t)
        assert t.end() == code and t.seen.count(ENTER) == t.seen.count(LEAVE) == 1 and t.as_before(), t.seen[-200:]
        t.close()
    t = Terminal(folder, agent, "--count", "1", "monitor")
    assert t.end() == 0 and t.seen.endswith(LEAVE) and len(frames(t.seen)) == 1
    t.close()
    t = monitor(folder, agent)
    t.p.send_signal(signal.SIGTSTP)
    # Nobody could let it go on, as it leads its session: so the kernel does not stop it, and it goes on at once.
    t.wait("the view again", lambda s: s.count(LEAVE) == 1 and s.count(ENTER) == 2 and frames(s.split(ENTER)[2]))
    t.key(b"q")
    assert t.end() == 0 and t.as_before()
    t.close()


def test_without_a_terminal_each_look_is_a_report(folder):
    dn, agent = start(folder)
    code, out, err = agent.kedgectl("--count", "2", "monitor")
    assert code == 0 and err == "" and "\x1b" not in out and len(re.findall("diode following, head", out)) == 2, out
    code, out, _ = agent.kedgectl("--count", "2", "--json", "monitor")
    looks = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(looks) == 2 and looks[1]["chains"][0]["state"] == "following", looks
    assert len(looks[0]["upstreams"]) == 3, looks
    agent.kedged.stop()
    code, out, _ = agent.kedgectl("--count", "1", "monitor")
    assert code == 6 and "does not run" in out, out


def test_colours_are_for_terminals(folder):
    dn, agent = start(folder)
    for argv, env, coloured in (([], {}, True), (["--no-color"], {}, False), ([], {"NO_COLOR": "1"}, False), ([], {"NO_COLOR": ""}, True)):
        t = Terminal(folder, agent, *argv, "status", rows=100, **env)
        assert t.end() == 0 and (b"\x1b[" in t.seen) == coloured and b"following" in t.seen, (argv, env, t.seen)
        t.close()
    assert "\x1b" not in agent.kedgectl("status")[1]


def pager(folder, name, text):
    path = os.path.join(folder.path, name)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text + "\n")
    os.chmod(path, 0o755)
    return path


def test_tall_answers_are_paged(folder):
    dn, agent = start(folder)
    paged = pager(folder, "pager", "sed 's/^/PAGED /'")
    whole = agent.kedgectl("explain", NAME)[1].count("\n")

    def shown(*argv, rows, **env):
        t = Terminal(folder, agent, *argv, "explain", NAME, rows=rows, **env)
        code = t.end()
        t.close()
        return code, t.seen.count(b"PAGED"), t.seen.count(b"\n")
    assert shown(rows=10, KEDGE_PAGER=paged) == (0, whole, whole)
    assert shown(rows=10, PAGER=paged) == (0, whole, whole)
    assert shown(rows=10, PAGER=paged, KEDGE_PAGER="cat") == (0, 0, whole), "KEDGE_PAGER comes first"
    assert shown(rows=whole + 1, KEDGE_PAGER=paged) == (0, 0, whole), "it fits"
    assert shown(rows=whole, KEDGE_PAGER=paged) == (0, whole, whole), "the prompt needs a line"
    assert shown("--no-pager", rows=10, KEDGE_PAGER=paged) == (0, 0, whole)
    assert shown(rows=10, KEDGE_PAGER="/nowhere/pager 2>/dev/null") == (0, 0, whole), "without a pager nothing is lost"
    assert shown(rows=10, KEDGE_PAGER="head -n 1 | sed s/^/PAGED/") == (0, 1, 1), "a pager may end early"
    t = Terminal(folder, agent, "--json", "explain", NAME, rows=10, KEDGE_PAGER=paged)
    assert t.end() == 0 and b"PAGED" not in t.seen and json.loads(t.seen)["result"] == "ok"
    t.close()
    t = Terminal(folder, agent, "explain", "nobody." + NAME, rows=5, KEDGE_PAGER=paged)
    assert t.end() == 5 and b"PAGED \x1b[1mnobody" in t.seen
    t.close()


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
