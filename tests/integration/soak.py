#!/usr/bin/env python3
"""Hours in minutes: KEDGE_SOAK_BLOCKS (20,000) blocks of the test node at 20 ms with random faults, two agents on them.
One is left to run: its memory and its descriptors at the end are held against those at a tenth of the way (block 500 at least). The other is
killed, reloaded and loses its carrier at random. Callers flood, stall and send garbage at both. Every answer, of the
socket, libkedge, the snapshot and getent, is compared with the chain that was written. Then the same for
KEDGE_SOAK_SLOTS (1,500) slots of Ethereum. A seed is printed; KEDGE_SOAK_SEED repeats it."""
import ctypes
import os
import random
import signal
import struct
import sys
import time

import test_ethereum
import test_soak
from harness import Agent, Devnode, EthAgent, Ethnode, Skip, program, run, wait
from test_soak import NAME, SEED, Background, Chain, Oracle

BLOCKS = int(os.environ.get("KEDGE_SOAK_BLOCKS", "20000"))
SLOTS = int(os.environ.get("KEDGE_SOAK_SLOTS", "1500"))
GROWTH = 1.05
WARM = 500   # blocks until each kind of thing has been in memory once
NAMES = 12  # that there are; others were made up
LATER = 0.3  # seconds until a revocation that the socket told stands in the snapshot too
SNAPSHOT_NAME, ANSWER = 256, 304  # lib/wire/snapshot_format.h, lib/wire/name.h


class Library:
    """libkedge, asked as a program asks it."""

    def __init__(self, agent):
        self.lib = ctypes.CDLL(program("lib/kedge/libkedge.so.1"))
        for name in ("kedge_record_block", "kedge_record_head"):
            getattr(self.lib, name).restype = ctypes.c_uint64
        for name in ("kedge_record_addresses", "kedge_record_pins"):
            getattr(self.lib, name).restype = ctypes.c_size_t
        self.client = ctypes.c_void_p()
        assert self.lib.kedge_client_new(ctypes.byref(self.client)) == 0
        assert self.lib.kedge_client_set_runtime_dir(self.client, agent.run.encode()) == 0
        assert self.lib.kedge_client_set_timeout(self.client, 2000) == 0

    def resolve(self, name):
        """(final, head, addresses, pins), or None where there is no record."""
        record = ctypes.c_void_p()
        if self.lib.kedge_resolve(self.client, name.encode(), ctypes.byref(record)) < 0:
            return None
        addresses, pins = [], []
        for i in range(self.lib.kedge_record_addresses(record)):
            text = ctypes.create_string_buffer(64)
            if self.lib.kedge_record_address(record, ctypes.c_size_t(i), text) == 0:
                addresses.append(text.value.decode())
        for i in range(self.lib.kedge_record_pins(record)):
            pin = ctypes.create_string_buffer(32)
            if self.lib.kedge_record_pin(record, ctypes.c_size_t(i), pin) == 0:
                pins.append(pin.raw)
        found = self.lib.kedge_record_block(record), self.lib.kedge_record_head(record), addresses, pins
        self.lib.kedge_record_free(record)
        return found


