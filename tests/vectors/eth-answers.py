#!/usr/bin/env python3
"""Both forms of what Ethereum's servers answer, out of the public vector set, for eth-answers. SSZ is read here by tables
of its own (consensus specifications), so that JSON and SSZ of real objects are at hand where the set has SSZ alone.
usage: eth-answers.py EXE SET_FOLDER     runs EXE on all of the set
       eth-answers.py --own SET_FOLDER   writes the selection that lies in the tree"""

import glob
import json
import os
import struct
import subprocess
import sys
import tempfile

U64, U256 = ("uint", 8), ("uint", 32)


def raw(n):
    return ("raw", n)


def vector(of, n):
    return ("vector", of, n)


BEACON = [("slot", U64), ("proposer_index", U64), ("parent_root", raw(32)), ("state_root", raw(32)), ("body_root", raw(32))]
CAPELLA = [("parent_hash", raw(32)), ("fee_recipient", raw(20)), ("state_root", raw(32)), ("receipts_root", raw(32)), ("logs_bloom", raw(256)),
           ("prev_randao", raw(32)), ("block_number", U64), ("gas_limit", U64), ("gas_used", U64), ("timestamp", U64), ("extra_data", ("list",)),
           ("base_fee_per_gas", U256), ("block_hash", raw(32)), ("transactions_root", raw(32)), ("withdrawals_root", raw(32))]
DENEB = CAPELLA + [("blob_gas_used", U64), ("excess_blob_gas", U64)]


def container(fields):
    return ("container", fields)


def header(fork):
    fields = [("beacon", container(BEACON))]
    if fork == "gloas":
        fields += [("execution_block_hash", raw(32)), ("execution_branch", vector(raw(32), 11))]
    elif fork not in ("altair", "bellatrix"):
        fields += [("execution", container(CAPELLA if fork == "capella" else DENEB)), ("execution_branch", vector(raw(32), 4))]
    return container(fields)


