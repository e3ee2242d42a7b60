#!/usr/bin/env python3
"""kedgectl setup: questions on a terminal, wrong answers, the end of all answers, ^C and kill -9 at each of them; the way to the
first answer on both kinds of chain; --live, and that nothing of it stays. No systemd here: kedged is restarted by the test."""
import fcntl
import glob
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios

from harness import Devnode, Ethnode, Process, Skip, program, run, wait

ZONE, NAME = "plant.internal", "pump1.plant.internal"


class Box:
    """A kedged without a chain, as a new installation has it."""

    def __init__(self, folder, networks=None):
        self.folder, self.home = folder, folder.path + "/box"
        for name in ("run", "state"):
            os.makedirs(f"{self.home}/{name}")
        self.conf, self.run = self.home + "/kedged.conf", self.home + "/run"
        self.file = self.conf + ".d/50-setup.conf"
        with open(self.conf, "w") as f:
            f.write(f"[Agent]\nStateDirectory={self.home}/state\nRuntimeDirectory={self.run}\nBus=no\n")
            f.write(f"NetworksDirectory={networks}\n" if networks else "")
        self.kedged = Process(folder, "kedged", [program("agent/kedged/kedged"), "--config=" + self.conf])
        self.fetch = Process(folder, "fetch", [program("agent/fetch/kedge-fetch"), f"--socket={self.run}/fetch.sock"])
        self.env = {**os.environ, "KEDGE_RUNTIME_DIR": self.run, "KEDGED": program("agent/kedged/kedged"),
                    "KEDGE_FETCH": program("agent/fetch/kedge-fetch"), **({"KEDGE_NETWORKS_DIR": networks} if networks else {})}
        self.argv = [program("agent/kedgectl/kedgectl"), "--no-color", "--config", self.conf, "setup"]
        wait("kedged to answer", lambda: os.path.exists(self.run + "/query.sock"))

    def setup(self, *argv, code=0, timeout=120):
        r = subprocess.run([*self.argv, *argv], env=self.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout)
        assert r.returncode == code, f"{argv}: {r.returncode}: {r.stdout}{r.stderr}"
        return r.stdout + r.stderr

    def doctor(self):
        env = {**self.env, "KEDGE_STATE_DIR": self.home + "/state"}
        return subprocess.run([*self.argv[:2], "doctor"], env=env, capture_output=True, text=True).stdout

    def restart(self):
        self.kedged.kill()
        self.kedged.start()

    def left(self):
        """What is in the folder of drop-ins; None: there is no such folder."""
        folder = os.path.dirname(self.file)
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else None