class Watched:
    """An agent, and the oracle of what it says."""

    def __init__(self, agent, chain):
        self.agent, self.chain = agent, chain
        self.oracle, self.library = Oracle(chain), Library(agent)
        self.doors, self.gone_since = dict.fromkeys(("socket", "libkedge", "snapshot", "getent"), 0), {}

    def ask(self, rng):
        before = dict(self.oracle.gone)
        answered = self.oracle.answered
        try:
            test_soak.ask(self.agent, self.oracle, self.chain, rng)
        except OSError:  # it was just killed
            pass
        self.doors["socket"] += self.oracle.answered - answered
        for key, head in self.oracle.gone.items():
            if before.get(key) != head:
                self.gone_since[key, head] = time.monotonic()

    def known_as_gone(self):
        asked = {}
        for (key, head), since in self.gone_since.items():
            if time.monotonic() - since > LATER:
                asked[key] = max(head, asked.get(key, 0))
        return asked

    def ask_library(self, rng):
        asked, host = self.known_as_gone(), rng.choice("ab")
        found = self.library.resolve(f"{host}.{NAME}")
        if found:
            self.doors["libkedge"] += 1
            self.oracle.judge(host, *found, asked)

    def published(self, host):
        """The record in the snapshot, as the struct of an answer; None: there is none."""
        try:
            with open(self.agent.run + "/names", "rb") as f:
                image = f.read()
        except FileNotFoundError:
            return None
        at = image.find(f"{host}.{NAME}".encode().ljust(SNAPSHOT_NAME, b"\0"))
        return image[at + SNAPSHOT_NAME:at + SNAPSHOT_NAME + ANSWER] if at >= 0 else None

    def ask_snapshot(self, rng):
        asked, host = self.known_as_gone(), rng.choice("ab")
        answer = self.published(host)
        if answer:
            self.doors["snapshot"] += 1
            self.oracle.name(host, "ok", "", answer, asked)

    def ask_getent(self, rng):
        """It says no block: what it says was final at a block between those of the snapshot before and after."""
        host = rng.choice("ab")
        before = self.published(host)
        code, out = test_ethereum.getent(self.agent, f"{host}.{NAME}")
        after = self.published(host)
        if code != 0 or not before or not after:
            return
        self.doors["getent"] += 1
        said = {line.split()[0] for line in out.splitlines()}
        low, high = sorted(struct.unpack_from("=Q", a, 248)[0] for a in (before, after))
        held = {self.chain.at(host + ".server_ip", n) for n in range(low, high + 1)}
        if len(said) != 1 or not said <= held:
            self.oracle.wrong.append(f"getent {host}: {said} between final {low} and {high}")


