#!/usr/bin/env python3
"""How kedge-fetch finds hosts: its own DNS questions, in a network and mount namespace with a DNS server of ours.
usage: test_dns.py KEDGE_FETCH"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from dns import Dns
from edge import DOWN, DROP, IDENTITY, UP, Kedged, Node, make_certificate

PROGRAM = sys.argv[1]
SKIP = 77


class Names(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="kedge-fetch.")
        self.addCleanup(shutil.rmtree, self.folder)
        pem, self.key = make_certificate(self.folder, "node")
        self.node = Node(pem)
        self.addCleanup(self.node.close)
        self.kedged = Kedged(os.path.join(self.folder, "fetch.sock"))
        self.addCleanup(self.kedged.close)
        self.program = subprocess.Popen([PROGRAM, "--socket=" + self.kedged.path], stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop)
        self.kedged.accept()
        self.kedged.frame(IDENTITY, 0, bytes(range(1, 33)))

    def stop(self):
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(self.program.wait(20), 0)

    def up(self, host):
        self.kedged.connect(self.node.port, host)
        connection = self.node.accept()
        self.assertEqual(self.kedged.take(), (UP, 0, self.key))
        self.kedged.frame(DROP)
        self.assertEqual(self.kedged.take()[0], DOWN)
        connection.close(politely=False)

    def down(self, host):
        self.kedged.connect(self.node.port, host)
        kind, _, reason = self.kedged.take()
        self.assertEqual(kind, DOWN)
        return reason.decode()

    def test_names(self):
        dns = Dns({"node.example": ["127.0.0.1"], "second.example": ["127.0.0.2", "127.0.0.1"], "empty.example": []})
        dns.start()
        self.up("node.example")
        self.up("second.example")  # nobody listens at the first address
        self.assertEqual(self.down("empty.example"), "host unknown")
        self.assertEqual(self.down("missing.example"), "host unknown")
        asked = set(dns.asked)
        self.up("127.0.0.1")       # asks nobody
        self.assertEqual(set(dns.asked), asked)
        self.assertEqual(asked, {"node.example", "second.example", "empty.example", "missing.example"})  # no search list
        dns.hosts.clear()          # now DNS knows nothing
        self.up("node.example")    # the last good address
        self.assertEqual(self.down("missing.example"), "host unknown")
        dns.stop()
        self.up("NODE.example")


def main():
    if os.geteuid() != 0:
        print("needs root, for a namespace")
        return SKIP
    if os.environ.get("KEDGE_TEST_NAMESPACE") != "1":
        os.environ["KEDGE_TEST_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-n", "-m", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.NamedTemporaryFile("w", prefix="kedge-resolv.") as f:
        f.write("nameserver 127.0.0.1\nsearch elsewhere.example\n")
        f.flush()
        subprocess.run(["mount", "--bind", f.name, "/etc/resolv.conf"], check=True)
        sys.argv.pop(1)
        return 0 if unittest.main(verbosity=2, exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
