#!/usr/bin/env python3
"""What an operator runs kedged with: fields of the journal, metrics, reload.

usage: test_ops.py [TEST...]"""
import copy
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import harness
from harness import Agent, Devnode, Skip, run, wait

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NAME = "plant-control.fleet"
PIN = bytes(range(1, 33))


def message_ids():
    with open(os.path.join(SOURCE, "agent/kedged/message_id.h")) as f:
        return dict(re.findall(r'MESSAGE_ID_([A-Z]+) +"([0-9a-f]{32})"', f.read()))


class Journal:
    """Stands in for journald: a datagram socket at journald's path, in a mount namespace of kedged's own."""

    def __init__(self, folder):
        self.dir = os.path.join(folder.path, "journal")
        os.mkdir(self.dir)
        self.entries = []
        self.open()
        if not shutil.which("unshare") or subprocess.run([*self.prefix(), "true"], capture_output=True).returncode:
            raise Skip("a mount namespace cannot be made here")

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.dir + "/socket")
        self.socket.setblocking(False)

    def prefix(self):
        return ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && "
                f"mount --bind {self.dir} /run/systemd/journal && exec \"$@\"", "sh"]

    def read(self):
        while True:
            try:
                entry = self.socket.recv(65536)
            except BlockingIOError:
                return self.entries
            assert entry.endswith(b"\n"), entry
            self.entries.append(dict(x.split("=", 1) for x in entry.decode("ascii").splitlines()))

    def find(self, **fields):
        return [e for e in self.read() if all(e.get(k) == v for k, v in fields.items())]

    def wait(self, **fields):
        return wait(lambda: f"{fields} in {self.entries[-5:]}", lambda: self.find(**fields))[0]


class JournalAgent(Agent):
    def __init__(self, folder, dn, journal, **more):
        super().__init__(folder, dn, **more)
        self.kedged.kill()
        self.kedged.argv = [*journal.prefix(), *self.kedged.argv]
        st = os.stat(self.kedged.log)
        self.kedged.env = {"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"}
        self.plain = self.kedged.text()
        self.kedged.start()


def node(folder, **options):
    dn = Devnode(folder, blocks=300, **options)
    dn.set("server_ip", "10.1.2.3")
    dn.set("signature", PIN)
    dn.mine(12)
    return dn


def granted(agent):
    agent.wait_resolve("the pin", lambda r: r[0] == "ok" and r[4] == [PIN])


def mine_to(dn, agent, number):
    while dn.peak()[0] < number:
        n, _ = dn.mine()
        wait("the block to be seen", lambda: all(agent.upstream(i)["peak"] >= n for i in range(3)))


def revoke(dn, agent):
    """As in test_kedged.py: by the order of miners 313 stays final while the head goes from 314 to 317."""
    mine_to(dn, agent, 314)
    granted(agent)
    dn.command("clear signature")
    mine_to(dn, agent, 317)
    agent.wait_resolve("no pin", lambda r: PIN not in r[4])


def test_journal_has_fields(folder):
    ids, journal, dn = message_ids(), Journal(folder), node(folder)
    agent = JournalAgent(folder, dn, journal)
    granted(agent)
    entry = journal.wait(MESSAGE_ID=ids["STATE"], KEDGE_STATE="following")
    assert entry["KEDGE_CHAIN"] == "diode" and entry["PRIORITY"] == "5", entry
    assert entry["SYSLOG_IDENTIFIER"] == "kedged", entry

    revoke(dn, agent)
    entry = journal.wait(MESSAGE_ID=ids["REVOKED"])
    assert entry["KEDGE_RECORD"] == NAME and entry["KEDGE_FIELD"] == "signature", entry
    number, name = int(entry["KEDGE_BLOCK"]), bytes.fromhex(entry["KEDGE_BLOCK_HASH"][2:])
    assert dn.block(dn.command(f"header {number}")) == (number, name), entry
    assert str(number) in entry["MESSAGE"] and entry["KEDGE_CHAIN"] == "diode", entry

    dn.fault(0, "wrong-proof")

    def lie():
        agent.resolve(f"h{len(journal.read()) % 50}.{NAME}")
        dn.set("counter", os.urandom(32))
        dn.mine()
        return journal.find(MESSAGE_ID=ids["LIE"])
    entry = wait("a lie in the journal", lie)[0]
    assert entry["KEDGE_UPSTREAM"] == dn.nodes[0] and entry["PRIORITY"] == "4", entry
    assert "bytes " in entry["MESSAGE"], entry
    assert agent.kedged.text() == agent.plain, "what the journal has is not said twice"


