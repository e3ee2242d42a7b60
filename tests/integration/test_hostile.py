#!/usr/bin/env python3
"""What a machine does to the agent: a full disk, kill -9 at any moment, folders that
others may write to, a reader of its lines that goes away, other users who ask too much, silence of everybody."""
import os
import random
import re
import signal
import subprocess
import sys
import time

from harness import STATUS, Agent, Devnode, Process, Skip, run, wait

NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))


def chain(folder, interval=100):
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", "10.1.2.3")
    dn.set("signature", PIN)
    dn.mine(12)
    dn.command(f"interval {interval}")
    return dn


def granted(agent):
    return agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN])


def test_kill_9_at_20_random_moments_never_goes_back(folder):
    dn = chain(folder, interval=20)
    agent = Agent(folder, dn)
    agent.wait_following(dn.final()[0] - 5)
    rng, highest = random.Random(1), 0
    for _ in range(20):
        end = time.monotonic() + rng.random() * 0.3
        while time.monotonic() < end:
            s = agent.status()
            highest = max(highest, s["final"] if s else 0)
        agent.restart(signal.SIGKILL)
        s = agent.wait_status("an answer", lambda s: True)
        assert s["final"] >= highest, (s["final"], highest)
    agent.wait_following(highest)
    granted(agent)


def test_truncated_state_is_the_older_generation_never_nothing(folder):
    dn = chain(folder)
    agent = Agent(folder, dn)
    granted(agent)
    files = [agent.state + "/chain-diode.state" + end for end in ("", ".1")]
    wait("two generations", lambda: all(os.path.exists(f) for f in files))
    for size in (0, 10, 100):
        agent.wait_following(dn.final()[0])
        agent.kedged.kill(signal.SIGKILL)
        good = [int.from_bytes(open(f, "rb").read()[24:32], "big") for f in files]
        os.truncate(files[good.index(max(good))], size)
        agent.kedged.start()
        s = agent.wait_status("an answer", lambda s: True)
        assert s["final"] >= min(good) > 180, (s["final"], good)
    for f in files:
        os.truncate(f, 50)
    agent.restart(signal.SIGKILL)
    wait("the agent to refuse", lambda: not agent.kedged.alive())
    assert agent.kedged.p.returncode == 78 and "both generations" in agent.kedged.text()


class Disk:
    """A small file system as the agent's state folder, in a mount namespace of its own."""

    def __init__(self, folder, agent):
        mount = f"mount -t tmpfs -o size=256k,mode=755 none {agent.state} && echo mounted && exec sleep 600"
        self.holder = Process(folder, "disk", ["unshare", "-m", "--propagation", "private", "sh", "-c", mount])
        wait("the file system", lambda: "mounted" in self.holder.text() or not self.holder.alive())
        if not self.holder.alive():
            raise Skip("no mount namespace here: " + self.holder.text())
        self.inside = ["nsenter", "-t", str(self.holder.p.pid), "-m"]
        self.path = f"/proc/{self.holder.p.pid}/root{agent.state}"

    def fill(self):
        with open(self.path + "/filler", "ab", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(512))
            except OSError:
                pass

    def clear(self):
        os.remove(self.path + "/filler")


def test_a_full_disk_stops_nothing(folder):
    dn = chain(folder)
    agent = Agent(folder, dn)
    agent.kedged.kill()
    disk = Disk(folder, agent)
    agent.kedged.argv = disk.inside + agent.kedged.argv
    agent.kedged.start()
    granted(agent)
    saved = agent.status()["final"]
    disk.fill()
    agent.kedged.wait_log("cannot be saved")
    before = agent.wait_following(saved + 5)["final"]
    dn.command("clear signature")
    agent.wait_resolve("no pin, though nothing can be written", lambda r: PIN not in r[4])
    agent.restart(signal.SIGKILL)
    s = agent.wait_status("an answer", lambda s: True)
    assert s["final"] >= saved, (s["final"], saved)
    agent.wait_following(before)
    agent.wait_resolve("the address, and no pin", lambda r: r[2] == ["10.1.2.3"] and PIN not in r[4])
    disk.clear()
    agent.kedged.wait_log("is saved again")
    assert agent.kedged.stop() == 0


def test_a_state_folder_that_others_may_write_to_is_refused(folder):
    dn = chain(folder)
    agent = Agent(folder, dn)
    granted(agent)
    agent.kedged.stop()
    for name in ("", "/public"):
        os.chmod(agent.state + name, 0o777)
        agent.kedged.start()
        wait("the agent to refuse", lambda: not agent.kedged.alive())
        last = agent.kedged.text().splitlines()[-1]
        assert agent.state + name in last and "chmod go-w" in last, last
        os.chmod(agent.state + name, 0o755)
    agent.kedged.start()
    granted(agent)


def test_whoever_reads_its_lines_may_go_away(folder):
    dn = chain(folder)
    agent = Agent(folder, dn)
    agent.kedged.kill()
    reader, writer = os.pipe()
    agent.kedged.p = subprocess.Popen(agent.kedged.argv, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
    os.close(writer)
    granted(agent)
    os.close(reader)
    agent.kedged.p.send_signal(signal.SIGHUP)  # which is a line
    agent.fetch.kill()                         # and so is this
    agent.wait_status("no upstream", lambda s: s["up"] == 0)
    agent.fetch.start()
    agent.wait_following(dn.final()[0])
    assert agent.kedged.stop() == 0


def test_all_silent_is_served_until_its_deadline_then_since_when_is_told(folder):
    dn = chain(folder)
    agent = Agent(folder, dn)
    agent.roles = "[names]\nMaxAge=8s"
    agent.write_config()
    agent.restart()
    granted(agent)
    dn.fault("all", "silent")
    result = agent.resolve()
    assert result[0] == "ok" and result[2] == ["10.1.2.3"], result
    r = agent.wait_resolve("too old", lambda r: r[0] == "stale")
    assert re.match(r"last proven \d+ s ago", r[1]) and r[2] == [] and r[4] == [], r
    code, _, err = agent.kedgectl("query", NAME)
    assert code == 3 and "ago" in err, (code, err)
    dn.fault("all", "none")
    granted(agent)


GREEDY = """
import os, random, socket, sys
sys.path.insert(0, sys.argv[2])
from test_soak import packet
os.setgroups([]), os.setgid(65534), os.setuid(65534)
print("begun", flush=True)
while True:
    try:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(sys.argv[1])
        for i in range(8):
            s.send(packet(1, "n%d.plant-control.fleet" % random.randrange(10**9), i))
        s.close()
    except OSError:
        pass
"""


def test_a_greedy_user_leaves_room_for_others(folder):
    if os.geteuid() != 0:
        raise Skip("a second user id needs root")
    dn = chain(folder, interval=0)
    agent = Agent(folder, dn, RequestTimeout="4s")
    granted(agent)
    dn.fault("all", "late", "300")  # so that questions of the greedy one stay open
    os.chmod(folder.path, 0o711)
    os.chmod(agent.home, 0o711)
    greedy = Process(folder, "greedy", [sys.executable, "-c", GREEDY, agent.run + "/query.sock",
                                        os.path.dirname(os.path.abspath(__file__))])
    greedy.wait_log("begun")
    wait("the greedy one to be at work", lambda: agent.query(STATUS)[0] == "ok")
    for i in range(5):
        result = agent.resolve(f"h{i}.{NAME}")
        assert result[0] == "ok" and result[2] == [f"10.0.0.{i}"], result
    assert greedy.alive() and agent.kedged.alive()


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
