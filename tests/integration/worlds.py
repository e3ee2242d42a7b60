"""A chain with an agent on it, the same to a test on either chain, and time as the test wants it: the chain lives a year
from now, so that no date of this program's build is near, and it has a clock of its own."""
import os
import re
import struct
import time

from clocks import Clocks, DAY, clocked
from harness import TIME, Agent, Devnode, EthAgent, Ethnode, wait

NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))
VALUE = "10.1.2.3"
HOUR = 3600
TIMEOUT = 60


def roles(age):
    return f"[names]\nMaxAge={age}\n[tls]\nMaxAge={age}\n[time]\nMaxAge={age}"


class World:
    """node: the test node, clocks: those of the machine that the agent runs on, agent: it."""

    AGENT, CALLED, MAX_AGE = Agent, "", "4h"
    LONG = 30 * DAY
    BESIDE = 0.3  # seconds between two steps of the chain

    def __init__(self, folder, wall=None, synchronised=False, upstreams=None, nodes=3, **chain):
        self.folder = folder
        self.of_chain = Clocks(folder, "clocks-of-chain", time.time() + 365 * DAY)
        self.node = self.start_node(folder, nodes)
        self.node.set("server_ip", VALUE)
        self.node.set("signature", PIN)
        self.begin()
        self.clocks = Clocks(folder, "clocks", self.now() if wall is None else wall, synchronised)
        self.agent = clocked(self.AGENT, self.clocks)(folder, self.node, upstreams, **chain)
        self.stepped, self.going = 0, True
        self.start_again(roles(self.MAX_AGE))
        self.follows()

    def start_again(self, roles):
        """With these roles."""
        self.agent.kedged.kill()
        self.agent.roles = roles
        self.agent.write_config()
        self.agent.kedged.start()

    def now(self):
        """What the chain's clock says."""
        return self.of_chain.wall()

    def step(self):
        if self.going and time.monotonic() - self.stepped > self.BESIDE:
            self.stepped = time.monotonic()
            self.node.mine(1)

    def sleep(self, seconds):
        """So long does the machine sleep, and the world goes on without it."""
        self.clocks.sleep(seconds)
        self.pass_time(seconds)

    def state(self, word, text="", timeout=TIMEOUT):
        """Waits until status says so, with a note that matches; the chain goes on by steps."""
        def look():
            self.step()
            s = self.agent.status()
            return s if s and s["state"] in word.split("|") and re.search(text, s["text"]) else None
        return wait(lambda: f"{word} /{text}/; status is {self.agent.status()}", look, timeout, 0.05)

    def answer(self, what, check, timeout=TIMEOUT, name=NAME):
        def look():
            self.step()
            try:
                r = self.agent.resolve(name)
            except OSError:  # the agent is not there, or not yet
                return None
            return r if check(r) else None
        return wait(lambda: f"{what}; {name} is {self.agent.resolve(name)}", look, timeout, 0.05)

    def follows(self):
        """All is well: state, answer, exit code."""
        self.answer("the value and the pin", lambda r: r[0] == "ok" and r[2] == [VALUE] and r[4] == [PIN])
        s = self.state("following")
        code, out, err = self.agent.kedgectl("query", NAME)
        assert code == 0 and VALUE in out, (code, out, err)
        return s

    def refuses(self, result, code, reason=""):
        """No value is served: by the answer's word, with its reason, and by the tool's exit code."""
        r = self.answer(f"{result} /{reason}/", lambda r: r[0] in result.split("|") and re.search(reason, r[1]))
        assert r[2] == [] and r[4] == [], r
        got, out, err = self.agent.kedgectl("query", NAME)
        assert got == code and VALUE not in out and err, (got, out, err)
        return r

    def stays(self, seconds=2.5):
        """Nothing of it changes for so long: more than one turn of the agent's own clock."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()
            s, r = self.agent.status(), self.agent.resolve()
            assert s["state"] == "following" and r[0] == "ok" and r[4] == [PIN], (s, r)
            time.sleep(0.1)

    def use(self, stand_ins):
        """The agent is to reach each node through one of these, which have ports."""
        self.agent.kedged.kill()
        urls = [re.sub(r":\d+$", f":{f.port}", u) for u, f in zip(self.node.nodes, stand_ins)]
        self.agent.upstreams = self.agent.given = self.as_upstreams(urls)
        self.agent.write_config()
        self.agent.kedged.start()
        self.answer("whatever it is", lambda r: True)

    def as_upstreams(self, urls):
        return urls

    def processes(self):
        return self.agent.kedged, self.agent.fetch

    def descriptors(self):
        return sum(len(os.listdir(f"/proc/{p.p.pid}/fd")) for p in self.processes())

    def cpu_seconds(self):
        used = 0
        for p in self.processes():
            with open(f"/proc/{p.p.pid}/stat") as f:
                used += sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13])
        return used / os.sysconf("SC_CLK_TCK")

    def time(self):
        """What the agent says of the time."""
        result, reason, body = self.agent.query(TIME)
        u = struct.unpack_from("=7QBB", body)
        return {"result": result, "reason": reason, "lower": u[0], "upper": u[1], "floor": u[4], "wall": u[5],
                "stale": u[8]}


class Diode(World):
    CALLED, BESIDE = "diode", 0.1

    def start_node(self, folder, nodes):
        return Devnode(folder, env=self.of_chain.env, blocks=300, nodes=nodes)

    def begin(self):
        self.node.mine(12)

    def pass_time(self, seconds):
        self.of_chain.sleep(seconds)


class DiodeOfMonths(Diode):
    MAX_AGE = "3d"


class Ether(World):
    """Each slot is an epoch, so that a block is final soon. The newest is an hour behind the chain's clock, which is what
    a test may mine."""

    AGENT, CALLED = EthAgent, "ethereum"
    SLOT = 12

    def start_node(self, folder, nodes):
        return Ethnode(folder, env=self.of_chain.env, seconds_per_slot=self.SLOT, slots_per_epoch=1,
                       epochs_per_period=1024, slots=3000, lag=HOUR, nodes=nodes)

    def begin(self):
        self.node.mine(6)

    def as_upstreams(self, urls):
        return [f"{kind}+{u}" for u in urls for kind in ("beacon", "execution")]

    def pass_time(self, seconds):
        self.of_chain.sleep(seconds)
        for _ in range(int(seconds // DAY)):
            self.node.mine(DAY // self.SLOT)
        rest = int(seconds % DAY) // self.SLOT
        if rest:
            self.node.mine(rest)


class EtherOfMonths(Ether):
    """Slots of a minute. More than two weeks would need an operator's word here, and many slots."""

    SLOT, MAX_AGE, LONG = 60, "3d", 12 * DAY


WORLDS = {w.CALLED: w for w in (Diode, Ether)}
OF_MONTHS = {w.CALLED: w for w in (DiodeOfMonths, EtherOfMonths)}
