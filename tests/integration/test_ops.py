#!/usr/bin/env python3
"""What an operator runs kedged with: fields of the journal, metrics, reload.

usage: test_ops.py [TEST...]"""
import os
import re
import shutil
import socket
import subprocess
import sys

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


if __name__ == "__main__":
    sys.exit(run([
        test_journal_has_fields,
        test_journal_that_does_not_read_stops_nobody,
        test_catalog,
    ]))
