"""Serves what was recorded of Ethereum over HTTP, as a beacon node and an execution client would: the files of the
public vectors (ethereum/lightclient, ethereum/execution, ethereum/devnet). It makes up nothing: a finality or optimistic
update is the newest update's own parts, and what was not recorded is answered as a server that lacks it answers.

    eth_replay.py VECTORS [--port N] LIGHTCLIENT.json [EXECUTION.json...]
"""
import argparse
import http.server
import json
import os
import re
import sys
import threading
from urllib.parse import parse_qs, urlsplit


def unhex(text):
    return bytes.fromhex(text[2:])


def hexed(data):
    return "0x" + data.hex()


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


class Update:
    """An update in SSZ and its parts, cut at the offsets. The lengths of the branches follow from where they end:
    the fixed part has two offsets, the committee, both branches, the aggregate and the slot."""

    def __init__(self, period, fork, digest, ssz, committee):
        self.period, self.fork, self.digest, self.ssz = period, fork, digest, ssz
        attested_at = int.from_bytes(ssz[:4], "little")
        aggregate = committee // 8 + 96
        nodes = (attested_at - 8 - (committee + 1) * 48 - aggregate - 8) // 32
        finality_nodes = (nodes + 1) // 2  # one deeper than the committee's
        finalized_ref = 4 + (committee + 1) * 48 + 32 * (nodes - finality_nodes)
        finalized_at = int.from_bytes(ssz[finalized_ref:finalized_ref + 4], "little")
        self.attested, self.finalized = ssz[attested_at:finalized_at], ssz[finalized_at:]
        self.finality_branch = ssz[finalized_ref + 4:finalized_ref + 4 + 32 * finality_nodes]
        self.aggregate = ssz[attested_at - 8 - aggregate:attested_at - 8]
        self.slot = ssz[attested_at - 8:attested_at]

    def finality(self):
        fixed = 8 + len(self.finality_branch) + len(self.aggregate) + 8
        return (fixed.to_bytes(4, "little") + (fixed + len(self.attested)).to_bytes(4, "little") + self.finality_branch +
                self.aggregate + self.slot + self.attested + self.finalized)

    def optimistic(self):
        fixed = 4 + len(self.aggregate) + 8
        return fixed.to_bytes(4, "little") + self.aggregate + self.slot + self.attested


