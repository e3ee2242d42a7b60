#!/usr/bin/env python3
"""The real kedged follows what Ethereum's main network recorded of itself: periods of Capella, Deneb, and the change to
Electra, served by eth_replay.py. Data of years ago is too old for a kedged of today, so most tests run it as of then."""
import json
import os
import re
import sys

from eth_replay import Recording, Server
from harness import BUILD, Agent, Process, Skip, program, run, wait

VECTORS = os.environ.get("KEDGE_VECTORS", "../shared/vectors")
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
GENESIS, SLOT_S = 1606824023, 12
CAPELLA, DENEB, ELECTRA = (f"lightclient/mainnet-{n}.json" for n in ("capella-800-821", "deneb-1379-1392", "deneb-to-electra-1421-1422"))
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
BALANCES = 9  # the slot of USDC's mapping(address => uint256)
HOLDER = "0x" + "37305b1cd40574e4c5ce33f8e8306be057fd7341".rjust(64, "0")


def time_of(slot):
    return GENESIS + slot * SLOT_S


class Mainnet(Agent):
    """kedged on recorded servers. built: the day of its build, as seconds since 1970, or None for the real one."""
    CHAIN = "mainnet"

    def __init__(self, folder, servers, built=None, wall=None, **chain):
        self.folder, self.servers = folder, servers
        self.home = os.path.join(folder.path, "agent")
        self.run, self.state = self.home + "/run", self.home + "/state"
        os.makedirs(self.run, mode=0o755)
        os.makedirs(self.state, mode=0o755)
        self.conf, self.id = self.home + "/kedged.conf", 0
        self.chain = {"Checkpoint": servers[0].recording.root, "Poll": "100ms", "RequestTimeout": "2s", "RestTime": "300ms", **chain}
        self.write_config()
        env = {"KEDGE_TEST_BUILD_DATE": str(built or 0), "KEDGE_TEST_WALL": str(wall or 0)}
        path = "tests/integration/kedged-then" if built else "agent/kedged/kedged"
        self.kedged = Process(folder, "kedged", [program(path), "--config=" + self.conf], env=env)
        self.fetch = Process(folder, "fetch", [program("agent/fetch/kedge-fetch"), f"--socket={self.run}/fetch.sock"])

    def write_config(self):
        upstreams = [f"{kind}+http://127.0.0.1:{s.port}" for s in self.servers for kind in ("beacon", "execution")]
        lines = ["[Agent]", "StateDirectory=" + self.state, "RuntimeDirectory=" + self.run, "Bus=no",
                 "NetworksDirectory=" + os.path.join(SOURCE, "packaging/networks.d"), "[Chain mainnet]",
                 *[f"{k}={v}" for k, v in self.chain.items()], *["Upstream=" + u for u in upstreams],
                 "[Zone usdc.fleet]", "Chain=mainnet", "Contract=" + USDC, "Slot=0"]
        with open(self.conf, "w") as f:
            f.write("\n".join(lines) + "\n")

    def ctl(self):
        """What kedgectl status says: (exit status, its first chain)."""
        code, out, _ = self.kedgectl("--json", "status")
        try:
            return code, json.loads(out)["chains"][0]
        except (ValueError, KeyError):
            return code, None

    def wait_ctl(self, what, check, timeout=60):
        def looked():
            code, chain = self.ctl()
            return chain and check(code, chain) and (code, chain)
        return wait(lambda: f"{what}; status is {self.ctl()}", looked, timeout)

    def wait_final(self, slot):
        """The finalized header is that of slot: its time says so."""
        return self.wait_ctl(f"slot {slot} to be final", lambda _, c: c["finalized"] and c["finalized"]["timestamp"] == time_of(slot))


def serve(lightclient, *execution, until=None):
    if not os.path.exists(os.path.join(VECTORS, "ethereum", lightclient)):
        raise Skip(f"no public vectors in {VECTORS}")
    return Server(Recording(VECTORS, lightclient, execution, until))


def bootstraps(server):
    return sum(n for what, n in server.asked.items() if "/bootstrap/" in what)


def test_a_checkpoint_of_years_ago_is_refused_today(folder):
    server = serve(DENEB)
    agent = Mainnet(folder, [server])
    code, chain = agent.wait_ctl("the refusal", lambda code, c: code == 3)
    text = json.dumps(chain)
    assert chain["state"] == "stuck" and "checkpoint accept mainnet " + server.recording.root in text, text
    assert chain["finalized"] is None or chain["finalized"]["timestamp"] == time_of(11296800), text
    result, _, _ = agent.query(2, contract=bytes.fromhex(USDC[2:]), slot=BALANCES, key=bytes.fromhex(HOLDER[2:]))
    assert result != "ok", result

    # The operator takes it: fourteen periods pass by, and what is at their end is said to be old, too.
    agent.chain["AcceptOld"] = server.recording.root
    agent.write_config()
    agent.restart()
    agent.wait_final(11403328)