def test_journal_that_does_not_read_stops_nobody(folder):
    """Its queue fills up; kedged goes on, and says how much was lost when it is read again. Gone altogether, what is
    said goes to standard error, which is systemd's stream to the same journal."""
    journal, dn = Journal(folder), node(folder)
    agent = JournalAgent(folder, dn, journal)
    granted(agent)
    for _ in range(40):  # each is two lines; the queue holds 10 entries or so
        agent.kedged.p.send_signal(harness.signal.SIGHUP)
        agent.status()
    granted(agent)
    journal.read()
    agent.kedged.p.send_signal(harness.signal.SIGHUP)
    wait("what was lost", lambda: [e for e in journal.read() if "lines were lost" in e["MESSAGE"]])

    journal.socket.close()
    agent.kedged.p.send_signal(harness.signal.SIGHUP)
    agent.kedged.wait_log("<6>reloaded")


def test_catalog(folder):
    """Every id has its text, in a form that the journal's tool takes."""
    catalog = os.path.join(folder.path, "usr/lib/systemd/catalog")
    os.makedirs(catalog)
    shutil.copy(os.path.join(SOURCE, "packaging/journal/kedge.catalog"), catalog)
    if not shutil.which("journalctl"):
        raise Skip("journalctl is not here")
    subprocess.run(["journalctl", "--root=" + folder.path, "--update-catalog"], check=True)
    out = subprocess.run(["journalctl", "--root=" + folder.path, "--list-catalog"], check=True,
                         capture_output=True, text=True).stdout
    assert sorted(line.split()[0] for line in out.splitlines()) == sorted(message_ids().values()), out


SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\d+(?:\.\d+)?)')


