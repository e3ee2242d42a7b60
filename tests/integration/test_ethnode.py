#!/usr/bin/env python3
"""The test node of Ethereum: what it speaks has the shapes and sizes of what a real network was recorded to say,
and each fault is the fault that it says."""
import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request

from harness import Ethnode, Skip, run, wait

LIGHT = "/eth/v1/beacon/light_client/"
VECTORS = os.environ.get("KEDGE_VECTORS", "")
EXTRA = len("made for tests")
NOT_OURS = {"removed", "size"}  # members that no client needs


def start(folder, **options):
    return Ethnode(folder, **options)


def get(en, path, accept="application/json", node=0):
    """(status, headers, body)"""
    r = urllib.request.Request(en.nodes[node] + path, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(r, timeout=5) as a:
            return a.status, a.headers, a.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def rpc(en, method, *params, node=0):
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
    r = urllib.request.Request(en.nodes[node], data=json.dumps(body).encode(),
                               headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(r, timeout=5) as a:
        answer = json.load(a)
    assert answer["id"] == 7 and answer["jsonrpc"] == "2.0", answer
    return answer


def recorded():
    path = os.path.join(VECTORS, "ethereum/devnet/minimal-fulu-devnet-a.json")
    if not os.path.exists(path):
        raise Skip("no folder of recorded vectors")
    with open(path) as f:
        return json.load(f)


def shape(x, where=""):
    """Names, kinds and sizes; what varies in length by its nature has none."""
    if isinstance(x, dict):
        return {k: shape(v, k) for k, v in x.items() if k not in NOT_OURS}
    if isinstance(x, list):
        return [shape(x[0], where)] if x else []
    if isinstance(x, str) and re.fullmatch(r"0x[0-9a-f]*", x):
        return "bytes" if where in ("extra_data", "extraData") else \
            f"{len(x) // 2 - 1} bytes" if len(x) >= 18 or where == "nonce" else "number"
    if isinstance(x, str) and re.fullmatch(r"[0-9]+", x):
        return "decimal"
    return type(x).__name__ if not isinstance(x, str) else "text"


def same(ours, theirs, where=""):
    assert type(ours) is type(theirs), (where, ours, theirs)
    if isinstance(ours, dict):
        assert set(ours) == set(theirs), (where, set(ours) ^ set(theirs))
        for k in ours:
            same(ours[k], theirs[k], where + "/" + k)
    elif isinstance(ours, list):
        for a, b in zip(ours, theirs):
            same(a, b, where + "[]")
    else:
        assert ours == theirs, (where, ours, theirs)


def test_json_has_the_shapes_of_a_real_network(folder):
    real, en = recorded(), start(folder)
    updates = json.loads(get(en, LIGHT + "updates?start_period=4&count=1")[2])
    for path, theirs in (("bootstrap/" + en.info["CHECKPOINT"], real["bootstrap"]),
                         ("finality_update", real["finality_update"]),
                         ("optimistic_update", real["optimistic_update"])):
        ours = json.loads(get(en, LIGHT + path)[2])
        same(shape(ours), shape(theirs), path)
    same(shape(updates[0]), shape(real["updates"][0]), "update")
    for name in ("finality_branch", "next_sync_committee_branch"):
        assert len(updates[0]["data"][name]) == len(real["updates"][0]["data"][name]), name


def test_ssz_has_the_sizes_of_a_real_network(folder):
    real, en = recorded(), start(folder)
    _, headers, body = get(en, LIGHT + "bootstrap/" + en.info["CHECKPOINT"], "application/octet-stream")
    assert headers["Eth-Consensus-Version"] == "fulu"
    assert len(body) == len(real["bootstrap_ssz"]) // 2 - 1 + EXTRA
    theirs = bytes.fromhex(real["updates_ssz"][2:])
    _, _, ours = get(en, LIGHT + "updates?start_period=4&count=1", "application/octet-stream")
    length = int.from_bytes(ours[:8], "little")
    assert length == len(ours) - 8 == int.from_bytes(theirs[:8], "little") + 2 * EXTRA
    first = int.from_bytes(ours[12:16], "little")
    assert first == int.from_bytes(theirs[12:16], "little"), "the first offset"


def test_rpc_has_the_shapes_of_a_real_client(folder):
    real, en = recorded(), start(folder)
    block = rpc(en, "eth_getBlockByNumber", "latest", False)["result"]
    theirs = real["tx_blocks"][0]["header"]
    assert set(theirs) - NOT_OURS <= set(block), set(theirs) - set(block)
    ours = shape({k: v for k, v in block.items() if k in theirs and isinstance(v, str)})
    same(ours, {k: v for k, v in shape(theirs).items() if k in ours}, "block")
    assert rpc(en, "eth_getBlockByHash", block["hash"], False)["result"] == block
    proof = rpc(en, "eth_getProof", en.info["CONTRACT"], ["0x0"], {"blockHash": block["hash"]})["result"]
    assert set(proof) == set(real["layout"]["proof"])
    assert set(proof["storageProof"][0]) == set(real["layout"]["proof"]["storageProof"][0])
    assert int(rpc(en, "eth_chainId")["result"], 16) == int(en.info["CHAIN_ID"])


def test_the_chain_goes_on(folder):
    en = start(folder)
    first = en.peak()
    en.set("server_ip", "10.1.2.3")
    assert en.mine(5)[0] == first[0] + 5 == en.peak()[0]
    assert en.final()[0] % 8 == 0 and 16 <= en.peak()[0] - en.final()[0] < 24
    got = json.loads(get(en, "/eth/v1/beacon/headers/finalized")[2])["data"]
    assert int(got["header"]["message"]["slot"]) == en.final()[0] and got["root"] == en.root(en.final()[0])
    assert get(en, LIGHT + "bootstrap/" + got["root"])[0] == 200
    assert get(en, LIGHT + "bootstrap/0x" + "11" * 32)[0] == 404


def test_it_goes_on_by_itself_and_never_ahead_of_the_clock(folder):
    en = start(folder, lag=4, interval=20)
    wait("four slots", lambda: en.peak()[0] >= 404, timeout=10)
    begun = time.monotonic()
    wait("two more", lambda: en.peak()[0] >= 407, timeout=10)
    assert time.monotonic() - begun > 1, "a slot takes a second"


def test_old_proofs_are_pruned(folder):
    en = start(folder, keep=10)
    n = en.peak()[0]
    assert "result" in rpc(en, "eth_getProof", en.info["CONTRACT"], [], hex(n - 9))
    assert "window" in rpc(en, "eth_getProof", en.info["CONTRACT"], [], hex(n - 10))["error"]["message"]
    assert "not found" in rpc(en, "eth_getProof", en.info["CONTRACT"], [], hex(n + 1))["error"]["message"]


def test_what_a_liar_tells_of_the_future_does_not_make_it(folder):
    def roots(name, fault):
        en = start(folder, name=name)
        en.fault(0, fault)
        attested = en.peak()[0]
        assert get(en, LIGHT + "finality_update")[0] == 200
        en.set("server_ip", "10.1.2.3")
        en.mine(12)
        return [rpc(en, "eth_getBlockByNumber", hex(n), False)["result"]["stateRoot"]
                for n in range(attested, attested + 12)]

    assert roots("honest", "none") == roots("lies", "finalized-newer")


def test_each_fault_is_one_node_s_own(folder):
    en = start(folder)
    honest = [get(en, LIGHT + "finality_update", "application/octet-stream", n)[2] for n in range(3)]
    assert honest[0] == honest[1] == honest[2]
    for i in range(40):
        en.set(f"h{i}.server_ip", f"10.1.2.{i}")
    en.mine(1)
    proof = rpc(en, "eth_getProof", en.info["CONTRACT"], ["0x1"], "latest")
    silent = {"conflict-again", "truncated", "endless", "silent", "garbage", "status", "none"}
    for fault in en.command("faults").split():
        en.fault(1, fault)
        if fault not in silent:
            bodies = [get(en, LIGHT + p, "application/octet-stream", 1)[::2] for p in
                      ("finality_update", "updates?start_period=4&count=1", "bootstrap/" + en.info["CHECKPOINT"])]
            bodies.append(get(en, "/eth/v1/beacon/genesis", node=1)[::2])
            bodies.append(get(en, "/eth/v1/config/fork_schedule", node=1)[::2])
            try:
                bodies.append(rpc(en, "eth_getProof", en.info["CONTRACT"], ["0x1"], "latest", node=1))
                bodies.append(rpc(en, "eth_getProof", en.info["CONTRACT"], ["0x1"], {"blockHash": "0x" + en.peak()[1].hex()},
                                  node=1))
                bodies.append(rpc(en, "eth_getProof", en.info["CONTRACT"], [], hex(en.peak()[0] - 1), node=1))
            except urllib.error.HTTPError as e:
                bodies.append(e.code)
            if fault in ("stale", "lag", "old-update"):
                en.mine(1)
                bodies.append(get(en, LIGHT + "optimistic_update", "application/octet-stream", 1)[2])
            en.fault(2, "none")
            honest = [get(en, LIGHT + p, "application/octet-stream", 2)[::2] for p in
                      ("finality_update", "updates?start_period=4&count=1", "bootstrap/" + en.info["CHECKPOINT"])]
            assert honest[0][0] == 200
            others = honest + [get(en, "/eth/v1/beacon/genesis", node=2)[::2],
                               get(en, "/eth/v1/config/fork_schedule", node=2)[::2],
                               rpc(en, "eth_getProof", en.info["CONTRACT"], ["0x1"], "latest", node=2),
                               rpc(en, "eth_getProof", en.info["CONTRACT"], ["0x1"],
                                   {"blockHash": "0x" + en.peak()[1].hex()}, node=2),
                               rpc(en, "eth_getProof", en.info["CONTRACT"], [], hex(en.peak()[0] - 1), node=2),
                               get(en, LIGHT + "optimistic_update", "application/octet-stream", 2)[2]]
            assert any(a != b for a, b in zip(bodies, others)), f"{fault} changes nothing"
        en.fault(1, "none")
    assert proof == rpc(en, "eth_getProof", en.info["CONTRACT"], ["0x1"], hex(401), node=1)


def test_bodies_that_end_early_or_never(folder):
    en = start(folder)
    en.fault(0, "truncated")
    try:
        get(en, LIGHT + "finality_update")
        raise AssertionError("the whole body came")
    except http.client.IncompleteRead:
        pass
    en.fault(0, "endless")
    with urllib.request.urlopen(en.nodes[0] + LIGHT + "finality_update", timeout=5) as a:
        assert len(a.read(1 << 20)) == 1 << 20
    for code in (404, 429, 501, 503):
        en.fault(0, "status", code)
        assert get(en, LIGHT + "finality_update")[0] == code
    en.fault(0, "silent")
    try:
        get(en, LIGHT + "finality_update")
        raise AssertionError("an answer came")
    except OSError:
        pass
    assert get(en, LIGHT + "finality_update", node=1)[0] == 200


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