def test_ten_days_away(folder):
    """Nine periods in one go, within the limit; then a kill, and no need of the bootstrap again."""
    server = serve(DENEB, until=1388)
    agent = Mainnet(folder, [server], built=time_of(11296800))
    agent.wait_final(11370528)
    code, chain = agent.wait_ctl("following", lambda _, c: c["state"] == "following")
    assert code == 0 and chain["head"]["timestamp"] == time_of(11370623), chain
    assert bootstraps(server) == 1, server.asked
    server.recording = Recording(VECTORS, DENEB)
    agent.restart()
    agent.wait_final(11403328)
    assert bootstraps(server) == 1, server.asked


def test_three_weeks_away(folder):
    """Twenty-one periods of Capella, and what was final two days after them: over the limit of two weeks."""
    server = serve(CAPELLA)
    agent = Mainnet(folder, [server], built=time_of(6553600))
    code, chain = agent.wait_ctl("the refusal", lambda code, c: code == 3)
    told = re.search(r"checkpoint accept mainnet (0x[0-9a-f]{64})", json.dumps(chain))
    assert chain["state"] == "stuck" and told, chain
    final = chain["finalized"]["timestamp"]
    assert time_of(6553600) <= final <= time_of(6553600) + 14 * 86400, chain

    # The command that it names, which takes what it stands on.
    agent.chain["AcceptOld"] = told.group(1)
    agent.write_config()
    agent.restart()
    agent.wait_final(6730752)


def test_a_lying_server_is_left(folder):
    """One bit of each update is wrong: that server is blamed, and nothing moves until another one has them."""
    liar, honest = serve(DENEB, until=1383), serve(DENEB, until=1379)
    for u in liar.recording.updates:
        u.ssz = u.ssz[:2000] + bytes([u.ssz[2000] ^ 1]) + u.ssz[2001:]
    agent = Mainnet(folder, [liar, honest], built=time_of(11296800))

    def of(server):
        shown = [agent.upstream(i) for i in range(4)]
        return next(u for u in shown if u["url"] == f"beacon+http://127.0.0.1:{server.port}")
    agent.wait_ctl("the lie to be seen", lambda *_: of(liar)["lies"] > 0)
    agent.wait_final(11296800)
    honest.recording = Recording(VECTORS, DENEB, until=1383)
    agent.wait_final(11329536)
    assert of(honest)["lies"] == 0, of(honest)


def test_electra_begins_and_a_real_contract_is_read(folder):
    """From Deneb into Electra. The storage was recorded at a head alone, so the operator allows updates without finality: then
    the block of 2025-05-07 15:30:47 is as final as it gets, and the dollars of one holder are proven there."""
    server = serve(ELECTRA, "execution/mainnet-electra-usdc-22432262.json", until=1421)
    agent = Mainnet(folder, [server], built=time_of(11640864), wall=time_of(11650260), ForcedUpdates="yes")
    agent.wait_ctl("the head", lambda _, c: c["head"] and c["head"]["number"] == 22432262)
    agent.wait_ctl("a forced update", lambda _, c: c["finalized"]["number"] == 22432262)
    ask = ("--json", "lookup", USDC, str(BALANCES), HOLDER)
    code, out, err = wait(lambda: f"the balance; {agent.kedgectl(*ask)}", lambda: (r := agent.kedgectl(*ask))[0] == 0 and r, 30)
    answer = json.loads(out)
    assert int(answer["value"], 16) == 0xc35a80ffaf35c and answer["block"]["number"] == 22432262, answer

    # Without a proof there is no answer, whatever the server says.
    code, out, err = agent.kedgectl("lookup", USDC, str(BALANCES), "0x" + "11".rjust(64, "0"))
    assert code == 4, (code, out, err)


if __name__ == "__main__":
    if not os.path.isdir(BUILD):
        sys.exit(f"no build folder {BUILD}")
    sys.exit(run([test_a_checkpoint_of_years_ago_is_refused_today, test_ten_days_away, test_three_weeks_away, test_a_lying_server_is_left,
                  test_electra_begins_and_a_real_contract_is_read]))
