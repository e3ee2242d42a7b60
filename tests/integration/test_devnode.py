#!/usr/bin/env python3
"""The test node itself: honest answers verify in full, and each fault is the fault that it says.
A fault that were not wrong, or wrong in two ways, would make every test that uses it worthless."""
import socket
import sys

import edge
from edge import Edge, Refused, number, recover, keccak256, sha256, etf
from harness import Devnode, run, wait

PEAK = 300


def start(folder, **options):
    dn = Devnode(folder, blocks=PEAK, **options)
    dn.identity = edge.Identity(folder.path)
    return dn


def connect(dn, node=0, hello=1001, timeout=5):
    c = Edge(dn.nodes[node], dn.identity, timeout)
    assert c.peer() == c.node
    if hello:
        c.hello(hello)
    return c


def raises(kind, call, *args):
    try:
        got = call(*args)
    except kind as e:
        return str(e)
    raise AssertionError(f"no {kind}: {got}")


def linked(headers):
    return all(b["previous_block"] == a["hash"] and b["n"] == a["n"] + 1
               for a, b in zip(headers, headers[1:]))


def good(h):
    return h["miner_key"] == h["sent_key"] and h["hash"] == h["block_hash"]


def weight(c, at, headers):
    """What the distinct miners of headers hold of the 100 blocks ending at `at`."""
    table = [c.header(n)["sent_key"] for n in range(at - 99, at + 1)]
    return sum(table.count(k) for k in {h["sent_key"] for h in headers})


def test_honest_headers_link_and_are_signed(folder):
    dn = start(folder)
    c = connect(dn)
    hs = [c.header(n) for n in range(PEAK - 39, PEAK + 1)]
    assert linked(hs) and all(good(h) for h in hs)
    assert all(h["t"] - p["t"] == 15 for p, h in zip(hs, hs[1:]))
    n, h = dn.info["CHECKPOINT"].split(":")
    assert int(n) == PEAK - 120 and c.header(int(n))["hash"].hex() == h[2:]
    assert max(len(h["nonce"]) for h in hs) > 8
    raises(EOFError, c.header, 0)


def test_honest_values_are_proven(folder):
    dn = start(folder)
    c = connect(dn, 2)
    dn.set("server_ip", "10.1.2.3")
    n, _ = dn.mine()
    slot, state = edge.slot_of("server_ip"), lambda n: c.header(n)["state_hash"]
    assert c.value(n, dn.contract, slot, state(n)) == b"10.1.2.3".ljust(32, b"\0")
    assert c.value(n - 1, dn.contract, slot, state(n - 1)) is None
    assert c.value(n - 256, dn.contract, edge.slot_of("h7.server_ip"), state(n - 256)).startswith(b"10.0.0.7")
    dn.command("clear server_ip")
    n, _ = dn.mine()
    assert c.value(n, dn.contract, slot, state(n)) is None
    assert raises(Refused, c.ask, "getaccount", n, b"\x05" * 20) == "account does not exist"
    raises(EOFError, c.ask, "getstateroots", n + 1)


def test_the_same_seed_makes_the_same_chain(folder):
    a = Devnode(folder, "a", blocks=130, start_time=1600000000, seed=7)
    b = Devnode(folder, "b", blocks=130, start_time=1600000000, seed=7)
    c = Devnode(folder, "c", blocks=130, start_time=1600000000, seed=8)
    assert a.peak() == b.peak() != c.peak()
    assert a.mine(5) == b.mine(5)


