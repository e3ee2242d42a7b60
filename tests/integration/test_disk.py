#!/usr/bin/env python3
"""The disk below the state folder: the power goes at any change to it, it refuses, it is read-only, or it is an old
one. What was announced is never taken back, on both chains. tests/wrap/disk.h says what a power cut leaves.

KEDGE_CUTS=N: how many cuts in a row (the default is a few; each is another change, before or after it)."""
import glob
import os
import shutil
import signal
import sys
import time

from clocks import DAY
from harness import BUILD, Agent, Devnode, EthAgent, Ethnode, Skip, run, wait
from test_hostile import Disk
from worlds import Diode

NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))
CUTS = int(os.environ.get("KEDGE_CUTS", "0"))
EROFS, ENOSPC, EIO = 30, 28, 5


def library():
    path = os.path.join(BUILD, "tests/integration/libdisk.so")
    if not os.path.exists(path):
        raise Skip("the disk to preload is not built")
    return path


def bad(agent, **how):
    """The environment of a kedged whose disk does this: cut="5+", lose="data,names", fail="1:28:0"."""
    env = {"LD_PRELOAD": library(), "KEDGE_DISK": agent.state, "KEDGE_DISK_LOG": agent.home + "/changes",
           "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
    return {**env, **{"KEDGE_DISK_" + k.upper(): v for k, v in how.items()}}


class OnDiode:
    def __init__(self, folder, **chain):
        self.node = Devnode(folder, blocks=300)
        self.values()
        self.agent = Agent(folder, self.node, **chain)

    def values(self):
        self.node.set("server_ip", "10.1.2.3")
        self.node.set("signature", PIN)
        self.node.mine(12)

    def grow(self):
        self.node.mine(1)

    def revoke(self):
        """In block 315, while 313 stays final."""
        self.mine_to(314)
        self.granted()
        self.node.command("clear signature")
        self.mine_to(317)

    def mine_to(self, number):
        while self.node.peak()[0] < number:
            n, _ = self.node.mine()
            wait("the block to be seen", lambda: all(self.agent.upstream(i)["peak"] >= n for i in range(3)))

    def hide(self):
        self.node.fault("all", "stale-head", "3")

    def granted(self):
        self.agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN], timeout=60)


class OnEthereum(OnDiode):
    def __init__(self, folder, **chain):
        self.node = Ethnode(folder, lag=300)
        self.values()
        self.node.mine(20)
        self.agent = EthAgent(folder, self.node, **chain)

    def grow(self):
        self.node.mine(8)

    def revoke(self):
        self.before = self.node.peak()[0]
        self.granted()
        self.node.command("clear signature")
        n, _ = self.node.mine(2)
        self.agent.wait_status("the block", lambda s: s["head"] >= n)

    def hide(self):
        self.node.fault("all", "lag", self.node.peak()[0] - self.before)


def cut(world, how):
    """Starts the agent on a disk that is cut; the final number that it has announced. None: nothing was cut."""
    agent, announced = world.agent, 0
    agent.kedged.env = bad(agent, **how)
    agent.kedged.start()
    grown = end = time.monotonic()
    while agent.kedged.alive():
        s = agent.status()
        announced = max(announced, s["final"] if s else 0)
        if time.monotonic() - grown > 0.2:
            grown = time.monotonic()
            world.grow()
        if time.monotonic() - end > 40:
            agent.kedged.kill()
            return None
        time.sleep(0.01)
    assert agent.kedged.p.returncode == -signal.SIGKILL, agent.kedged.text()[-2000:]
    return announced


def changes(agent):
    with open(agent.home + "/changes") as f:
        return [line.split()[1:] for line in f]