class Asked:
    """kedgectl setup on a terminal: expect() a question, answer() it."""

    def __init__(self, box, *argv):
        self.master, slave = pty.openpty()
        self.seen = ""
        self.p = subprocess.Popen([*box.argv, *argv], stdin=slave, stdout=slave, stderr=slave, env=box.env, start_new_session=True,
                                  preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.seen += os.read(self.master, 65536).decode()
            except OSError:  # the other end is closed
                break
        return self.seen

    def expect(self, text):
        wait(lambda: f"{text!r} in {self.seen[-800:]!r}", lambda: text in self.read(), 60)
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def answer(self, text):
        os.write(self.master, text.encode() + b"\n")

    def end(self, code):
        wait(lambda: f"the end after {self.seen[-400:]!r}", lambda: self.read() is not None and self.p.poll() is not None, 120)
        self.read()
        os.close(self.master)
        assert self.p.returncode == code, (self.p.returncode, self.seen)


def start(folder):
    dn = Devnode(folder, blocks=300, accounts=100, slots=20)
    dn.set("pump1.server_ip", "10.1.2.3")
    dn.mine(30)
    return dn, Box(folder)


def words(dn):
    return ["--chain", "diode", "--chain-id", dn.info["CHAIN_ID"], "--checkpoint", dn.info["CHECKPOINT"], "--fleet", dn.info["FLEET"],
            *[w for n in dn.nodes for w in ("--upstream", n)]]


def zone(dn, name=ZONE):
    return ["--zone", name, "--contract", dn.info["CONTRACT"]]


def dialogue(dn):
    """Each question, and answers: wrong ones first. A chain whose name does not tell what it is."""
    return [("Which chain", ["Plant!", "plant"]),
            ("What kind of chain", ["paper", "blockquick"]),
            ("The chain's id", ["0", "x", dn.info["CHAIN_ID"]]),
            ("A node to ask", ["", "https://x.example", dn.nodes[0]]),
            ("Another one", [dn.nodes[0], dn.nodes[1]]),
            ("Another one", [""]),
            ("The fleet contract", ["0x12", dn.info["FLEET"]]),
            ("A block that you trust", ["", "180:0x12", dn.info["CHECKPOINT"].split(":")[1], dn.info["CHECKPOINT"]]),
            ("Which zone", ["a b", ZONE]),
            ("The contract of its records", ["0x12", dn.info["CONTRACT"]]),
            ("The slot", ["-1", ""]),
            ("A name of it", ["pump1.other.internal", NAME]),
            ("Write it?", ["yes"])]


def test_setup_asks(folder):
    dn, box = start(folder)
    t = Asked(box)
    for question, answers in dialogue(dn):
        for answer in answers:
            t.expect(question)
            t.answer(answer)
    t.expect("wrote ")
    t.expect("type: systemctl reload kedged")
    box.restart()
    t.expect("following ")
    t.expect("10.1.2.3")
    t.end(0)
    text = open(box.file).read()
    assert "[Chain plant]\nBackend=blockquick\n" in text and f"[Zone {ZONE}]\nChain=plant\n" in text, text
    assert text.count("Upstream=") == 2 and "Slot=0" in text, text
    # a second zone: the chain, the only one, is offered
    t = Asked(box, "--no-wait")
    for question, answer in (("Which chain", ""), ("Which zone", "yard.internal"), ("The contract of its records", dn.info["CONTRACT"]),
                             ("The slot", "3"), ("A name of it", ""), ("Write it?", "no")):
        t.expect(question)
        t.answer(answer)
    t.expect("nothing is changed")
    t.end(1)
    assert open(box.file).read() == text
    # with all of it said nobody is asked, on a terminal either
    t = Asked(box, *zone(dn, "yard.internal"), "--no-wait")
    t.end(0)
    assert "[Zone yard.internal]" in open(box.file).read()


def test_setup_ended_at_each_question(folder):
    """^D, ^C and kill -9, at each question: nothing is left."""
    dn, box = start(folder)
    questions = [(q, answers[-1]) for q, answers in dialogue(dn)]
    for n in range(len(questions)):
        for how in (["^D", "^C", "kill"][n % 3], "kill") if n % 3 != 2 else ("^D", "^C", "kill"):
            t = Asked(box)
            for question, answer in questions[:n]:
                t.expect(question)
                t.answer(answer)
            t.expect(questions[n][0])
            if how == "kill":
                t.p.kill()
            else:
                os.write(t.master, b"\x04" if how == "^D" else b"\x03")
            t.end({"^D": 2, "^C": -signal.SIGINT, "kill": -signal.SIGKILL}[how])
            assert box.left() in (None, []), (how, n, box.left())


def remove_stage(calls):
    """The private folder in which kedged judges: one that is killed leaves it. Whether there was one."""
    with open(calls) as f:
        found = [at for at in re.findall(r'mkdir\("(/tmp/kedge-check\.\w+)"', f.read()) if os.path.isdir(at)]
    for at in found:
        shutil.rmtree(at)
    return bool(found)


def test_setup_killed_while_it_writes(folder):
    """kill -9 after ever more of its calls: kedged reads the old file or the new one, whole, and takes it."""
    dn, box = start(folder)
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    box.setup(*words(dn), *zone(dn), "--no-wait")
    old = open(box.file).read()
    new = box.setup(*zone(dn, "yard.internal"), "--print")
    seen, left, calls = set(), 0, folder.path + "/calls"
    for call in ("mkdir", "symlink", "openat", "unlink", "fchmod", "write", "fsync", "rename", "close"):
        for when in range(1, 60 if call in ("openat", "close") else 12):
            with open(box.file, "w") as f:
                f.write(old)
            r = subprocess.run(["strace", "-qq", "-o", calls, "-e", f"trace=mkdir,{call}", "-e", f"inject={call}:signal=KILL:when={when}", *box.argv,
                                *zone(dn, "yard.internal"), "--no-wait"], env=box.env, capture_output=True, text=True,
                               stdin=subprocess.DEVNULL)
            left += remove_stage(calls)
            text = open(box.file).read()
            assert text in (old, new), (call, when, text)
            seen.add((r.returncode == 0, text == new))
            if r.returncode == 0:
                break
            check = subprocess.run([program("agent/kedged/kedged"), "--check-config", "--config=" + box.conf], capture_output=True)
            assert check.returncode == 0, (call, when, check.stderr)
    assert {(False, False), (False, True), (True, True)} <= seen and left, (seen, left)
    box.setup(*zone(dn, "yard.internal"), "--no-wait")
    assert box.left() == ["50-setup.conf"], box.left()


def test_setup_says_what_is_wrong(folder):
    dn, box = start(folder)
    assert "ok    snapshot" in box.doctor(), box.doctor()  # no zone, so no names
    wrong = words(dn)
    wrong[wrong.index("--checkpoint") + 1] = "180:0x" + "11" * 32
    box.setup(*wrong, "--no-wait")
    box.restart()
    assert "another block there than the checkpoint says" in box.setup(*wrong, code=4)  # at once: no waiting mends it
    out = box.doctor()
    assert "FAIL  checkpoint" in out and "setup with another --checkpoint" in out, out
    assert "lied" not in out and "--wait" not in out, out
    dead = ["--chain", "diode", "--chain-id", "5777", "--checkpoint", dn.info["CHECKPOINT"],
            "--upstream", "diode://0x" + "12" * 20 + "@127.0.0.1:9"]
    box.setup(*dead, "--no-wait")
    box.restart()
    out = box.setup(*dead, "--wait=5", code=4)
    assert "no upstream of chain diode is up" in out and "127.0.0.1:9: resting" in out, out
    box.setup(*words(dn), "--zone", ZONE, "--contract", "0x" + "77" * 20, "--no-wait")
    box.restart()
    out = box.setup("--zone", ZONE, "--wait=60", code=4)
    assert "there is no contract 0x7777" in out, out
    box.kedged.kill()
    box.setup("--zone", ZONE, "--wait=2", code=6)


def test_setup_json_and_members(folder):
    dn, box = start(folder)
    dn.set("_members", (1).to_bytes(32, "big"))
    dn.set("_member.0", "pump1")
    dn.mine(30)
    assert "is not used" not in box.setup(*words(dn), *zone(dn), "--no-wait")
    box.restart()
    o = json.loads(box.setup("--zone", ZONE, "--json"))
    assert o["result"] == "ok" and o["answer"]["name"] == NAME and o["answer"]["addresses"] == ["10.1.2.3"], o
    assert not o["changed"] and o["file"] == box.file and o["status"]["state"] == "following", o
    assert "address     10.1.2.3" in box.setup("--zone", ZONE)
    assert "proven absent" in box.setup("--zone", ZONE, "--try", "nobody." + ZONE, code=5)
    out = box.setup(*zone(dn, "example.com"), "--no-wait")
    assert "warning: [Zone example.com]: not below .internal" in out, out
    # what was proven outlives --undo, and outweighs the next checkpoint: both are said
    wait("saved state", lambda: os.path.exists(box.home + "/state/chain-diode.state"))
    assert "what was proven stays saved" in box.setup("--undo")
    assert "the checkpoint given here is not used" in box.setup(*words(dn), "--no-wait")


def test_setup_finds_what_is_in_effect(folder):
    """What kedged has already is not to be done again: a second chain, too, of which there is no zone."""
    dn, box = start(folder)
    second = ["--chain", "second", "--backend", "blockquick", *words(dn)[2:]]
    box.setup(*words(dn), "--no-wait")
    box.setup(*second, "--no-wait")
    box.restart()
    wait("both chains", lambda: "second" in subprocess.run([*box.argv[:2], "status"], env=box.env, capture_output=True, text=True).stdout)
    out = box.setup(*second, "--no-wait")
    assert "unchanged" in out and "next" not in out, out


def test_setup_is_not_content_with_names(folder):
    """A kedged that has not read what is written may have a zone and a chain of that name: of other contracts and upstreams."""
    dn, box = start(folder)
    box.setup(*words(dn), *zone(dn), "--no-wait")
    box.restart()
    assert "10.1.2.3" in box.setup(*zone(dn), "--try", NAME)
    for more in (["--contract", "0x" + "77" * 20], [*zone(dn)[2:], "--slot", "3"]):
        out = box.setup("--zone", ZONE, *more, "--try", NAME, "--wait=3", code=4)
        assert f"does not have zone {ZONE} as it is written" in out and "proven" not in out, out
        out = box.setup("--zone", ZONE, *more, "--no-wait")
        assert "unchanged" in out and "next" in out, out
    box.setup(*zone(dn), "--no-wait")
    assert "next" not in box.setup(*zone(dn), "--no-wait")
    nodes, other = words(dn)[8:], dn.info["CHECKPOINT"].split(":")[0] + ":0x" + "11" * 32
    for more in (nodes[:2], [*nodes[2:], *nodes[:2]], [*nodes, "--checkpoint", other]):
        box.setup("--chain", "diode", *more, "--no-wait")
        out = box.setup("--chain", "diode", *more, "--no-wait")
        assert "unchanged" in out and "next" in out, (more, out)
    box.setup(*words(dn), "--no-wait")
    assert "next" not in box.setup(*words(dn), "--no-wait")


def test_setup_on_ethereum(folder):
    en = Ethnode(folder)
    os.chmod(folder.path, 0o755)
    en.set("pump1.server_ip", "10.1.2.4")
    en.mine(25)
    box = Box(folder, en.networks)
    more = ["--zone", ZONE, "--contract", en.info["CONTRACT"], "--try", NAME]
    assert "or --yes" in box.setup("--chain", "ethnode", *more, code=2) and box.left() is None
    t = Asked(box, "--chain", "ethnode", *more)
    t.expect("agree ")
    t.expect("Begin from it?")
    t.answer("no")
    t.end(1)
    assert box.left() is None
    box.setup("--chain", "ethnode", *more, "--yes", "--no-wait")
    box.restart()
    assert "10.1.2.4" in box.setup(*more)
    # one server alone is nobody's agreement
    one = ["--url", en.info["NODE0"]]
    assert "no two sources" in box.setup("--chain", "ethnode", *one, "--yes", "--no-wait", code=4)
    out = box.setup("--live", "--chain", "ethnode", "--checkpoint", en.info["CHECKPOINT"], *more)
    assert "10.1.2.4" in out and "Nothing on this machine was changed" in out, out


def test_live_changes_nothing(folder):
    dn, box = start(folder)
    os.chmod(folder.path, 0o755)
    out = box.setup("--live", *words(dn), *zone(dn), "--try", NAME)
    assert "10.1.2.3" in out and "Nothing on this machine was changed" in out and "kB in" in out, out
    assert "the time is after" in box.setup("--live", *words(dn)) and box.left() is None
    o = json.loads(box.setup("--live", "--json", *words(dn)))
    assert o["result"] == "ok" and o["status"]["state"] == "following", o
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = set(glob.glob("/tmp/kedge-live.*"))
        p = subprocess.Popen([*box.argv, "--live", *words(dn)[:-4], "--upstream", "diode://0x" + "12" * 20 + "@127.0.0.1:9"],
                             env=box.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        at = wait("the private folder", lambda: [f for f in set(glob.glob("/tmp/kedge-live.*")) - before
                                                 if os.path.exists(f + "/run/query.sock") and mine(f, p.pid)])[0]
        p.send_signal(sig)
        out = p.communicate(timeout=60)[0]
        assert p.returncode == 1 and "nothing is left of it" in out, (p.returncode, out)
        assert not os.path.exists(at) and not children(at), at


def mine(at, pid):
    """Is the kedged in this folder a child of that process?"""
    return any(parent == pid for _, parent in children(at))


def children(at):
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/cmdline") as f:
                line = f.read()
            with open(path + "/stat") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if at + "/" in line and "=" + at in line:
            found.append((int(os.path.basename(path)), parent))
    return found


def test_live_removes_nothing_as_root(folder):
    """Both programs run as somebody without rights, the folder is his, and so is the hand that empties it: no name that he has put
    there is followed, and what is root's stays."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    dn, box = start(folder)
    os.chmod(folder.path, 0o755)
    victim = folder.path + "/victim"
    os.mkdir(victim)
    open(victim + "/file", "w").close()
    before = set(glob.glob("/tmp/kedge-live.*"))
    p = subprocess.Popen([*box.argv, "--live", *words(dn)[:-6], "--upstream", "diode://0x" + "12" * 20 + "@127.0.0.1:9"], env=box.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    at = wait("both programs", lambda: [f for f in set(glob.glob("/tmp/kedge-live.*")) - before if len(children(f)) == 2
                                        and os.path.exists(f + "/run/query.sock") and mine(f, p.pid)])[0]
    for pid, _ in children(at):
        uids = [line.split()[1:] for line in open(f"/proc/{pid}/status") if line.startswith("Uid:")][0]
        assert uids == [str(os.stat(at).st_uid)] * 4 and uids[0] != "0", uids
        assert os.getsid(pid) == pid, "it has our terminal"
    os.symlink(victim, at + "/state/link")
    os.mkdir(at + "/state/of-root", mode=0o700)
    open(at + "/state/of-root/file", "w").close()
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=60)
    assert os.path.exists(victim + "/file") and os.path.exists(at + "/state/of-root/file")
    assert not os.path.lexists(at + "/state/link") and not os.path.exists(at + "/kedged.conf")
    shutil.rmtree(at)


def test_live_dies_with_its_caller(folder):
    """kill -9 of it ends both programs, too."""
    dn, box = start(folder)
    before = set(glob.glob("/tmp/kedge-live.*"))
    p = subprocess.Popen([*box.argv, "--live", *words(dn)[:-6], "--upstream", "diode://0x" + "12" * 20 + "@127.0.0.1:9"], env=box.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    at = wait("both programs", lambda: [f for f in set(glob.glob("/tmp/kedge-live.*")) - before if len(children(f)) == 2
                                        and mine(f, p.pid)])[0]
    p.kill()
    p.wait()
    wait("both to end", lambda: not children(at))
    subprocess.run(["rm", "-r", at], check=True)


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
