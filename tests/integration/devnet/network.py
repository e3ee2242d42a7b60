"""A real local Ethereum network: an execution client, and beacon.mjs on it. Slots are made when asked for."""
import json
import os
import socket
import subprocess
import time
import urllib.request

from harness import Process, wait

CHAIN_ID = 3151908
SLOT_SECONDS = 2
SLOTS_PER_EPOCH = 8
KEY = "01" * 32  # genesis.json gives this account its money
PAST_SLOTS = 450  # how many slots may be made at once, before the present


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Network:
    def __init__(self, folder, node, packages, fork="fulu", **later):
        self.folder, self.node, self.packages, self.later = folder, node, packages, later
        self.genesis_time = int(time.time()) - PAST_SLOTS * SLOT_SECONDS
        self.home = os.path.join(folder.path, "network")
        os.makedirs(self.home)
        self.jwt = os.path.join(self.home, "jwt.hex")
        with open(self.jwt, "w") as f:
            f.write(os.urandom(32).hex())
        self.rpc = f"http://127.0.0.1:{self.start_execution(later.get('electra', 0))}"
        self.port = free_port()
        self.beacon = f"http://127.0.0.1:{self.port}"
        argv = [node, "network.mjs", "--jwt=" + self.jwt, f"--engine=http://127.0.0.1:{self.engine}", "--rpc=" + self.rpc,
                f"--port={self.port}", f"--genesisTime={self.genesis_time}", f"--slotSeconds={SLOT_SECONDS}", "--fork=" + fork,
                *[f"--{k}={v}" for k, v in later.items()]]
        self.chain = Process(folder, "beacon", ["env", "-C", packages, *argv], env={"LODESTAR_PRESET": "minimal"})
        self.chain.wait_log("ready", 60)

    def start_execution(self, electra):
        with open(os.path.join(self.packages, "genesis.json")) as f:
            genesis = json.load(f)
        genesis["config"]["pragueTime"] = self.genesis_time + electra * SLOTS_PER_EPOCH * SLOT_SECONDS if electra else 0
        own = os.path.join(self.home, "genesis.json")
        with open(own, "w") as f:
            json.dump(genesis, f)
        rpc, self.engine = free_port(), free_port()
        cli = os.path.join(self.packages, "node_modules/@ethereumjs/client/dist/esm/bin/cli.js")
        self.execution = Process(self.folder, "execution", [
            "env", "-C", self.home, self.node, cli, "--gethGenesis", own, "--dataDir", self.home + "/data", "--rpc", "--rpcAddr", "127.0.0.1", "--rpcPort", str(rpc),
            "--rpcEngine", "--rpcEngineAddr", "127.0.0.1", "--rpcEnginePort", str(self.engine), "--jwtSecret", self.jwt,
            "--discDns=false", "--discV4=false", "--extIP", "127.0.0.1", "--port", str(free_port()), "--maxPeers", "0", "--sync", "none",
            "--saveReceipts", "--isSingleNode", "--logFile", "false"])
        self.execution.wait_log("Client started successfully", 60)
        return rpc

    def http(self, path, post=False):
        request = urllib.request.Request(self.beacon + path, data=b"" if post else None)
        with urllib.request.urlopen(request, timeout=120) as r:
            return json.load(r)

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.rpc, data=body, headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as r:
            answer = json.load(r)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def slots(self, n):
        """Makes n slots now: (head's slot, finalized slot)."""
        told = self.http(f"/slots/{n}", post=True)
        return told["slot"], told["finalized"]["slot"]

    def finalize(self):
        """Slots until what is in the head now is final."""
        head, final = self.slots(0)
        goal = head
        while final < goal:
            before = head
            head, final = self.slots(SLOTS_PER_EPOCH)
            assert head > before, "the network has caught up with the clock"
        return final

    def live(self):
        return self.http("/live", post=True)

    def told(self):
        return self.http("/told")

    def send(self, transaction):
        """Signs, sends, and makes the slot that has it: the receipt."""
        r = subprocess.run([self.node, "send.mjs", "--rpc=" + self.rpc, f"--chainId={CHAIN_ID}", "--key=" + KEY], cwd=self.packages,
                           input=json.dumps(transaction), capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r.stderr
        tx = r.stdout.strip()
        self.slots(1)
        receipt = wait("the transaction in a block", lambda: self.call("eth_getTransactionReceipt", tx) or self.slots(1) and None)
        assert receipt["status"] == "0x1", f"the contract refused: {receipt}"
        return receipt

    def write_network(self, path):
        """The network as kedged reads it: kedge-networks(5)."""
        genesis = self.http("/eth/v1/beacon/genesis")["data"]
        forks = self.http("/eth/v1/config/fork_schedule")["data"][1:]
        names = ["altair", "bellatrix", "capella", "deneb", "electra", "fulu"]
        lines = ["[Network]", f"ChainId={CHAIN_ID}", "GenesisTime=" + genesis["genesis_time"],
                 "GenesisValidatorsRoot=" + genesis["genesis_validators_root"], f"SecondsPerSlot={SLOT_SECONDS}",
                 f"SlotsPerEpoch={SLOTS_PER_EPOCH}", "EpochsPerPeriod=8", "CommitteeSize=32",
                 "GenesisVersion=" + genesis["genesis_fork_version"],
                 *[f"Fork={n} {f['current_version']} {f['epoch']}" for n, f in zip(names, forks)],
                 f"Upstream=beacon+{self.beacon}", f"Upstream=execution+{self.rpc}"]
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")