def shape(kind, fork, size):
    depth, finality = {"electra": (6, 7), "fulu": (6, 7), "gloas": (11, 9)}.get(fork, (5, 6))
    committee = container([("pubkeys", vector(raw(48), size)), ("aggregate_pubkey", raw(48))])
    aggregate = [("sync_aggregate", container([("sync_committee_bits", raw(size // 8)), ("sync_committee_signature", raw(96))])),
                 ("signature_slot", U64)]
    final = [("finalized_header", header(fork)), ("finality_branch", vector(raw(32), finality))]
    branch = vector(raw(32), depth)
    return container({
        "bootstrap": [("header", header(fork)), ("current_sync_committee", committee), ("current_sync_committee_branch", branch)],
        "update": [("attested_header", header(fork)), ("next_sync_committee", committee), ("next_sync_committee_branch", branch)] + final + aggregate,
        "finality": [("attested_header", header(fork))] + final + aggregate,
        "optimistic": [("attested_header", header(fork))] + aggregate}[kind])


def fixed(t):
    """The size of a type, or None if it varies."""
    if t[0] == "vector":
        return fixed(t[1]) * t[2]
    if t[0] == "container":
        sizes = [fixed(of) for _, of in t[1]]
        return None if None in sizes else sum(sizes)
    return None if t[0] == "list" else t[1]


def decode(t, data):
    if t[0] == "uint":
        assert len(data) == t[1]
        return str(int.from_bytes(data, "little"))
    if t[0] in ("raw", "list"):
        assert t[0] == "list" or len(data) == t[1]
        return "0x" + data.hex()
    if t[0] == "vector":
        n = fixed(t[1])
        assert len(data) == n * t[2]
        return [decode(t[1], data[i * n:i * n + n]) for i in range(t[2])]
    at, found, late = 0, {}, []
    for name, of in t[1]:
        n = fixed(of)
        if n is None:
            late.append((name, of, int.from_bytes(data[at:at + 4], "little")))
        found[name] = None if n is None else decode(of, data[at:at + n])
        at += n or 4
    ends = [start for _, _, start in late[1:]] + [len(data)]
    assert at == (late[0][2] if late else len(data))
    for (name, of, start), end in zip(late, ends):
        found[name] = decode(of, data[start:end])
    return found


def encode(t, value):
    if t[0] == "uint":
        return int(value).to_bytes(t[1], "little")
    if t[0] in ("raw", "list"):
        return bytes.fromhex(value[2:])
    if t[0] == "vector":
        return b"".join(encode(t[1], v) for v in value)
    parts = [(fixed(of) is None, encode(of, value[name])) for name, of in t[1]]
    at, head, tail = sum(4 if varies else len(part) for varies, part in parts), b"", b""
    for varies, part in parts:
        head += struct.pack("<I", at + len(tail)) if varies else part
        tail += part if varies else b""
    return head + tail


def plain(text):
    return bytes.fromhex(text[2:])


def load(folder, *path):
    with open(os.path.join(folder, *path), encoding="utf-8") as f:
        return json.load(f)


def from_ssz(kind, fork, ssz, size):
    return {"object": kind, "fork": fork, "data": decode(shape(kind, fork, size), plain(ssz)), "ssz": ssz}


def from_json(kind, fork, data, size):
    return {"object": kind, "fork": fork, "data": data, "ssz": "0x" + encode(shape(kind, fork, size), data).hex()}


def older(update):
    """The same update as an older fork had it."""
    data = json.loads(json.dumps(update["data"]))
    for name in ("attested_header", "finalized_header"):
        for field in ("blob_gas_used", "excess_blob_gas"):
            del data[name]["execution"][field]
    found = [from_json("update", "capella", data, 32)]
    data = json.loads(json.dumps(data))
    for name in ("attested_header", "finalized_header"):
        data[name] = {"beacon": data[name]["beacon"]}
    return found + [from_json("update", fork, data, 32) for fork in ("altair", "bellatrix")]


def own(folder):
    """Made for this project."""
    net = load(folder, "devnet", "minimal-fulu-devnet-a.json")
    gloas = load(folder, "lightclient", "minimal-gloas-synthetic.json")
    objects = [{"object": "bootstrap", "fork": "fulu", "data": net["bootstrap"]["data"], "ssz": net["bootstrap_ssz"]}]
    chunks, at = plain(net["updates_ssz"]), 0
    for update in net["updates"]:
        n = int.from_bytes(chunks[at:at + 8], "little")
        objects.append({"object": "update", "fork": "fulu", "data": update["data"], "ssz": "0x" + chunks[at + 12:at + 8 + n].hex()})
        at += 8 + n
    assert at == len(chunks)
    for kind in ("finality", "optimistic"):
        objects.append(from_json(kind, "fulu", net[kind + "_update"]["data"], 32))
    for kind, name in (("bootstrap", "bootstrap"), ("update", "update"), ("finality", "finality_update"), ("optimistic", "optimistic_update")):
        objects.append({"object": kind, "fork": "gloas", "data": gloas[name]["json"], "ssz": gloas[name]["ssz"]})
    proofs = [net["ens"]["registry_proof"], net["ens"]["resolver_proof"], net["layout"]["proof"], net["absent_account"], net["eoa"]]
    return {"objects": objects, "proofs": proofs}


def all_of(folder):
    found = own(folder)
    found["headers"] = []
    objects = found["objects"]
    for fork in ("deneb", "electra"):
        scenario = load(folder, "lightclient", f"spec-minimal-{fork}-light_client_sync.json")
        objects.append(from_ssz("bootstrap", scenario["bootstrap"]["fork"], scenario["bootstrap"]["ssz"], 32))
        for step in scenario["steps"]:
            if step["op"] == "process_update":
                objects.append(from_ssz("update", step["fork"], step["ssz"], 32))
    objects += older(next(o for o in objects if o["fork"] == "deneb" and o["object"] == "update"))
    for path in sorted(glob.glob(os.path.join(folder, "lightclient", "mainnet-*.json"))):
        chain = load(folder, path)
        objects = [("bootstrap", chain["bootstrap"])] + [("update", u) for u in chain["updates"]]
        objects += [("finality", chain[k]) for k in ("finality_update",) if k in chain] + [("optimistic", u) for u in chain.get("optimistic_updates", [])]
        found["objects"] += [from_ssz(kind, o["fork"], o["ssz"], 512) for kind, o in objects if "ssz" in o]
    for path in sorted(glob.glob(os.path.join(folder, "execution", "mainnet-*.json"))):
        block = load(folder, path)
        if "optimistic_update_ssz" in block:  # in both forms, of others' making
            found["objects"].append({"object": "optimistic", "fork": block["fork"], "data": block["optimistic_update"], "ssz": block["optimistic_update_ssz"]})
        if "el_header" in block:
            found["headers"].append({"block": block["el_header"], "rlp": block["el_header_rlp"]})
        elif "header" in block:
            found["headers"].append({"block": block["header"], "rlp": block["rlp"]})
        for proof in block.get("proofs", []):
            for key in ("result", "answer", "proof"):
                if isinstance(proof.get(key), dict) and "accountProof" in proof[key]:
                    found["proofs"].append(proof[key])
    return found


def main():
    folder = os.path.join(sys.argv[2], "")
    if not os.path.isdir(folder):
        print(f"skipped: {folder} is not there.")
        print("Get the project's public vector set and name its folder: meson configure -Dvectors=FOLDER (the one that holds diode/ and ethereum/).")
        return 77
    if sys.argv[1] == "--own":
        net = own(folder)
        net["objects"] = [o for i, o in enumerate(net["objects"]) if o["object"] != "update" or i % 5 == 1 or o["fork"] == "gloas"]
        json.dump(net, sys.stdout, separators=(",", ":"))
        return 0
    with tempfile.NamedTemporaryFile("w", prefix="kedge-answers.", suffix=".json") as f:
        json.dump(all_of(folder), f)
        f.flush()
        return subprocess.run([sys.argv[1], f.name], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