def cuts_in_a_row(folder, world, default):
    agent, seen = world.agent, set()
    agent.wait_following()
    world.granted()
    agent.kedged.kill()
    highest = 0
    for i in range(CUTS or default):
        n = 1 + i // 2 if CUTS else 2 + i + i // 3
        how = {"cut": f"{n}{'+' if i % 2 else ''}", "lose": ("data,names", "names", "data", "")[i % 4]}
        announced = cut(world, how)
        if announced is None:
            break
        highest = max(highest, announced)
        agent.kedged.env = None
        agent.kedged.start()
        s = agent.wait_status("an answer", lambda s: True, 60)
        assert s["final"] >= highest or s["final"] == 0 and highest == 0, (how, s["final"], highest)
        seen.add(" ".join(changes(agent)[-1]))
        if i % 4 == 3:
            agent.wait_following(highest, 60)
        agent.kedged.kill()
    agent.kedged.env = None
    agent.kedged.start()
    agent.wait_following(highest, 60)
    world.granted()
    assert "both generations" not in agent.kedged.text() and "damaged" not in agent.kedged.text().split("started")[-1]
    print("cut at:", ", ".join(sorted(seen)))
    assert not glob.glob(agent.state + "/*.new"), os.listdir(agent.state)


def test_power_cuts_on_diode(folder):
    cuts_in_a_row(folder, OnDiode(folder), 12)


def test_power_cuts_on_ethereum(folder):
    cuts_in_a_row(folder, OnEthereum(folder), 8)


def revocation_outlives_cuts(folder, world):
    """Announced, then the power goes at what the next starts write, and the servers show the head of before."""
    agent = world.agent
    agent.wait_following()
    world.revoke()
    agent.wait_resolve("no pin", lambda r: PIN not in r[4])
    agent.kedged.wait_log("signature")
    agent.kedged.kill()
    world.hide()
    cuts = 0
    for i in range(6):
        agent.kedged.env = bad(agent, cut=f"{1 + i}{'+' if i % 2 else ''}", lose="data,names")
        agent.kedged.start()
        end = time.monotonic() + 3
        while agent.kedged.alive() and time.monotonic() < end:
            try:
                assert PIN not in agent.resolve()[4]
            except OSError:
                pass
        cuts += not agent.kedged.alive()
        agent.kedged.kill()
    assert cuts >= 3, cuts
    agent.kedged.env = None
    agent.kedged.start()
    agent.wait_status("a head again, and the revocation", lambda s: s["up"] > 0 and s["head"] > 0 and s["revocations"] == 1)
    for _ in range(10):
        assert PIN not in agent.resolve()[4], agent.resolve()


def test_a_revocation_outlives_power_cuts_on_diode(folder):
    revocation_outlives_cuts(folder, OnDiode(folder))


def test_a_revocation_outlives_power_cuts_on_ethereum(folder):
    revocation_outlives_cuts(folder, OnEthereum(folder))


def test_a_disk_that_refuses_now_and_then(folder):
    """Said once, healed by itself, and nothing that was announced is gone."""
    world = OnDiode(folder)
    agent = world.agent
    world.granted()
    for error, words in ((ENOSPC, "No space left on device"), (EIO, "Input/output error")):
        agent.kedged.kill()
        agent.kedged.env = bad(agent, fail=f"4:{error}:25")
        agent.kedged.start()
        world.granted()
        for _ in range(200):
            if "is saved again" in agent.kedged.text():
                break
            world.grow()
            time.sleep(0.1)
        said = agent.kedged.text()
        assert words in said and "is saved again" in said, said[-2000:]
        s = agent.wait_following()
        agent.kedged.kill()
        agent.kedged.env = None
        agent.kedged.start()
        assert agent.wait_status("an answer", lambda s: True)["final"] > 0
        world.granted()


def test_a_folder_that_becomes_read_only(folder):
    """Under a running agent: it goes on, says so, and revokes at once."""
    world = OnDiode(folder)
    agent, switch = world.agent, folder.path + "/read-only"
    agent.kedged.kill()
    agent.kedged.env = bad(agent, fail=f"1:{EROFS}:0", when=switch)
    agent.kedged.start()
    agent.wait_following()
    world.granted()
    open(switch, "w").close()
    world.revoke()
    agent.wait_resolve("no pin, though nothing can be written", lambda r: PIN not in r[4])
    agent.kedged.wait_log("Read-only file system")
    assert agent.resolve()[2] == ["10.1.2.3"] and agent.status()["state"] == "following"
    os.remove(switch)
    agent.kedged.wait_log("revocations is saved again")
    agent.kedged.wait_log("signature")
    agent.kedged.kill()
    agent.kedged.env = None
    agent.kedged.start()
    assert agent.wait_status("an answer", lambda s: True)["revocations"] == 1