def test_quick_runs_lead_from_the_checkpoint_to_the_tip(folder):
    dn = start(folder, rotate=40)
    c = connect(dn)
    at = PEAK - 120
    assert c.quick(at, 107)[-1] <= PEAK - 7
    numbers = c.quick(at)
    assert numbers == sorted(set(numbers)) and numbers[-1] == PEAK
    table = [c.header(n)["sent_key"] for n in range(at - 99, at + 1)]
    runs = [[numbers[0]]]
    for n in numbers[1:]:
        runs[-1].append(n) if n == runs[-1][-1] + 1 else runs.append([n])
    for r in runs:
        hs = [c.header(n) for n in r]
        moved = True
        while moved:
            seen, score, moved = set(), 0, False
            for i in range(len(hs) - 1, -1, -1):
                if hs[i]["sent_key"] not in seen:
                    seen.add(hs[i]["sent_key"])
                    score += table.count(hs[i]["sent_key"])
                if score > 50:
                    break
            if score > 50 and hs[i]["n"] > at and (i >= 99 or hs[0]["n"] <= at + 1):
                keys = [h["sent_key"] for h in hs[:i + 1] if h["n"] > at]
                table = (table + keys)[-100:] if hs[0]["n"] <= at + 1 else keys[-100:]
                at, moved = hs[i]["n"], True
    assert at >= PEAK - 12, at


def test_hello_and_limits(folder):
    dn = start(folder, hello=1000, past_peak="error", nodes=1)
    c = connect(dn, hello=0)
    assert raises(Refused, c.hello, 1001) == "version not supported"
    c.hello(1000)
    assert c.ask("ping") == [b"pong"] and not c.pushes
    assert raises(Refused, c.header, PEAK + 1) == "block not found"
    assert "bad input" in raises(Refused, c.ask, "nonsense")
    d = Devnode(folder, "b", blocks=120, nodes=1, ticket_deadline=300)
    e = Edge(d.nodes[0], dn.identity)
    e.hello()
    assert e.pushes[0][1][0] == b"ticket_request"
    raises(EOFError, e.frame)


def test_tickets(folder):
    dn = start(folder)
    c = connect(dn)
    h = c.header(PEAK - 5)
    fleet = dn.fleet
    assert raises(Refused, c.ticket, h["n"], sha256(b"x"), fleet, 1, 10**6) == "signature mismatch"
    assert raises(Refused, c.ticket, PEAK + 9, h["hash"], fleet, 1, 10**6) == "block number too high"
    answer, blob, sig = c.ticket(h["n"], h["hash"], fleet, 1, 10**6)
    assert answer == [b"thanks!", (10**6).to_bytes(3, "big")]
    again = c.ticket(h["n"], h["hash"], fleet, 1, 10**6)[0]
    assert again[0] == b"too_low" and again[1] == h["hash"] and again[5] == sig
    obj = c.ask("getobject", dn.identity.address)[0]
    assert edge.address(recover(obj[-1], keccak256(blob + sig))) == c.node
    assert c.ticket(h["n"], h["hash"], fleet, 2, 2 * 10**6)[0][0] == b"thanks!"
    assert c.ticket(h["n"], h["hash"], fleet, 2, 2 * 10**8)[0][0] == b"too_big_jump"
    dn.fault(0, "too-low-foreign")
    low = c.ticket(h["n"], h["hash"], fleet, 3, 3 * 10**6)[0]
    word = lambda n: n.to_bytes(32, "big")
    blob = (low[1] + fleet.rjust(32, b"\0") + c.node.rjust(32, b"\0") + word(number(low[2])) +
            word(number(low[3])) + sha256(low[4]))
    assert low[0] == b"too_low" and edge.address(recover(low[5], keccak256(blob))) == c.node


def test_an_old_ticket_is_too_old(folder):
    dn = start(folder, ticket_epoch=50)
    c = connect(dn)
    h = c.header(100)
    assert c.ticket(100, h["hash"], dn.fleet, 1, 10**6)[0] == [b"too_old", b"\x05"]


