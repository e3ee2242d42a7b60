#!/usr/bin/env python3
"""kedge-fetch between a scripted node and a scripted kedged. usage: test_fetch.py KEDGE_FETCH"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

from edge import (CONNECT, DOWN, DROP, IDENTITY, MESSAGE, NID_SECP256K1, SEND, UP, Kedged, Node, make_certificate, make_expired, run,
                  until)

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else "kedge-fetch"
SECRET = bytes(range(1, 33))
PKCS_HEAD = bytes.fromhex("302e0201010420")  # SEC1: version 1, the key, the curve
PKCS_TAIL = bytes.fromhex("a00706052b8104000a")


def public_key(secret):
    return run("openssl", "ec", "-inform", "DER", "-pubout", "-outform", "DER", data=PKCS_HEAD + secret + PKCS_TAIL)[-64:]


class Fetch(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.mkdtemp(prefix="kedge-fetch.")
        cls.pem, cls.key = make_certificate(cls.keys, "node")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.keys)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="kedge-fetch.")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "fetch.sock")
        self.kedged = Kedged(self.path)
        self.addCleanup(self.kedged.close)
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.addCleanup(self.log.close)
        self.program = subprocess.Popen([PROGRAM, "--socket=" + self.path, *self.options], stderr=self.log)
        self.addCleanup(self.stop)
        self.kedged.accept()
        self.kedged.frame(IDENTITY, 0, SECRET)

    def stop(self):
        """Whatever a test did, the program still ends well when told to."""
        self.assertIsNone(self.program.poll(), "the program died")
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(self.program.wait(20), 0)

    def said(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8") as f:
            return f.read()

    def node(self, pem=None, **options):
        node = Node(pem or self.pem, **options)
        self.addCleanup(node.close)
        return node

    def up(self, node, upstream=0):
        """Connects, and returns the node's end."""
        self.kedged.connect(node.port, upstream=upstream)
        connection = node.accept()
        self.assertIsNotNone(connection)
        self.addCleanup(connection.close)
        self.assertEqual(self.kedged.take(), (UP, upstream, self.key))
        return connection

    def assert_down(self, text, upstream=0):
        kind, at, reason = self.kedged.take()
        self.assertEqual((kind, at), (DOWN, upstream), reason)
        self.assertIn(text, reason.decode())