def test_a_read_only_folder_at_the_start(folder):
    """It does not start, and says why; what is there is enough for the next start."""
    world = OnDiode(folder)
    agent = world.agent
    agent.kedged.kill()
    disk = Disk(folder, agent)
    agent.kedged.argv = disk.inside + agent.kedged.argv
    agent.kedged.start()
    agent.wait_following()
    world.granted()
    for n in (1, 2):
        agent.kedged.kill()
        assert os.system(" ".join(disk.inside) + f" mount -o remount,ro {agent.state}") == 0
        agent.kedged.start()
        wait("the agent to refuse", lambda: not agent.kedged.alive())
        last = agent.kedged.text().splitlines()[-1]
        assert agent.kedged.p.returncode == 1 and agent.state in last and "Read-only file system" in last, last
        assert os.system(" ".join(disk.inside) + f" mount -o remount,rw {agent.state}") == 0
        agent.kedged.start()
        world.granted()


def take_image(agent, to, names=("*",)):
    os.makedirs(to, exist_ok=True)
    for pattern in names:
        for path in glob.glob(f"{agent.state}/{pattern}"):
            if os.path.isfile(path):
                shutil.copy2(path, to)


def put_image(agent, image):
    for path in glob.glob(image + "/*"):
        shutil.copy2(path, agent.state)


def old_image(folder, world, names, grow, alone=False):
    agent = world.agent
    agent.wait_following()
    world.granted()
    agent.kedged.kill()
    image = folder.path + "/image"
    take_image(agent, image, names)
    agent.kedged.start()
    old = agent.wait_following()["final"]
    world.revoke()
    agent.wait_resolve("no pin", lambda r: PIN not in r[4])
    for _ in range(grow):
        world.grow()
    new = agent.wait_following(old + grow // 2, 60)["final"]
    agent.kedged.kill()
    if alone:
        agent.fetch.stop()
    if names == ("*",):
        for path in glob.glob(agent.state + "/*"):
            if os.path.isfile(path):
                os.remove(path)
    put_image(agent, image)
    agent.kedged.start()
    s = agent.wait_status("an answer", lambda s: True)
    if alone:
        assert 0 < s["final"] < new, (s["final"], new)
        result = agent.resolve()
        assert result[0] == "unproven" and result[4] == [], "nothing is granted before a head is accepted"
        agent.fetch.start()
    agent.wait_following(new, 60)
    agent.wait_resolve("what the chain says now", lambda r: r[2] == ["10.1.2.3"] and PIN not in r[4])


def test_an_old_image_of_the_whole_folder(folder):
    old_image(folder, OnDiode(folder), ("*",), 20, alone=True)


def test_an_old_image_of_the_chains_state(folder):
    old_image(folder, OnEthereum(folder), ("chain-*",), 5)


def image_of_days_ago(folder, names, noticed):
    """Three days; noticed against what the floor of time says, where that is the newer one, and against the chain."""
    w = Diode(folder)
    w.agent.kedged.kill()
    take_image(w.agent, folder.path + "/image", names)
    w.agent.kedged.start()
    w.follows()
    w.pass_time(3 * DAY)
    w.clocks.sleep(3 * DAY)
    before = w.agent.status()["lower"]
    w.node.mine(120)
    w.state("following")
    wait("the time of three days on", lambda: w.step() or w.agent.status()["lower"] > before + 2 * DAY, 60)
    w.agent.kedged.stop()
    put_image(w.agent, folder.path + "/image")
    said = len(w.agent.kedged.text())
    w.agent.kedged.start()
    w.follows()
    w.agent.kedged.wait_log("behind the chain: kedged was off for so long, or an older copy")
    log = w.agent.kedged.text()[said:]
    assert ("older than what this machine has known" in log) == noticed, log


def test_an_image_of_days_ago(folder):
    image_of_days_ago(folder, ("chain-*",), True)


def test_an_image_of_days_ago_with_its_floor(folder):
    image_of_days_ago(folder, ("chain-*", "floor*"), False)


if __name__ == "__main__":
    sys.exit(run([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