def test_faults_of_headers(folder):
    dn = start(folder)
    c = connect(dn)
    honest = c.header(PEAK)
    dn.fault(0, "forged-signature")
    h = c.header(PEAK)
    assert h["miner_key"] != h["sent_key"] and h["hash"] != honest["hash"]
    dn.fault(0, "recid-flipped")
    h = c.header(PEAK)
    assert h["miner_key"] != h["sent_key"] == honest["sent_key"]
    assert h["miner_signature"][1:] == honest["miner_signature"][1:]
    dn.fault(0, "anchor-hash", PEAK - 120)
    h, nxt = c.header(PEAK - 120), c.header(PEAK - 119)
    assert good(h) and nxt["previous_block"] != h["hash"] and good(nxt)
    dn.fault(0, "non-contiguous", 10)
    assert c.header(250)["n"] == 251 and c.header(251)["n"] == 251
    numbers = c.quick(180)
    assert any(b != a + 1 for a, b in zip(numbers, numbers[1:]))
    dn.fault(0, "inflate")
    numbers = c.quick(100)
    assert len(numbers) == 199 and numbers[-1] == 201 and numbers[0] == 102
    dn.fault(0, "other-pair-order")
    assert [k for k, _ in c.ask("getblockheader2", 9)[0]] != [k for k, _ in c.ask("getblockheader2", 9)[0]]
    dn.fault(0, "unknown-pair")
    assert "uncle_hash" in c.header(PEAK) and good(c.header(PEAK))
    dn.fault(0, "none")
    assert c.header(PEAK) == honest


def test_faults_of_the_peak(folder):
    dn = start(folder)
    c = connect(dn)
    dn.fault(0, "frozen")
    dn.mine(3)
    assert c.peak() == PEAK and connect(dn, 1).peak() == PEAK + 3
    dn.fault(0, "lag", 20)
    assert c.peak() == PEAK + 3 - 20
    dn.mine(2)
    assert c.peak() == PEAK + 5 - 20
    dn.fault(0, "stale-head", 30)
    assert c.peak() == PEAK + 5 - 30
    dn.mine(1)
    assert c.peak() == PEAK + 5 - 30
    dn.fault(0, "peak-3")
    assert c.peak() == 3
    dn.fault(0, "peak-huge")
    assert c.peak() == 2**64 - 1 and good(c.header(PEAK))


def test_faults_of_branches(folder):
    dn = start(folder)
    c, honest = connect(dn), connect(dn, 1)
    final, _ = dn.final()
    dn.fault(0, "fork")
    dn.mine(4)
    hs = [c.header(n) for n in range(final, c.peak() + 1)]
    assert linked(hs) and all(good(h) for h in hs) and c.peak() > PEAK + 4
    assert hs[0]["hash"] == honest.header(final)["hash"]
    assert hs[1]["hash"] != honest.header(final + 1)["hash"]
    assert 0 < weight(honest, final, hs[1:]) <= 50
    final, _ = dn.final()
    dn.fault(0, "fork-majority", 10)
    dn.mine(4)
    hs = [c.header(n) for n in range(final - 10, c.peak() + 1)]
    assert linked(hs) and all(good(h) for h in hs)
    assert hs[10]["hash"] != honest.header(final)["hash"]
    assert hs[0]["hash"] == honest.header(final - 10)["hash"]
    assert weight(honest, final - 10, hs[11:]) > 50


def test_faults_of_the_head(folder):
    dn = start(folder)
    dn.set("signature", bytes(range(32)))
    n, _ = dn.mine()
    c = connect(dn)
    slot = edge.slot_of("signature")
    for kind, least, most in (("stranger-head", 0, 0), ("single-miner-head", 1, 25)):
        dn.fault(0, kind)
        peak = c.peak()
        hs = [c.header(i) for i in range(n, peak + 1)]
        assert peak == n + 5 and linked(hs) and all(good(h) for h in hs)
        assert least <= weight(c, n, hs[1:]) <= most
        assert c.value(peak, dn.contract, slot, hs[-1]["state_hash"]) is None
        assert c.value(n, dn.contract, slot, hs[0]["state_hash"]) == bytes(range(32))
    dn.fault(0, "stranger-head", "signature=0x" + "77" * 32)
    assert c.value(n + 2, dn.contract, slot, c.header(n + 2)["state_hash"]) == b"\x77" * 32