def parse_metrics(text):
    """{name: {labels: value}}; strict, as the text format 0.0.4 is written down."""
    assert text.endswith("\n") and "\r" not in text and text.isascii()
    types, helps, samples, last = {}, set(), {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in helps and len(line.split(" ")) > 3, line
            helps.add(name)
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helps and name not in types and kind in ("counter", "gauge"), line
            assert (kind == "counter") == name.endswith("_total"), line
            types[name] = kind
            samples[name], last = {}, name
            continue
        m = SAMPLE.fullmatch(line)
        assert m, line
        name, labels, value = m.groups()
        assert name == last, f"{line}: not behind its own TYPE"
        labels = tuple(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', labels or ""))
        assert len(dict(labels)) == len(labels) and labels not in samples[name], line
        samples[name][labels] = float(value)
    assert set(types) == helps
    return samples


class MetricsAgent(Agent):
    def agent_lines(self):
        return ["Metrics=" + self.metrics] if self.metrics else []

    def __init__(self, folder, dn, path, **more):
        self.metrics = path
        super().__init__(folder, dn, **more)

    def read(self):
        with open(self.metrics) as f:
            return parse_metrics(f.read())

    def figure(self, metric, **labels):
        """The sum over all samples with these labels; None while there is none."""
        found = [v for k, v in self.read().get(metric, {}).items() if labels.items() <= dict(k).items()]
        return sum(found) if found else None

    def wait_figure(self, what, metric, check, **labels):
        def looked():
            try:
                value = self.figure(metric, **labels)
            except FileNotFoundError:
                return False
            return value is not None and check(value)
        wait(lambda: f"{what}: {metric} {labels}", looked, 25, 0.1)


def reloaded(agent, times=1):
    before = agent.kedged.text().count("reloaded: ")
    for i in range(times):
        agent.kedged.p.send_signal(harness.signal.SIGHUP)
        wait("the reload", lambda: agent.kedged.text().count("reloaded: ") > before + i)


def test_metrics(folder):
    path = os.path.join(folder.path, "figures", "kedge.prom")
    dn = node(folder)
    agent = MetricsAgent(folder, dn, path)
    agent.kedged.wait_log("metrics cannot be written: No such file")
    granted(agent)
    reloaded(agent)
    time.sleep(2.5)  # it tries again, and has no reason to say so
    os.mkdir(os.path.dirname(path))
    reloaded(agent)  # or in its next turn, 15 s later
    wait("the file", lambda: os.path.exists(path), 25)
    assert agent.kedged.text().count("metrics cannot") == 1, agent.kedged.text()
    agent.kedged.wait_log("metrics are written again")
    agent.wait_figure("following", "kedge_chain_state", lambda v: v == 1, chain="diode", state="following")
    assert sum(agent.read()["kedge_chain_state"].values()) == 1
    assert agent.figure("kedge_upstream_up") == 3 and agent.figure("kedge_names_watched") == 1
    assert agent.figure("kedge_chain_head_number") == agent.status()["head"]
    assert agent.figure("kedge_chain_finalized_number") == agent.status()["final"]
    assert agent.figure("kedge_answers_total", door="socket", result="ok") > 0
    assert agent.figure("kedge_chain_budget_bytes") == 0 and agent.figure("kedge_chain_budget_left_bytes") is None
    assert agent.figure("kedge_time_floor_seconds") >= agent.status()["lower"] > 0
    assert os.stat(path).st_mode & 0o777 == 0o644

    first = os.stat(path).st_mtime_ns
    revoke(dn, agent)
    dn.fault(0, "wrong-proof")

    def lie():
        agent.resolve(f"h{len(os.listdir('/proc')) % 50}.{NAME}")
        dn.set("counter", os.urandom(32))
        dn.mine()
        return agent.upstream(0)["lies"]
    wait("a lie", lie)
    assert os.stat(path).st_mtime_ns == first, "a figure that grows is no reason to write"
    reloaded(agent)  # is one
    agent.wait_figure("the revocation", "kedge_revocations_total", lambda v: v == 1)
    assert agent.figure("kedge_upstream_lies_total", number="0", upstream=dn.nodes[0]) > 0
    assert agent.figure("kedge_upstream_received_bytes_total", number="1") > 1000

    agent.metrics = ""
    agent.write_config()
    reloaded(agent)
    assert not os.path.exists(path), "old figures say nothing"
    agent.metrics = path
    agent.write_config()
    reloaded(agent)
    wait("the file", lambda: os.path.exists(path))
    agent.kedged.stop()
    assert not os.path.exists(path)


def test_metrics_tell_a_state_at_once(folder):
    path = os.path.join(folder.path, "kedge.prom")
    dn = node(folder)
    dn.fault("all", "silent")
    agent = MetricsAgent(folder, dn, path)
    agent.wait_figure("starting", "kedge_chain_state", lambda v: v == 1, state="starting")
    os.mkfifo(path + ".new")  # by whoever else may write to the folder: opened to write, it holds up whoever opens it
    assert agent.figure("kedge_chain_head_number") is None
    begun = os.stat(path).st_mtime
    dn.fault("all", "none")
    agent.wait_following()
    agent.wait_figure("following", "kedge_chain_state", lambda v: v == 1, state="following")
    assert os.stat(path).st_mtime - begun < 14.5 or time.time() - begun > 20, "only in its turn"
    assert not os.path.exists(path + ".new")


def connections(dn):
    return [int(dn.stats(i)["connections"]) for i in range(len(dn.nodes))]


class Asker(threading.Thread):
    """Asks for a name all the time, through the socket; every answer is kept."""

    def __init__(self, agent, name):
        super().__init__(daemon=True)
        self.agent, self.name, self.answers, self.stop = copy.copy(agent), name, [], False
        self.start()

    def run(self):
        while not self.stop:
            try:
                self.answers.append(self.agent.resolve(self.name))
            except Exception as e:  # the test looks at it
                self.answers.append((repr(e),))
            time.sleep(0.003)  # within what one user may ask

    def done(self):
        self.stop = True
        self.join(30)
        return self.answers


def test_reload_fifty_times_under_load(folder):
    """Zones, roles and ages change; names, revocations and connections stay."""
    dn = node(folder)
    agent = Agent(folder, dn)
    granted(agent)
    for i in range(20):
        agent.wait_resolve("an address", lambda r: r[0] == "ok", f"h{i}.{NAME}")
    revoke(dn, agent)
    before, asker = connections(dn), Asker(agent, f"h7.{NAME}")
    for i in range(50):
        agent.more = [f"[Zone other{i % 3}.internal]", "Contract=" + dn.info["CONTRACT"]] if i % 2 else []
        agent.roles = f"[names]\nMaxAge={30 + i}min\n[tls]\nMaxAge={10 + i}min\n"
        agent.chain["DailyBytes"] = "0" if i % 2 else "50MB"
        agent.write_config()
        reloaded(agent)
        if i % 10 == 0:
            dn.mine()
    answers = asker.done()
    assert len(answers) > 100, len(answers)
    assert all(a[0] == "ok" for a in answers), [a for a in answers if a[0] != "ok"][:3]
    assert {tuple(a[2]) for a in answers} == {("10.0.0.7",)}
    assert connections(dn) == before, "an upstream was asked to connect again"
    assert PIN not in agent.resolve()[4] and agent.status()["revocations"] == 1
    agent.wait_resolve("a name of the new zone", lambda r: r[0] == "ok", "h3.other1.internal")
    assert agent.query(harness.RESOLVE, "h3.other0.internal")[0] == "unknown", "the last one was number 49"


def test_reload_of_something_wrong_changes_nothing(folder):
    dn = node(folder)
    agent = Agent(folder, dn)
    granted(agent)
    before = connections(dn)
    with open(agent.conf) as f:
        good = f.read()
    wrong = [
        ("[names]\nMaxAge=soon\n", ":[0-9]+: MaxAge is not a duration"),
        ("[names]\nMaxAge=1h\n[names]\n", "stands twice in this file"),
        ("[tls]\nStale=serve\n", "Stale=serve needs StaleMax="),
        ("[Zone other.internal]\n", r"\[Zone other.internal\] has no Contract="),
        ("[Zone plant-control.fleet.x]\nContract=0x12\n", "Contract is not an address"),
        ("[Nonsense]\n", "is not a section"),
        ("[names]\nNonsense=1\n", "Nonsense is not a key that this section knows"),
    ]
    restart = [
        (("Poll=100ms", "Poll=200ms"), r"\[Chain diode\] Poll= cannot change while running: restart kedged"),
        (("[Agent]\n", "[Agent]\nFetchUid=12345\n"), "FetchUid= cannot change while running: restart kedged"),
        (("Fleet=0x60", "Fleet=0x61"), r"\[Chain diode\] Fleet= cannot change while running"),
        (("[Chain diode]", "[Chain gold]"), "the list of chains cannot change while running"),
    ]
    cases = [(good + more, says, 1) for more, says in wrong]
    cases += [(good.replace(*pair).replace("Chain=diode", "Chain=gold" if "gold" in pair[1] else "Chain=diode"), says, 0)
              for pair, says in restart]
    for text, says, code in cases:
        assert text != good, says
        with open(agent.conf, "w") as f:
            f.write(text)
        check = subprocess.run([harness.program("agent/kedged/kedged"), "--config=" + agent.conf, "--check-config"],
                               capture_output=True, text=True)
        assert check.returncode == code, (says, check)
        assert code == 0 or re.search(says, check.stderr), (says, check.stderr)
        start = len(agent.kedged.text())
        agent.kedged.p.send_signal(harness.signal.SIGHUP)
        wait(lambda: f"/{says}/ in {agent.kedged.text()[start:]}",
             lambda: re.search(says + ".*; the running configuration stays", agent.kedged.text()[start:]))
        granted(agent)
    assert connections(dn) == before
    with open(agent.conf, "w") as f:
        f.write(good)
    reloaded(agent)


def test_reload_of_one_chains_upstreams_leaves_the_other(folder):
    """And a question that is open then is put again to the new ones."""
    dn = node(folder)
    agent = Agent(folder, dn, upstreams=dn.nodes[:1])
    agent.kedged.stop()
    second = ["[Chain second]", "Backend=blockquick", "ChainId=" + dn.info["CHAIN_ID"],
              "Checkpoint=" + agent.checkpoint, "Fleet=" + dn.info["FLEET"], "Poll=100ms", "RestTime=300ms"]
    zone = ["[Zone second.internal]", "Chain=second", "Contract=" + dn.info["CONTRACT"]]
    agent.more = second + ["Upstream=" + dn.nodes[1]] + zone
    agent.write_config()
    agent.kedged.start()
    granted(agent)
    agent.wait_resolve("the second chain's", lambda r: r[0] == "ok", "h1.second.internal")
    before = connections(dn)

    dn.fault(1, "withhold")
    asker = Asker(agent, "h2.second.internal")
    wait("a question that nobody answers", lambda: int(dn.stats(1)["unanswered"]) > 0)
    agent.more = second + ["Upstream=" + dn.nodes[2]] + zone
    agent.write_config()
    reloaded(agent)
    wait("the answer", lambda: asker.answers)
    assert asker.done()[0][0] == "ok", asker.answers[:2]
    assert agent.resolve("h1.second.internal")[0] == "ok"
    after = connections(dn)
    assert after[0] == before[0] and after[1] == before[1] and after[2] == before[2] + 1, (before, after)


def test_reload_adds_chains(folder):
    """From none to one, from one to two: what runs goes on as it was. One that cannot begin is refused, and so is its going."""
    dn = node(folder)
    agent = Agent(folder, dn)
    agent.kedged.stop()
    with open(agent.conf) as f:
        good = f.read()
    with open(agent.conf, "w") as f:
        f.write(good[:good.index("[Chain diode]")])
    agent.kedged.start()
    wait("kedged without a chain", lambda: "no chain is configured" in agent.kedgectl("--json", "status")[1])
    with open(agent.conf, "w") as f:
        f.write(good)
    reloaded(agent)
    granted(agent)
    pid, before, head = agent.kedged.p.pid, connections(dn), agent.status()["head"]

    second = good + f"""
[Chain second]
Backend=blockquick
ChainId={dn.info["CHAIN_ID"]}
Checkpoint={agent.checkpoint}
Fleet={dn.info["FLEET"]}
Upstream={dn.nodes[1]}
Poll=100ms
RestTime=300ms
[Zone second.internal]
Chain=second
Contract={dn.info["CONTRACT"]}
"""
    with open(agent.conf, "w") as f:
        f.write(re.sub(r"(\[Chain second\](?:\n.*)*?\n)Checkpoint=.*\n", r"\1", second))
    agent.kedged.p.send_signal(harness.signal.SIGHUP)
    agent.kedged.wait_log("the new configuration cannot be put into effect")
    granted(agent)
    assert len(json.loads(agent.kedgectl("--json", "status")[1])["chains"]) == 1

    with open(agent.conf, "w") as f:
        f.write(second)
    reloaded(agent)
    agent.wait_resolve("the second chain's", lambda r: r[0] == "ok", "h1.second.internal")
    granted(agent)
    after = connections(dn)
    assert after[0] == before[0] and after[1] == before[1] + 1 and after[2] == before[2], (before, after)
    assert agent.kedged.p.pid == pid and agent.status()["head"] >= head
    assert [c["chain"] for c in json.loads(agent.kedgectl("--json", "status")[1])["chains"]] == ["diode", "second"]

    with open(agent.conf, "w") as f:
        f.write(good)
    agent.kedged.p.send_signal(harness.signal.SIGHUP)
    agent.kedged.wait_log("the list of chains cannot change while running")
    agent.wait_resolve("the second chain's, still", lambda r: r[0] == "ok", "h1.second.internal")
    with open(agent.conf, "w") as f:
        f.write(second)
    agent.restart()
    agent.wait_resolve("the second chain's, after a restart", lambda r: r[0] == "ok", "h1.second.internal")
    granted(agent)


def test_budget_holds_back_what_can_wait(folder):
    """A megabyte a day: an eighth is soon spent by the cold start and a few hundred heads. Then watched names get
    older, while what a program asks is still proven; a restart does not give the day back."""
    dn = node(folder)
    agent = Agent(folder, dn, DailyBytes="1MB")
    granted(agent)

    def chain():
        return json.loads(agent.kedgectl("--json", "status")[1])["chains"][0]
    assert chain()["budget_bytes"] == 1000000 and 0 <= chain()["budget_left"] <= 125000, chain()

    def spent():
        dn.set("counter", os.urandom(32))
        dn.mine()
        return chain()["budget_left"] == 0
    wait(lambda: f"the eighth to be spent; {chain()}", spent, 60)

    def proven_at(name):
        return int(re.search(r'"head_number": *(\d+)', agent.kedgectl("--json", "query", name)[1]).group(1))

    def rests():
        """What is kept for proofs is spent, too: four times nothing is proven again."""
        old = proven_at(NAME)
        for _ in range(4):
            dn.mine(3)
            agent.wait_following(dn.final()[0])
            if proven_at(NAME) != old:
                return False
        return True
    wait("the rest to be spent", rests, 60)
    head = agent.status()["head"]
    for i in range(3):
        agent.wait_resolve("a new name", lambda r: r[0] == "ok", f"h{i}.{NAME}")
    old = proven_at(NAME)
    assert old < head <= proven_at(f"h2.{NAME}"), (old, head, proven_at(f"h2.{NAME}"))
    dn.mine(3)
    agent.wait_following(dn.final()[0])
    assert proven_at(NAME) == old, "nothing is left, and it was proven again"
    assert "more seldom" in agent.kedgectl("status")[1]

    agent.kedged.stop()
    agent.kedged.start()
    agent.wait_following()
    assert chain()["budget_left"] == 0, chain()
    os.unlink(agent.state + "/budget")
    agent.restart()
    agent.wait_following()
    assert chain()["budget_left"] > 0, chain()


def test_systemd_is_told_and_its_watchdog_fed(folder):
    dn = node(folder)
    agent = Agent(folder, dn)
    agent.kedged.stop()
    told, lines = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), []
    told.bind(folder.path + "/notify")
    told.setblocking(False)

    def has(text, n=1):
        while True:
            try:
                lines.extend(told.recv(4096).decode().splitlines())
            except BlockingIOError:
                return sum(x.startswith(text) for x in lines) >= n
    agent.kedged.env = {"NOTIFY_SOCKET": folder.path + "/notify", "WATCHDOG_USEC": "1000000"}
    agent.kedged.start()
    wait("READY", lambda: has("READY=1"))
    granted(agent)
    wait("the state in one line", lambda: has("STATUS=diode following"))
    assert not has("RELOADING=1")
    reloaded(agent)
    wait("the end of the reload", lambda: has("RELOADING=1") and has("READY=1", 2))
    assert has("MONOTONIC_USEC="), lines
    n = sum(x == "WATCHDOG=1" for x in lines)
    wait("the watchdog to be fed", lambda: has("WATCHDOG=1", n + 4))
    agent.kedged.stop()
    wait("STOPPING", lambda: has("STOPPING=1"))


if __name__ == "__main__":
    sys.exit(run([
        test_journal_has_fields,
        test_journal_that_does_not_read_stops_nobody,
        test_catalog,
        test_metrics,
        test_budget_holds_back_what_can_wait,
        test_systemd_is_told_and_its_watchdog_fed,
        test_reload_fifty_times_under_load,
        test_reload_of_something_wrong_changes_nothing,
        test_reload_of_one_chains_upstreams_leaves_the_other,
        test_reload_adds_chains,
        test_metrics_tell_a_state_at_once,
    ]))