class Connecting(Fetch):
    def test_up_carries_the_key_that_the_node_has_proven(self):
        facts = self.up(self.node()).facts()
        self.assertEqual(facts["version"], "TLSv1.2")
        self.assertEqual(facts["group"], NID_SECP256K1)
        self.assertEqual(facts["cipher"], "ECDHE-ECDSA-AES256-GCM-SHA384")
        self.assertFalse(facts["resumed"])

    def test_node_sees_the_identity_that_kedged_gave(self):
        certificate = self.up(self.node()).facts()["certificate"]
        spki = run("openssl", "x509", "-inform", "DER", "-noout", "-pubkey", data=certificate)
        self.assertEqual(run("openssl", "pkey", "-pubin", "-outform", "DER", data=spki)[-64:], public_key(SECRET))

    def test_dates_of_a_node_do_not_matter(self):
        pem = make_expired(self.keys, self.pem)
        self.up(self.node(pem))

    def test_no_session_is_resumed(self):
        node = self.node()
        for _ in range(3):
            connection = self.up(node)
            self.assertFalse(connection.facts()["resumed"])
            self.kedged.frame(DROP)
            self.assert_down("dropped")
            connection.close()

    def test_no_other_curve_is_offered(self):
        self.assertEqual(self.up(self.node(group="X25519:P-256:secp256k1")).facts()["group"], NID_SECP256K1)

    def test_key_on_another_curve_is_refused(self):
        pem, _ = make_certificate(self.keys, "p256", "prime256v1")
        node = self.node(pem, group="secp256k1:P-256")
        self.kedged.connect(node.port)
        self.assertIsNone(node.accept())
        self.assert_down("handshake failed")

    def test_suite_without_a_certificate_is_refused(self):
        node = Node(None, ciphers="aNULL:@SECLEVEL=0")
        self.addCleanup(node.close)
        self.kedged.connect(node.port)
        self.assertIsNone(node.accept())
        self.assert_down("handshake failed: the peer refused with alert 40")

    def test_other_version_of_tls_is_refused(self):
        pem, _ = make_certificate(self.keys, "p256", "prime256v1")
        node = self.node(pem, version="1.3", group="P-256")
        self.kedged.connect(node.port)
        self.assertIsNone(node.accept())
        self.assert_down("handshake failed")

    def test_connection_refused(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.kedged.connect(port)
        self.assert_down("connection refused")

    def test_connect_without_identity(self):
        self.kedged.hang_up()
        self.kedged.accept()
        self.kedged.connect(1)
        self.assert_down("no identity")

    def test_sixteen_upstreams_at_once(self):
        node = self.node()
        ends = [self.up(node, i) for i in range(16)]
        for i, end in enumerate(ends):
            self.assertTrue(end.send(b"from %d" % i))
            self.assertEqual(self.kedged.take(), (MESSAGE, i, b"from %d" % i))

    def test_other_identity_is_used_from_the_next_connection_on(self):
        node = self.node()
        first = self.up(node)
        self.kedged.frame(IDENTITY, 0, SECRET[::-1])
        certificate = self.up(node, 1).facts()["certificate"]
        self.assertIn(public_key(SECRET[::-1]), certificate)
        self.assertTrue(first.send(b"still here"))
        self.assertEqual(self.kedged.take(), (MESSAGE, 0, b"still here"))

    def test_memory_is_small(self):
        node = self.node()
        for i in range(3):
            self.up(node, i)
        with open(f"/proc/{self.program.pid}/smaps_rollup", encoding="ascii") as f:
            sizes = {line.split(":")[0]: int(line.split()[1]) for line in f if line.rstrip().endswith("kB")}
        print(f"\n3 upstreams: Rss {sizes['Rss']} kB, Private_Dirty {sizes['Private_Dirty']} kB")
        self.assertLess(sizes["Private_Dirty"], 4096)


class Silence(Fetch):
    options = ("--connect-timeout=700",)

    def test_silence_instead_of_a_handshake(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen(1)
            self.kedged.connect(s.getsockname()[1])
            self.assert_down("timed out while shaking hands")


class Deadlines(Fetch):
    options = ("--message-timeout=2000",)

    def test_message_that_does_not_end_in_time(self):
        connection = self.up(self.node())
        self.assertTrue(connection.write(b"\0\5abc"))
        self.assert_down("timed out in the middle of a message")
        self.assertEqual(connection.read(1), b"")

    def test_half_a_length_does_not_end_in_time(self):
        connection = self.up(self.node())
        self.assertTrue(connection.write(b"\0"))
        self.assert_down("timed out in the middle of a message")

    def test_each_message_has_its_own_time(self):
        connection = self.up(self.node())
        stop = threading.Event()
        for i in range(6):  # each takes less than the limit, all together more
            self.assertTrue(connection.write(b"\0\2a"))
            stop.wait(0.4)
            self.assertTrue(connection.write(b"b" if i % 2 else b"b\0\2a"))
            self.assertEqual(self.kedged.take(), (MESSAGE, 0, b"ab"))
            if not i % 2:
                self.assertTrue(connection.write(b"b"))
                self.assertEqual(self.kedged.take(), (MESSAGE, 0, b"ab"))
        self.assertTrue(self.kedged.is_quiet())

    def test_silence_between_messages_is_fine(self):
        connection = self.up(self.node())
        self.assertFalse(threading.Event().wait(2.5))  # longer than the limit of a message
        self.assertTrue(connection.send(b"late"))
        self.assertEqual(self.kedged.take(), (MESSAGE, 0, b"late"))


class Messages(Fetch):
    def test_both_ways(self):
        connection = self.up(self.node())
        for message in (b"x", b"\0\0", b"hello" * 1000, os.urandom(65535)):
            self.kedged.frame(SEND, 0, message)
            self.assertEqual(connection.receive(), message)
            self.assertTrue(connection.send(message))
            self.assertEqual(self.kedged.take(), (MESSAGE, 0, message))

    def test_empty_messages_are_skipped(self):
        connection = self.up(self.node())
        self.assertTrue(connection.write(b"\0\0\0\0\0\1a\0\0"))
        self.assertEqual(self.kedged.take(), (MESSAGE, 0, b"a"))
        self.assertTrue(connection.write(b"\0\1b"))
        self.assertEqual(self.kedged.take(), (MESSAGE, 0, b"b"))

    def test_many_in_one_record(self):
        connection = self.up(self.node())
        self.assertTrue(connection.write(b"".join(struct.pack(">HB", 1, i % 256) for i in range(5000))))
        for i in range(5000):
            self.assertEqual(self.kedged.take(), (MESSAGE, 0, bytes([i % 256])))

    def test_byte_by_byte(self):
        connection = self.up(self.node())
        for byte in b"\0\4slow":
            self.assertTrue(connection.write(bytes([byte])))
        self.assertEqual(self.kedged.take(), (MESSAGE, 0, b"slow"))

    def test_close_between_messages(self):
        connection = self.up(self.node())
        self.assertTrue(connection.send(b"last"))
        connection.close()
        self.assertEqual(self.kedged.take(), (MESSAGE, 0, b"last"))
        self.assert_down("closed by peer")
        self.assertTrue(self.kedged.is_quiet())

    def test_close_in_the_middle(self):
        connection = self.up(self.node())
        self.assertTrue(connection.write(b"\0\5abc"))
        connection.close()
        self.assert_down("closed by peer in the middle of a message")

    def test_close_without_a_word(self):
        connection = self.up(self.node())
        connection.close(politely=False)
        self.assert_down("closed by peer")

    def test_garbage_instead_of_a_record(self):
        connection = self.up(self.node())
        connection.sock.sendall(os.urandom(4096))
        self.assert_down("receiving failed")

    def test_drop_and_connect_again(self):
        node = self.node()
        first = self.up(node)
        self.kedged.frame(DROP)
        self.assert_down("dropped")
        self.assertEqual(first.read(1), b"")
        self.kedged.frame(DROP)  # nothing to drop, nothing to tell
        second = self.up(node)
        self.kedged.connect(node.port)  # without dropping first
        self.assert_down("dropped")
        self.assertEqual(second.read(1), b"")
        third = node.accept()
        self.addCleanup(third.close)
        self.assertEqual(self.kedged.take(), (UP, 0, self.key))
        self.kedged.frame(SEND, 3, b"to nobody")
        self.assertTrue(self.kedged.is_quiet())

    def test_kedged_that_does_not_read_holds_the_node_back(self):
        connection = self.up(self.node())
        sent = [0]

        def flood():
            while sent[0] < 1500 and connection.send(struct.pack(">I", sent[0]) + b"x" * 40000):
                sent[0] += 1

        thread = threading.Thread(target=flood)
        thread.start()
        last = [-1]

        def stalled():
            before, last[0] = last[0], sent[0]
            return before == sent[0] and not threading.Event().wait(0.3) and before == sent[0]
        self.assertTrue(until(stalled))
        self.assertLess(sent[0], 1500, "60 MB went somewhere")
        with open(f"/proc/{self.program.pid}/statm", encoding="ascii") as f:
            self.assertLess(int(f.read().split()[1]) * 4, 32768)
        for i in range(1500):
            kind, _, body = self.kedged.take()
            self.assertEqual((kind, struct.unpack(">I", body[:4])[0], len(body)), (MESSAGE, i, 40004))
        thread.join()
        self.assertTrue(self.kedged.is_quiet())

    def test_node_that_does_not_read_is_given_up(self):
        node = self.node(receive_buffer=4096)
        connection = self.up(node)
        for _ in range(4000):
            self.kedged.frame(SEND, 0, b"x" * 16000)
            if not self.kedged.is_quiet():
                break
        self.assert_down("too much is waiting to be sent")
        self.assertTrue(self.kedged.is_quiet())
        connection.close(politely=False)


class Link(Fetch):
    def test_kedged_restarts(self):
        connection = self.up(self.node())
        self.kedged.close()
        self.assertEqual(connection.read(1), b"")
        self.kedged.listen()
        self.kedged.accept()
        self.kedged.frame(IDENTITY, 0, SECRET)
        self.up(self.node())
        self.assertIn("lost kedged", self.said())

    def test_frames_that_are_none_drop_the_link(self):
        node = self.node()
        for garbage in (
            b"x", b"\0" * 8, os.urandom(64), b"\xff" * 70000,
            struct.pack(">BBHI", SEND, 80, 0, 1) + b"a",          # upstream out of range
            struct.pack(">BBHI", SEND, 0, 0, 2) + b"a",           # shorter than it says
            struct.pack(">BBHI", SEND, 0, 0, 1) + b"ab",          # longer than it says
            struct.pack(">BBHI", 99, 0, 0, 0),                    # no such kind
            struct.pack(">BBHI", UP, 0, 0, 64) + b"k" * 64,       # ours to send
            struct.pack(">BBHI", MESSAGE, 0, 0, 1) + b"m",
            struct.pack(">BBHI", IDENTITY, 0, 0, 31) + b"k" * 31,
            struct.pack(">BBHI", IDENTITY, 0, 0, 32) + b"\0" * 32,  # not a key
            struct.pack(">BBHI", CONNECT, 0, 0, 2) + b"\0\1",     # no host
        ):
            connection = self.up(node)
            self.kedged.packet(garbage)
            self.assertIsNone(self.kedged.take(), garbage[:16])
            self.assertEqual(connection.read(1), b"")
            self.kedged.hang_up()
            self.kedged.accept()
            self.kedged.frame(IDENTITY, 0, SECRET)
        self.up(node)

    def test_connect_after_connect_without_reading_is_bounded(self):
        """kedged that floods and reads nothing loses the link, and nothing grows."""
        self.kedged.link.settimeout(2)
        try:
            for _ in range(200000):
                self.kedged.connect(1)
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass
        self.assertTrue(until(lambda: "lost kedged" in self.said()))


@unittest.skipIf(os.geteuid() != 0, "needs root, to be another user")
class Stranger(unittest.TestCase):
    def test_socket_of_another_user_is_not_kedged(self):
        folder = tempfile.mkdtemp(prefix="kedge-fetch.")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o777)
        path = os.path.join(folder, "fetch.sock")
        os.seteuid(65534)
        try:
            kedged = Kedged(path)
        finally:
            os.seteuid(0)
        self.addCleanup(kedged.close)
        program = subprocess.Popen([PROGRAM, "--socket=" + path], stderr=subprocess.PIPE)
        self.addCleanup(program.stderr.close)
        self.assertIn(b"another user listens there", program.stderr.readline())
        program.terminate()
        self.assertEqual(program.wait(20), 0)

    def test_owner_of_the_folder_is_kedged(self):
        folder = tempfile.mkdtemp(prefix="kedge-fetch.")
        self.addCleanup(shutil.rmtree, folder)
        os.chown(folder, 65534, 65534)
        path = os.path.join(folder, "fetch.sock")
        os.seteuid(65534)
        try:
            kedged = Kedged(path)
        finally:
            os.seteuid(0)
        self.addCleanup(kedged.close)
        program = subprocess.Popen([PROGRAM, "--socket=" + path], stderr=subprocess.DEVNULL)
        kedged.accept()
        kedged.connect(1)
        self.assertEqual(kedged.take()[:2], (DOWN, 0))
        program.terminate()
        self.assertEqual(program.wait(20), 0)


class CommandLine(unittest.TestCase):
    def test_options(self):
        for options, code, out in (
            (["--version"], 0, "kedge-fetch "), (["--help"], 0, "--socket=PATH"),
            (["--nonsense"], 2, ""), (["word"], 2, ""), (["--connect-timeout=0"], 2, ""),
            (["--message-timeout=1x"], 2, ""), (["--socket=" + "x" * 200], 1, ""),
        ):
            done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, code, options)
            self.assertIn(out, done.stdout)
            self.assertEqual(done.stderr == "", code == 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