def test_a_jump_by_the_clients_own_miners(folder):
    dn = start(folder)
    c = connect(dn)
    dn.fault(0, "gap-jump", 50000)
    numbers = c.quick(PEAK - 120)
    hs = [c.header(n) for n in numbers[-40:]]
    assert len(numbers) == 120 and numbers[0] == PEAK + 50000 and c.peak() == numbers[-1]
    assert linked(hs) and all(good(h) for h in hs)
    assert weight(c, PEAK - 120, hs) > 50


def test_a_miner_who_lies_about_the_time(folder):
    dn = start(folder)
    c = connect(dn)
    dn.fault("all", "bad-timestamps", (PEAK // 120 + 1) % 12)
    n, _ = dn.mine(40)
    times = [c.header(i)["t"] for i in range(PEAK + 1, n + 1)]
    assert 0 < sum(t == 4070908800 for t in times) < 20
    dn.fault("all", "none")
    n, _ = dn.mine(1)
    assert c.header(n)["t"] < 4070908800


def test_faults_of_proofs(folder):
    dn = start(folder)
    dn.set("server_ip", "10.1.2.3")
    n, _ = dn.mine()
    c = connect(dn)
    state, slot = c.header(n)["state_hash"], edge.slot_of("server_ip")
    read = lambda: c.value(n, dn.contract, slot, state)
    for kind, why in (("wrong-root", "state roots of another block"), ("wrong-proof", "a proof for another root"),
                      ("other-key-proof", "a proof of another position"),
                      ("wrong-account", "a proof of another position")):
        dn.fault(0, kind)
        assert raises(ValueError, read) == why, kind
    dn.fault(0, "withhold")
    c.s.settimeout(0.3)
    raises(socket.timeout, read)
    c = connect(dn)
    assert c.peak() == n
    dn.fault(0, "none")
    assert read().startswith(b"10.1.2.3")


def test_faults_of_frames(folder):
    dn = start(folder)
    ended = (EOFError, ConnectionError)
    for kind, error in (("truncated", ValueError), ("length-beyond", socket.timeout),
                        ("oversized", ValueError), ("silent", socket.timeout),
                        ("random", (ValueError, IndexError, TypeError, KeyError)), ("disconnect", ended),
                        ("unknown-id", ValueError), ("error-everything", Refused)):
        dn.fault(0, kind)
        c = connect(dn, hello=0 if kind == "error-everything" else 1001, timeout=0.5)
        raises(error, c.ask, "getblockpeak")
    dn.fault(0, "no-hello")
    c = connect(dn, hello=0, timeout=0.3)
    raises(socket.timeout, c.hello)


def test_faults_that_a_client_must_bear(folder):
    dn = start(folder)
    for kind, arg in (("empty-frames", ""), ("portopen", ""), ("slow", "1"), ("late", "200")):
        dn.fault(0, kind, arg)
        c = connect(dn)
        assert c.peak() == PEAK, kind
        assert (kind == "portopen") == any(p[1][0] == b"portopen" for p in c.pushes)
    dn.fault(0, "twice")
    c = connect(dn)
    assert raises(ValueError, c.peak) == "an answer with another id"


def test_the_key_of_another_node(folder):
    dn = start(folder)
    dn.fault(0, "wrong-node-key")
    c = Edge(dn.nodes[0], dn.identity)
    assert c.peer() != c.node
    dn.fault(0, "none")
    connect(dn)


def test_payment_is_asked_for_and_then_due(folder):
    dn = start(folder, grace=20000)
    c = connect(dn)
    h = c.header(PEAK)
    c.ticket(h["n"], h["hash"], dn.fleet, 1, 3000)
    asked = len(c.pushes)
    wait("a request for a ticket", lambda: c.header(PEAK) and len(c.pushes) > asked)
    assert number(c.pushes[-1][1][1]) > 15000
    raises((EOFError, ConnectionError), lambda: [c.header(PEAK) for _ in range(100)])


if __name__ == "__main__":
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