class Recording:
    """What one server has. `until` is the last period of which it has an update."""

    def __init__(self, vectors, lightclient, execution=(), until=None):
        self.vectors = vectors
        r = load(os.path.join(vectors, "ethereum", lightclient))
        network = load(os.path.join(vectors, "ethereum/networks.json"))["networks"]["mainnet"]
        self.network, self.chain_id = network, network["execution_chain_id"]
        self.root = r["trusted_block_root"]
        self.bootstrap = r["bootstrap"]["fork"], unhex(r["bootstrap"]["ssz"])
        self.updates = [Update(u["period"], u["fork"], unhex(u["fork_digest"]), unhex(u["ssz"]), 512)
                        for u in r["updates"] if until is None or u["period"] <= until]
        self.finality = r.get("finality_update")
        self.optimistic = (r.get("optimistic_updates") or [None])[-1]
        self.blocks = {}
        for name in execution:
            e = load(os.path.join(vectors, "ethereum", name))
            block = e["expect"]["block_hash"]
            self.blocks[block] = {**e["el_header"], "hash": block}, [p["result"] for p in e.get("proofs", [])]
            self.optimistic = {"fork": e["fork"], "ssz": e["optimistic_update_ssz"]}

    def newest(self, kind):
        recorded = self.finality if kind == "finality" else self.optimistic
        if recorded:
            return recorded["fork"], unhex(recorded["ssz"])
        u = self.updates[-1]
        return u.fork, u.finality() if kind == "finality" else u.optimistic()

    def block(self, tag):
        """A block by hash, number, or an object that holds one."""
        if isinstance(tag, dict):
            tag = tag.get("blockHash") or tag.get("blockNumber")
        for block_hash, found in self.blocks.items():
            if tag in (block_hash, found[0]["number"], "latest"):
                return found
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, kind="application/json", fork=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if fork:
            self.send_header("Eth-Consensus-Version", fork)
        self.end_headers()
        self.wfile.write(body)

    def say(self, value, status=200):
        self.send(status, json.dumps(value).encode())

    def refuse(self, status, message):
        self.say({"code": status, "message": message}, status)

    def ssz(self, body, fork=None):
        if "application/octet-stream" not in self.headers.get("Accept", ""):
            self.refuse(406, "recorded in SSZ alone")
        else:
            self.send(200, body, "application/octet-stream", fork)

    def do_GET(self):
        url = urlsplit(self.path)
        self.server.note("GET " + url.path)
        for pattern, answer in ROUTES:
            m = re.fullmatch("/eth/v1/" + pattern, url.path)
            if m:
                answer(self, self.server.recording, m, parse_qs(url.query))
                return
        self.refuse(404, "no such route")

    def get_bootstrap(self, rec, m, _):
        if m.group(1) != rec.root:
            self.refuse(404, "no bootstrap of this block")
        else:
            self.ssz(rec.bootstrap[1], rec.bootstrap[0])

    def get_updates(self, rec, _, query):
        first, count = int(query["start_period"][0]), int(query["count"][0])
        found = [u for u in rec.updates if first <= u.period < first + count]
        self.ssz(b"".join((len(u.ssz) + 4).to_bytes(8, "little") + u.digest + u.ssz for u in found))

    def get_newest(self, rec, m, _):
        fork, ssz = rec.newest(m.group(1))
        self.ssz(ssz, fork)

    def get_genesis(self, rec, *_):
        n = rec.network
        self.say({"data": {"genesis_time": str(n["genesis_time"]), "genesis_validators_root": n["genesis_validators_root"],
                           "genesis_fork_version": n["forks"][0]["version"]}})

    def get_schedule(self, rec, *_):
        forks = [f for f in rec.network["forks"] if isinstance(f["epoch"], int)]
        before = [forks[0], *forks]
        self.say({"data": [{"previous_version": b["version"], "current_version": f["version"], "epoch": str(f["epoch"])}
                           for b, f in zip(before, forks)]})

    def get_finalized(self, rec, *_):
        ssz = rec.bootstrap[1]
        slot = int.from_bytes(ssz[int.from_bytes(ssz[:4], "little"):][:8], "little")
        self.say({"finalized": True, "data": {"root": rec.root, "canonical": True,
                                              "header": {"message": {"slot": str(slot)}, "signature": "0x"}}})

    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.note("POST " + ask["method"])
        answer = {"jsonrpc": "2.0", "id": ask["id"]}
        call = CALLS.get(ask["method"])
        if not call:
            self.say({**answer, "error": {"code": -32601, "message": "the method does not exist"}})
            return
        try:
            self.say({**answer, "result": call(self, self.server.recording, *ask["params"])})
        except KeyError as e:
            self.say({**answer, "error": {"code": -32000, "message": e.args[0]}})

    def call_chain_id(self, rec):
        return hex(rec.chain_id)

    def call_block(self, rec, tag, _):
        found = rec.block(tag)
        return found and found[0]

    def call_number(self, rec):
        return max((b[0]["number"] for b in rec.blocks.values()), key=lambda n: int(n, 16), default="0x0")

    def call_proof(self, rec, address, slots, tag):
        found = rec.block(tag)
        if not found:
            raise KeyError("header not found")
        for proof in found[1]:
            have = {int(s["key"], 16): s for s in proof["storageProof"]}
            if proof["address"].lower() == address.lower() and all(int(s, 16) in have for s in slots):
                return {**proof, "storageProof": [have[int(s, 16)] for s in slots]}
        raise KeyError("missing trie node")


ROUTES = [
    (r"beacon/light_client/bootstrap/(0x[0-9a-f]{64})", Handler.get_bootstrap),
    (r"beacon/light_client/updates", Handler.get_updates),
    (r"beacon/light_client/(finality|optimistic)_update", Handler.get_newest),
    (r"beacon/genesis", Handler.get_genesis),
    (r"config/fork_schedule", Handler.get_schedule),
    (r"beacon/headers/finalized", Handler.get_finalized),
]
CALLS = {"eth_chainId": Handler.call_chain_id, "eth_getBlockByHash": Handler.call_block, "eth_getBlockByNumber": Handler.call_block,
         "eth_blockNumber": Handler.call_number, "eth_getProof": Handler.call_proof}


class Server(http.server.ThreadingHTTPServer):
    """Runs beside the test; `asked` counts requests, and `recording` may be replaced while it runs."""
    daemon_threads = True

    def __init__(self, recording, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.recording, self.asked, self.lock = recording, {}, threading.Lock()
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def note(self, what):
        with self.lock:
            self.asked[what] = self.asked.get(what, 0) + 1


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("vectors")
    p.add_argument("lightclient")
    p.add_argument("execution", nargs="*")
    p.add_argument("--port", type=int, default=0)
    a = p.parse_args()
    s = Server(Recording(a.vectors, a.lightclient, a.execution), a.port)
    print(f"http://127.0.0.1:{s.port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