def private_dirty(process):
    try:
        with open(f"/proc/{process.p.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))
    except (OSError, StopIteration) as e:
        raise Skip(f"memory cannot be read here: {e}")


def measured(agent, chain):
    """When nobody has asked for a while, and names that do not exist are forgotten: kB and descriptors of both daemons."""
    left = 0
    for i in range(200):
        chain.set("counter", i.to_bytes(32, "big"))
        chain.mine()
        time.sleep(0.4)
        left = agent.status()["watched"]
        if i >= 40 and left <= NAMES:
            break
    print(f"  {left} names are watched", flush=True)
    time.sleep(11)  # what is measured is a quiet moment, after memory that is free was given back
    both = agent.kedged, agent.fetch
    return [private_dirty(p) for p in both], [test_soak.descriptors(p) for p in both]


class Soak:
    """Two agents on a chain, and what is done to them."""

    def __init__(self, folder, node, kind, kinds, **keys):
        self.rng, self.node, self.kinds = random.Random(SEED), node, kinds
        self.chain = Chain(node)
        for host in "ab":
            self.chain.set(host + ".server_ip", "10.255.255.1")
            self.chain.set(host + ".signature", self.rng.randbytes(32))
        for _ in range(40):
            self.chain.mine()
        self.steady, self.shaken = (Watched(kind(folder, node, name=name, **keys), self.chain)
                                    for name in ("steady", "shaken"))
        self.back = None

    def both(self):
        return self.steady, self.shaken

    def begin(self, every):
        self.back, busy = Background(), (OSError, BrokenPipeError)
        self.back.repeat(test_soak.miner(self.chain, random.Random(SEED + self.chain.n)), every)
        for i, other in enumerate((test_soak.flood, test_soak.stall, test_soak.garbage, test_soak.crowd,
                                   test_soak.lookups)):
            r = random.Random(SEED + 10 + i)
            self.back.repeat(lambda other=other, r=r: other(r.choice(self.both()).agent, r), 0.2, busy)

    def disturb(self):
        """Faults of upstreams meet both; the rest, the one that may be killed."""
        if self.rng.random() < 0.7:
            self.node.fault(self.rng.randrange(len(self.node.nodes)), *self.rng.choice(self.kinds))
            return
        agent, what = self.shaken.agent, self.rng.random()
        if what < 0.3:
            agent.fetch.kill()
            agent.fetch.start()
        elif what < 0.5:
            agent.roles = ""
            agent.write_config()
            agent.restart(self.rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        elif agent.status():  # a reload is for an agent that has started
            agent.roles = self.rng.choice(["", "[names]\nMaxAge=2h", "[names]\nMaxAge=nonsense"])
            agent.write_config()
            agent.kedged.p.send_signal(signal.SIGHUP)

    def until(self, n):
        """So many blocks, under fire."""
        entered = 0
        while self.chain.blocks < n:
            if self.rng.random() < 0.2:
                self.disturb()
            for w in self.both():
                w.ask(self.rng)
                w.ask_library(self.rng)
                w.ask_snapshot(self.rng)
            if time.monotonic() - entered > 3:
                entered = time.monotonic()
                for w in self.both():
                    w.ask_getent(self.rng)
            for w in self.both():
                test_soak.ended_by_itself(w.agent)
                assert not w.oracle.wrong, w.oracle.wrong
            time.sleep(0.02)

    def quiet(self):
        for i in range(len(self.node.nodes)):
            self.node.fault(i, "none")
        self.back.stop()
        return measured(self.steady.agent, self.chain)

    def ends(self, every):
        """All is well again, for both."""
        self.node.command(f"interval {every}")
        for w in self.both():
            w.agent.roles = ""
            w.agent.write_config()
            w.agent.kedged.p.send_signal(signal.SIGHUP)
            s = w.agent.wait_following(self.node.final()[0], 120)
            assert not s["conflict"], s
            ips = self.chain.now["a.server_ip"]
            w.agent.wait_resolve("the newest value", lambda r: r[0] == "ok" and r[2] == [ips], "a." + NAME, 120)
            for p in (w.agent.kedged, w.agent.fetch):
                assert p.stop() == 0, p.p.returncode
                for word in ("Sanitizer", "runtime error", "Assertion"):
                    assert word not in p.text(), f"{word} in the log of {p.name}"
            assert all(n > 0 for n in w.doors.values()), w.doors
            print(f"  {w.agent.kedged.name}: answers with values, by door: {w.doors}", flush=True)


def soak(s, blocks, every_s, ends_ms):
    print(f"seed {SEED}, {blocks} blocks", flush=True)
    s.steady.agent.wait_following()
    s.shaken.agent.wait_following()
    begun = time.monotonic()
    s.begin(every_s)
    s.until(max(blocks // 10, WARM))
    early, fds = s.quiet()
    print(f"  at block {s.chain.blocks}: Private_Dirty of kedged, kedge-fetch {early} kB, descriptors {fds}; "
          f"{time.monotonic() - begun:.0f} s", flush=True)
    s.begin(every_s)
    s.until(blocks)
    late, fds_late = s.quiet()
    print(f"  at block {s.chain.blocks}: Private_Dirty of kedged, kedge-fetch {late} kB, descriptors {fds_late}; "
          f"{time.monotonic() - begun:.0f} s", flush=True)
    s.ends(ends_ms)
    for a, b in zip(early, late):
        assert b <= a * GROWTH, f"memory: {early} kB early on, {late} kB at the end"
    for a, b in zip(fds, fds_late):
        assert b <= a + 4, f"descriptors: {fds} early on, {fds_late} at the end"


def test_soak_diode(folder):
    node = Devnode(folder, blocks=300, keep=100000)
    kinds = [(k,) for k in node.command("faults").split() if k not in test_soak.NOT_HERE] + [("none",)] * 12
    soak(Soak(folder, node, Agent, kinds, RequestTimeout="400ms", RestTime="100ms", Poll="50ms"), BLOCKS, 0.02, 100)


def test_soak_ethereum(folder):
    """Slots of a second, made faster than that: the chain begins so far behind its clock. Two chains both finalized are
    an operator's business, and an unknown fork ends a chain: not here."""
    node = Ethnode(folder, lag=SLOTS + 900)
    kinds = [(k,) for k in node.command("faults").split()
             if k not in ("none", "conflict", "conflict-again", "fork-ahead", "unknown-fork")] + [("none",)] * 12
    soak(Soak(folder, node, EthAgent, kinds, RequestTimeout="800ms", RestTime="100ms", Poll="100ms"), SLOTS, 0.1, 200)


if __name__ == "__main__":
    sys.exit(run([test_soak_diode, test_soak_ethereum]))
