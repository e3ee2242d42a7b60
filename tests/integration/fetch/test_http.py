#!/usr/bin/env python3
"""kedge-fetch between an HTTP server that lies and a scripted kedged, in a network and mount namespace with a DNS
server of ours. usage: test_http.py KEDGE_FETCH"""

import gzip
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from edge import DOWN, DROP, MESSAGE, SEND, UP, Kedged, make_certificate, make_expired, until
from web import (ABSENT, BOOTSTRAP, BUSY, CHAIN_ID, CHECKPOINT, FAILED, FINALITY, FORK_SCHEDULE, GENESIS, HEADER, NONSENSE, OK, OPEN,
                 OPTIMISTIC, PROOF, UNSUPPORTED, UPDATES, VERIFY, Answer, Web, proof_request, request, response)

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else "kedge-fetch"
SKIP = 77
CHAIN = b'{"jsonrpc":"2.0","id":1,"result":"0x1"}'
SSZ = "application/octet-stream"


class Http(unittest.TestCase):
    options = ("--request-timeout=4000",)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="kedge-fetch.")
        self.addCleanup(shutil.rmtree, self.folder)
        self.kedged = Kedged(os.path.join(self.folder, "fetch.sock"))
        self.addCleanup(self.kedged.close)
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.addCleanup(self.log.close)
        self.program = subprocess.Popen([PROGRAM, "--socket=" + self.kedged.path, *self.options], stderr=self.log,
                                        env={**os.environ, **self.env()})
        self.addCleanup(self.stop)
        self.kedged.accept()
        self.next_id = 0

    def env(self):
        return {}

    def stop(self):
        self.assertIsNone(self.program.poll(), "the program died")
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(self.program.wait(20), 0)

    def said(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8") as f:
            return f.read()

    def web(self, answer, **options):
        if not callable(answer):
            fixed = answer
            answer = lambda asked, connection: fixed
        web = Web(answer, **options)
        self.addCleanup(web.close)
        return web

    def open(self, url, upstream=0, verify=False):
        self.kedged.frame(OPEN, upstream, bytes([VERIFY if verify else 0]) + url.encode())
        self.assertEqual(self.kedged.take(), (UP, upstream, b""))

    def ask(self, kind, body=b"", upstream=0):
        self.next_id += 1
        message = proof_request(self.next_id) if kind == PROOF and not body else request(self.next_id, kind, body)
        self.kedged.frame(SEND, upstream, message)
        return self.next_id

    def take(self):
        kind, _, body = self.kedged.take()
        self.assertEqual(kind, MESSAGE)
        return Answer(body)

    def get(self, kind, body=b"", upstream=0):
        number = self.ask(kind, body, upstream)
        answer = self.take()
        self.assertEqual((answer.id, answer.kind), (number, kind))
        return answer

    def expect(self, result, text, answer, kind=CHAIN_ID, body=b""):
        """A server with this one answer, asked once, on an upstream of its own."""
        web = answer if isinstance(answer, Web) else self.web(answer)
        self.open(web.url(), 9)
        got = self.get(kind, body, 9)
        self.assertEqual(got.result, result, (got.name, got.text))
        self.assertIn(text, got.text)
        self.kedged.frame(DROP, 9)
        self.assertEqual(self.kedged.take()[0], DOWN)
        return got


class Asking(Http):
    def test_beacon_paths(self):
        web = self.web(response(b"{}", "404 Not Found"))
        self.open(web.url("/base/"))
        for kind, body, path in (
            (GENESIS, b"", "genesis"), (CHECKPOINT, b"", "headers/finalized"),
            (BOOTSTRAP, b"\xab" * 32, "light_client/bootstrap/0x" + "ab" * 32),
            (UPDATES, struct.pack(">QB", 1422, 2), "light_client/updates?start_period=1422&count=2"),
            (FINALITY, b"", "light_client/finality_update"), (OPTIMISTIC, b"", "light_client/optimistic_update"),
        ):
            self.assertEqual(self.get(kind, body).result, ABSENT)
            self.assertEqual(web.asked[-1].path, "/base/eth/v1/beacon/" + path)
            self.assertEqual(web.asked[-1].method, "GET")
        self.get(FORK_SCHEDULE)
        self.assertEqual(web.asked[-1].path, "/base/eth/v1/config/fork_schedule")
        self.assertEqual(web.connections, 1)  # kept

    def test_query_of_the_base_comes_last(self):
        web = self.web(response(b"{}", "404 Not Found"))
        self.open(web.url("/base?key=1"))
        self.get(UPDATES, struct.pack(">QB", 5, 1))
        self.assertEqual(web.asked[-1].path, "/base/eth/v1/beacon/light_client/updates?start_period=5&count=1&key=1")
        self.get(GENESIS)
        self.assertEqual(web.asked[-1].path, "/base/eth/v1/beacon/genesis?key=1")
        self.get(CHAIN_ID)
        self.assertEqual(web.asked[-1].path, "/base?key=1")

    def test_execution_requests(self):
        web = self.web(response(CHAIN))
        self.open(web.url("/rpc"))
        self.assertEqual(self.get(CHAIN_ID).body, struct.pack(">Q", 1))
        asked = web.asked[-1]
        self.assertEqual((asked.method, asked.path, asked.headers["content-type"]), ("POST", "/rpc", "application/json"))
        self.assertEqual(json.loads(asked.body), {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []})
        self.get(HEADER, b"\xcd" * 32)
        self.assertEqual(json.loads(web.asked[-1].body)["params"], ["0x" + "cd" * 32, False])
        for by_number, block in ((False, {"blockHash": "0x" + "99" * 32}), (True, "0x4d")):
            self.next_id += 1
            self.kedged.frame(SEND, 0, proof_request(self.next_id, [b"\x01" * 32, b"\x02" * 32], by_number))
            self.take()
            self.assertEqual(json.loads(web.asked[-1].body)["method"], "eth_getProof")
            self.assertEqual(json.loads(web.asked[-1].body)["params"],
                             ["0x" + "22" * 20, ["0x" + "01" * 32, "0x" + "02" * 32], block])

    def test_accept(self):
        web = self.web(response(b"s" * 50, kind=SSZ, Eth_Consensus_Version="Electra"))
        self.open(web.url())
        self.assertEqual(self.get(FINALITY).objects(), [(b"electra", b"s" * 50)])
        self.assertEqual(web.asked[-1].headers["accept"], "application/octet-stream;q=1, application/json;q=0.9")
        self.get(GENESIS)
        self.assertEqual(web.asked[-1].headers["accept"], "application/json")

    def test_range_of_updates(self):
        chunk = lambda digest, ssz: struct.pack("<Q", 4 + len(ssz)) + digest + ssz
        two = chunk(b"\xad\x53\x2c\xeb", b"u" * 26872) + chunk(b"\xcc\x2c\x5c\xdb", b"v" * 26872)
        got = self.expect(OK, "", response(two, kind=SSZ), UPDATES, struct.pack(">QB", 5, 2))
        self.assertEqual(got.objects(), [(b"\xad\x53\x2c\xeb", b"u" * 26872), (b"\xcc\x2c\x5c\xdb", b"v" * 26872)])
        self.expect(NONSENSE, "more updates", response(two, kind=SSZ), UPDATES, struct.pack(">QB", 5, 1))
        self.expect(NONSENSE, "cut", response(two[:-1], kind=SSZ), UPDATES, struct.pack(">QB", 5, 2))
        self.expect(NONSENSE, "cut", response(two[:30], kind=SSZ), UPDATES, struct.pack(">QB", 5, 2))
        self.expect(ABSENT, "empty", response(b"", kind=SSZ), UPDATES, struct.pack(">QB", 5, 2))
        self.expect(ABSENT, "empty", response(b"[]"), UPDATES, struct.pack(">QB", 5, 2))

    def test_json_alone_after_406(self):
        def answer(asked, _):
            if "octet" in asked.headers["accept"]:
                return response(b"", "406 Not Acceptable")
            return response(b"{}", "404 Not Found")
        web = self.web(answer)
        self.open(web.url())
        self.assertEqual(self.get(FINALITY).result, ABSENT)
        self.assertEqual(len(web.asked), 2)
        self.assertEqual(self.get(OPTIMISTIC).result, ABSENT)
        self.assertEqual(len(web.asked), 3)  # it is remembered

    def test_json_alone_if_bytes_come_without_a_fork(self):
        web = self.web(lambda asked, _: response(b"s" * 9, kind=SSZ) if "octet" in asked.headers["accept"]
                       else response(b"{}", "404 Not Found"))
        self.open(web.url())
        self.assertEqual(self.get(FINALITY).result, ABSENT)
        self.expect(NONSENSE, "without the name", response(b"s" * 9, kind=SSZ), FINALITY)
        self.expect(UNSUPPORTED, "406", response(b"", "406 Not Acceptable"), FINALITY)

    def test_many_in_parallel_in_any_order(self):
        gate = threading.Event()

        def answer(asked, _):
            if "bootstrap" in asked.path:
                gate.wait(3)
            return response(b"{}", "404 Not Found")
        web = self.web(answer)
        self.open(web.url())
        slow = [self.ask(BOOTSTRAP, bytes(32)) for _ in range(3)]
        quick = [self.ask(GENESIS) for _ in range(20)]
        self.assertEqual(sorted(self.take().id for _ in quick), quick)
        gate.set()
        self.assertEqual(sorted(self.take().id for _ in slow), slow)
        self.assertLessEqual(web.connections, 4)

    def test_servers_that_stall_hold_up_no_other(self):
        gate = threading.Event()
        stalling = [self.web(lambda asked, _: gate.wait(8) and response(CHAIN)) for _ in range(12)]
        for i, web in enumerate(stalling):
            self.open(web.url(), i + 1)
            for _ in range(6):
                self.ask(CHAIN_ID, upstream=i + 1)
        self.assertTrue(until(lambda: all(len(web.asked) == 4 for web in stalling)))
        self.open(self.web(response(CHAIN)).url())
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        gate.set()
        for _ in range(12 * 6):
            self.take()

    def test_connection_that_the_server_has_closed(self):
        """Without a word, as servers close idle ones: the next request goes out on a new one."""
        web = self.web(lambda asked, connection: connection.sendall(response(CHAIN)))
        self.open(web.url())
        for _ in range(5):
            self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.assertEqual(web.connections, 5)

    def test_more_than_wait_are_busy(self):
        gate = threading.Event()
        web = self.web(lambda asked, _: gate.wait(5) and response(CHAIN))
        self.open(web.url())
        asked = [self.ask(CHAIN_ID) for _ in range(4 + 64 + 7)]
        busy = [self.take() for _ in range(7)]
        self.assertEqual({a.result for a in busy}, {BUSY})
        gate.set()
        rest = [self.take() for _ in range(4 + 64)]
        self.assertEqual({a.result for a in rest}, {OK})
        self.assertEqual(sorted(a.id for a in busy + rest), asked)

    def test_drop_discards_answers(self):
        gate = threading.Event()
        web = self.web(lambda asked, _: gate.wait(3) and response(CHAIN))
        self.open(web.url())
        self.ask(CHAIN_ID)
        self.assertTrue(until(lambda: web.asked))
        self.kedged.frame(DROP)
        self.assertEqual(self.kedged.take(), (DOWN, 0, b"dropped as asked"))
        gate.set()
        self.ask(CHAIN_ID)  # to nobody
        self.open(web.url())
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.assertTrue(self.kedged.is_quiet())

    def test_open_after_open(self):
        web = self.web(response(CHAIN))
        self.open(web.url())
        self.kedged.frame(OPEN, 0, b"\0" + web.url().encode())
        self.assertEqual(self.kedged.take()[0], DOWN)
        self.assertEqual(self.kedged.take(), (UP, 0, b""))
        self.assertEqual(self.get(CHAIN_ID).result, OK)

    def test_urls_that_are_none(self):
        for url in ("ftp://127.0.0.1/", "file:///etc/passwd", "http://", "nonsense:", "http://h:99999/"):
            self.kedged.frame(OPEN, 3, b"\0" + url.encode())
            self.assertEqual(self.kedged.take(), (DOWN, 3, b"not a URL of http or https"), url)

    def test_requests_that_are_none_end_the_link(self):
        web = self.web(response(CHAIN))
        for message in (b"\0\0\0\1\x63", b"\0\0\0\1", request(1, CHAIN_ID, b"x"), request(1, UPDATES, struct.pack(">QB", 1, 9))):
            self.open(web.url())
            self.kedged.frame(SEND, 0, message)
            self.assertIsNone(self.kedged.take())
            self.kedged.hang_up()
            self.kedged.accept()

    def test_kedged_that_does_not_read(self):
        """Answers wait, and no more is asked for; then nothing is lost."""
        web = self.web(response(b"s" * 60000, kind=SSZ, Eth_Consensus_Version="fulu"))
        self.open(web.url())
        asked = [self.ask(BOOTSTRAP, bytes(32)) for _ in range(60)]
        seen = []

        def stalled():
            seen.append(len(web.asked))
            time.sleep(0.2)
            return len(web.asked) == seen[-1] > 4
        self.assertTrue(until(stalled))
        self.assertLess(len(web.asked), 50)
        got = [self.take() for _ in asked]
        self.assertEqual(sorted(a.id for a in got), asked)
        self.assertEqual({a.result for a in got}, {OK})
        self.assertEqual(len(web.asked), 60)

    def test_kedged_that_asks_and_asks_and_does_not_read(self):
        web = self.web(response(b"s" * 60000, kind=SSZ, Eth_Consensus_Version="fulu"))
        self.open(web.url())
        with self.assertRaises(OSError):
            for _ in range(1000):
                self.ask(BOOTSTRAP, bytes(32))
                time.sleep(0.0005)
        self.assertIn("lost kedged", self.said())
        self.kedged.hang_up()
        self.kedged.accept()

class Answers(Http):
    def test_statuses(self):
        for status, kind, result in (
            ("404 Not Found", FINALITY, ABSENT), ("410 Gone", BOOTSTRAP, ABSENT), ("405 Method Not Allowed", FINALITY, UNSUPPORTED),
            ("501 Not Implemented", UPDATES, UNSUPPORTED), ("429 Too Many Requests", FINALITY, BUSY),
            ("503 Service Unavailable", FINALITY, BUSY), ("500 Internal Server Error", FINALITY, FAILED),
            ("400 Bad Request", FINALITY, FAILED), ("401 Unauthorized", FINALITY, FAILED), ("204 No Content", FINALITY, FAILED),
            ("404 Not Found", CHAIN_ID, UNSUPPORTED), ("429 Too Many Requests", CHAIN_ID, BUSY),
            ("503 Service Unavailable", PROOF, BUSY), ("500 Internal Server Error", PROOF, FAILED),
        ):
            body = {BOOTSTRAP: bytes(32), UPDATES: struct.pack(">QB", 1, 1)}.get(kind, b"")
            answer = b"" if status.startswith("204") else b'{"code":1,"message":"so it is"}'
            got = self.expect(result, "HTTP status " + status[:3], response(answer, status), kind, body)
            if answer and not (status.startswith("404") and kind == CHAIN_ID):
                self.assertIn("so it is", got.text)

    def test_unknown_block_with_status_400(self):
        self.expect(ABSENT, "400", response(b'{"message":"Block not found"}', "400 Bad Request"), BOOTSTRAP, bytes(32))

    def test_retry_after(self):
        for value, want in (("30", 30), ("999999999999999999999999", 86400), ("Fri, 31 Dec 1999 23:59:59 GMT", 0), ("-5", 0)):
            got = self.expect(BUSY, "429", response(b"", "429 Too Many Requests", Retry_After=value))
            self.assertEqual(got.retry, want)

    def test_chunked_and_gzip(self):
        chunked = b"".join(b"%x\r\n%s\r\n" % (len(CHAIN[i:i + 7]), CHAIN[i:i + 7]) for i in range(0, len(CHAIN), 7)) + b"0\r\n\r\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        self.expect(OK, "", head + b"\r\n" + chunked)
        self.expect(OK, "", response(gzip.compress(CHAIN), Content_Encoding="gzip"))
        self.expect(FAILED, "", head + b"\r\nzz\r\n")
        self.expect(NONSENSE, "", response(b"this is no gzip", Content_Encoding="gzip"))

    def test_gzip_bomb(self):
        bomb = gzip.compress(b" " * (64 << 20))
        self.assertLess(len(bomb), 70000)
        got = self.expect(NONSENSE, "too long", response(bomb, Content_Encoding="gzip"), HEADER, bytes(32))
        self.assertLess(self.memory("VmHWM"), 40000, got.text)

    def memory(self, what):
        with open(f"/proc/{self.program.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(what))

    def test_endless_body(self):
        def answer(_, connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while True:
                connection.sendall(b" " * 65536)
        started = time.monotonic()
        self.expect(NONSENSE, "too long", answer)
        self.expect(NONSENSE, "too long", answer, HEADER, bytes(32))
        self.assertLess(time.monotonic() - started, 8)

    def test_length_that_is_too_long(self):
        self.expect(NONSENSE, "too long", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")

    def test_truncated(self):
        def answer(_, connection):
            connection.sendall(response(CHAIN)[:-5])
        self.expect(NONSENSE, "", answer)

    def test_endless_headers(self):
        def answer(_, connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
        self.expect(NONSENSE, "too long", answer)

    def test_slow_headers(self):
        def answer(_, connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for _ in range(100):
                time.sleep(0.2)
                connection.sendall(b"x")
        started = time.monotonic()
        self.expect(FAILED, "timed out", answer)
        self.assertLess(time.monotonic() - started, 6)

    def test_silence(self):
        self.expect(FAILED, "timed out", lambda asked, connection: time.sleep(6))

    def test_no_http(self):
        self.expect(NONSENSE, "", b"SSH-2.0-OpenSSH_9.2\r\n" * 20)
        self.expect(FAILED, "", lambda asked, connection: None)

    def test_refused_and_unknown(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.open(f"http://127.0.0.1:{port}")
        self.assertEqual(self.get(CHAIN_ID).result, FAILED)

    def test_wrong_content(self):
        page = b"<html><body>502 Bad Gateway</body></html>"
        self.expect(NONSENSE, "neither", response(page, kind="text/html"), FINALITY)
        self.expect(NONSENSE, "not JSON", response(page, kind="text/html"))
        self.expect(FAILED, "502", response(page, "502 Bad Gateway", kind="text/html"))
        self.expect(NONSENSE, "bytes", response(b"sss", kind=SSZ), GENESIS)
        self.expect(OK, "", response(CHAIN, kind="text/plain"))  # JSON is JSON

    def test_json_bombs(self):
        for body in (b"[" * 60000, b'{"result":' * 5000 + b"1" + b"}" * 5000, b"[" + b"0," * 30000 + b"0]",
                     b'{"result":' + b"9" * 60000 + b"}", b'{"result":1e999999}', b'{"result":"' + b"\\u0000" * 100 + b'"}',
                     b'{"result":"0x1","result":"0x2"}', CHAIN + b"x", b"", b"\xff\xfe", b'{"result":"0x1"'):
            self.expect(NONSENSE, "JSON", response(body))
            self.assertLess(self.memory("VmHWM"), 40000)

    def test_numbers_that_are_none(self):
        for number in ('"0x1ffffffffffffffff"', '"1"', "1", '""', '"0xg"', '"0x-1"', "[]", '{}', '"0x0x1"', "true"):
            self.expect(NONSENSE, "", response(b'{"result":%s}' % number.encode()))
        self.expect(ABSENT, "null", response(b'{"result":null}'))

    def test_errors(self):
        for code, text, result in (
            (-32000, "missing trie node 1234 (path ) <nil>", ABSENT), (-32000, "distance to target block exceeds maximum proof window", ABSENT),
            (-32000, "header not found", ABSENT), (-39001, "Unknown block", ABSENT), (-32601, "the method eth_x does not exist", UNSUPPORTED),
            (-32602, "invalid argument 2", UNSUPPORTED), (-32005, "daily request count exceeded", BUSY), (429, "slow down", BUSY),
            (-32000, "Rate limit reached", BUSY), (-32603, "internal error", FAILED), (0, "", FAILED),
        ):
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": text}}).encode()
            self.assertIn(text[:20], self.expect(result, f"error {code}", response(body), PROOF).text)
        self.expect(ABSENT, "header not found", response(b'{"error":{"code":-32000,"message":"header not found"}}', "400 Bad Request"), PROOF)
        self.expect(NONSENSE, "without a result", response(b'{"jsonrpc":"2.0"}'), PROOF)
        self.expect(FAILED, "a?b?", response(b'{"error":{"code":1,"message":"a\\nb\\u001b"}}'))

    def test_genesis_schedule_and_checkpoint(self):
        body = {"data": {"genesis_time": "1606824023", "genesis_validators_root": "0x" + "4b" * 32, "genesis_fork_version": "0x00000001"}}
        got = self.expect(OK, "", response(json.dumps(body).encode()), GENESIS)
        self.assertEqual(got.body, struct.pack(">Q", 1606824023) + b"\x4b" * 32 + b"\0\0\0\1")
        forks = [{"previous_version": "0x00000000", "current_version": f"0x0{i}000000", "epoch": str(2 ** 64 - i)} for i in (1, 2)]
        got = self.expect(OK, "", response(json.dumps({"data": forks}).encode()), FORK_SCHEDULE)
        self.assertEqual(got.body, b"\2\1\0\0\0" + struct.pack(">Q", 2 ** 64 - 1) + b"\2\0\0\0" + struct.pack(">Q", 2 ** 64 - 2))
        self.expect(NONSENSE, "", response(json.dumps({"data": forks * 17}).encode()), FORK_SCHEDULE)
        body = {"data": {"root": "0x" + "aa" * 32, "header": {"message": {"slot": "12345"}}}}
        got = self.expect(OK, "", response(json.dumps(body).encode()), CHECKPOINT)
        self.assertEqual(got.body, struct.pack(">Q", 12345) + b"\xaa" * 32)
        body["data"]["header"]["message"]["slot"] = "18446744073709551616"
        self.expect(NONSENSE, "", response(json.dumps(body).encode()), CHECKPOINT)

    def test_fork_that_is_not_known(self):
        got = self.expect(UNSUPPORTED, "heze", response(b'{"version":"heze","data":{}}'), FINALITY)
        self.assertIn("update kedge", got.text)
        self.expect(OK, "", response(b"s", kind=SSZ, Eth_Consensus_Version="heze"), FINALITY)  # bytes are not ours to judge
        self.expect(NONSENSE, "", response(b"s", kind=SSZ, Eth_Consensus_Version="no name"), FINALITY)

    def test_answer_longer_than_a_frame(self):
        self.expect(NONSENSE, "too long", response(b"s" * 70000, kind=SSZ, Eth_Consensus_Version="fulu"), BOOTSTRAP, bytes(32))


class Redirects(Http):
    def to(self, target, status="307 Temporary Redirect"):
        return response(b"", status, Location=target)

    def test_followed(self):
        end = self.web(response(CHAIN))
        for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"):
            self.expect(OK, "", self.to(end.url("/x"), status))
            self.assertEqual((end.asked[-1].method, end.asked[-1].path), ("POST", "/x"))
            self.assertIn(b"eth_chainId", end.asked[-1].body)
        self.expect(FAILED, "another question", self.to(end.url("/x"), "303 See Other"))
        web = self.web(lambda asked, _: response(CHAIN) if asked.path == "/there" else self.to("/there"))
        self.expect(OK, "", web)

    def test_loop(self):
        web = self.web(self.to("/again"))
        self.expect(FAILED, "too often", web)
        self.assertEqual(len(web.asked), 4)

    def test_to_what_is_no_http(self):
        for target in ("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:25/x", "//[", "http://"):
            self.expect(FAILED, "redirected", self.to(target))

    def test_from_https_to_http(self):
        pem, _ = make_certificate(self.folder, "tls", "prime256v1")
        end = self.web(response(CHAIN))
        self.expect(OK, "", self.web(self.to(end.url()), pem=pem))
        self.assertEqual(len(end.asked), 1)

    def test_to_https(self):
        pem, _ = make_certificate(self.folder, "tls", "prime256v1")
        self.expect(OK, "", self.to(self.web(response(CHAIN), pem=pem).url()))

    def test_credentials_stay(self):
        end = self.web(response(CHAIN))
        web = self.web(lambda asked, _: self.to("/here") if asked.path == "/" else self.to(end.url("/", "stolen:word@")))
        self.open(web.url("/", user="us%65r:pa%20ss@"))
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.assertEqual([a.headers["authorization"] for a in web.asked], ["Basic dXNlcjpwYSBzcw=="] * 2)
        self.assertNotIn("authorization", end.asked[0].headers)
        back = self.web(lambda asked, _: response(CHAIN) if asked.path == "/back" else self.to(away.url()))
        away = self.web(self.to(back.url("/back")))
        self.open(back.url("/", user="u:p@"), 1)
        self.assertEqual(self.get(CHAIN_ID, upstream=1).result, OK)
        self.assertNotIn("authorization", back.asked[-1].headers)  # not even when it comes back

    def test_secrets_are_not_told(self):
        def answer(asked, _):
            return response(json.dumps({"error": {"code": 1, "message": "bad " + asked.path}}).encode())
        self.open(self.web(answer).url("/v3/0123456789abcdef"))
        got = self.get(CHAIN_ID)
        self.assertEqual(got.result, FAILED)
        self.assertNotIn("0123", got.text)
        self.kedged.frame(OPEN, 1, b"\0http://user:secretword@127.0.0.1:1/")
        self.kedged.take()
        self.assertNotIn("secretword", self.get(CHAIN_ID, upstream=1).text)
        self.assertNotIn("secretword", self.said())


class Tls(Http):
    def test_self_signed(self):
        pem, _ = make_certificate(self.folder, "tls", "prime256v1")
        web = self.web(response(CHAIN), pem=pem)
        self.open(web.url())
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.open(web.url(), 1, verify=True)
        got = self.get(CHAIN_ID, upstream=1)
        self.assertEqual(got.result, FAILED)
        self.assertIn("certificate", got.text.lower())
        self.assertEqual(len(web.asked), 1)


    def test_dates_do_not_matter(self):
        pem, _ = make_certificate(self.folder, "tls", "prime256v1")
        self.open(self.web(response(CHAIN), pem=make_expired(self.folder, pem)).url())
        self.assertEqual(self.get(CHAIN_ID).result, OK)


class Libraries(Http):
    """Which libcurl there is; in the namespace, where files can be hidden."""

    def setUp(self):
        if os.environ.get("KEDGE_TEST_NAMESPACE") != "1":
            self.skipTest("needs root, for a namespace")
        super().setUp()

    def hide(self, name):
        """Puts an empty file where a library is. False if there is none."""
        listed = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
        paths = {os.path.realpath(line.split("=>")[1].strip()) for line in listed.splitlines() if line.split()[:1] == [name]}
        for path in paths:
            subprocess.run(["mount", "--bind", "/dev/null", path], check=True)
            self.addCleanup(subprocess.run, ["umount", path], check=True)
        return bool(paths)

    def test_gnutls_will_do(self):
        pem, _ = make_certificate(self.folder, "tls", "prime256v1")
        self.hide("libcurl.so.4")
        probe = [sys.executable, "-c", "import ctypes; ctypes.CDLL('libcurl-gnutls.so.4')"]
        if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
            self.skipTest("needs libcurl3-gnutls")
        web = self.web(response(gzip.compress(CHAIN), Content_Encoding="gzip"), pem=pem)
        self.open(web.url())
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.open(web.url(), 1, verify=True)
        got = self.get(CHAIN_ID, upstream=1)
        self.assertEqual(got.result, FAILED)
        self.assertIn("certificate", got.text.lower())

    def test_none(self):
        self.hide("libcurl.so.4")
        self.hide("libcurl-gnutls.so.4")
        self.kedged.frame(OPEN, 0, b"\0http://127.0.0.1/")
        self.assertEqual(self.kedged.take(), (DOWN, 0, b"libcurl cannot be loaded: install libcurl4"))
        self.assertIn("install libcurl4", self.said())


class Names(Http):
    """With DNS; in the namespace."""

    def setUp(self):
        if os.environ.get("KEDGE_TEST_NAMESPACE") != "1":
            self.skipTest("needs root, for a namespace")
        super().setUp()
        self.dns = Dns({"web.example": ["127.0.0.1"], "two.example": ["127.0.0.9", "127.0.0.1"], "lan.example": ["10.9.9.9"],
                        "world.example": ["198.18.0.1"]})
        self.dns.start()
        self.addCleanup(self.dns.stop)

    def test_names(self):
        web = self.web(response(CHAIN))
        for i, host in enumerate(("web.example", "two.example")):
            self.open(web.url(host=host), i)
            self.assertEqual(self.get(CHAIN_ID, upstream=i).result, OK, host)
            self.assertEqual(web.asked[-1].headers["host"], f"{host}:{web.port}")
        self.open(web.url(host="missing.example"), 2)
        got = self.get(CHAIN_ID, upstream=2)
        self.assertEqual((got.result, got.text), (FAILED, "host unknown"))
        self.assertEqual(set(self.dns.asked), {"web.example", "two.example", "missing.example"})

    def test_last_good_addresses(self):
        """DNS is asked again when nobody listens; when it says nothing, the last good addresses serve."""
        web = self.web(lambda asked, connection: connection.sendall(response(CHAIN, Connection="close")))
        self.open(web.url(host="web.example"))
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.dns.hosts.clear()
        port = web.port
        web.close()
        self.assertEqual(self.get(CHAIN_ID).result, FAILED)
        before = len(self.dns.asked)
        web = Web(lambda asked, connection: response(CHAIN), port=port)
        self.addCleanup(web.close)
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.assertGreater(len(self.dns.asked), before)

    def test_redirect_is_looked_up_by_us(self):
        end = self.web(response(CHAIN))
        web = self.web(response(b"", "307 Temporary Redirect", Location=end.url("/x", host="two.example")))
        self.open(web.url(host="web.example"))
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.assertEqual(set(self.dns.asked), {"web.example", "two.example"})

    def env(self):
        library = os.path.join(os.path.dirname(PROGRAM), "../../tests/integration/libwallclock.so")
        if "new_names" not in self.id() or not os.path.exists(library):
            return {}
        return {"LD_PRELOAD": library, "KEDGE_TEST_CLOCK_RATE": "100", "ASAN_OPTIONS": "verify_asan_link_order=0:quarantine_size_mb=0"}

    def test_ever_new_names_leave_nothing_behind(self):
        """A wall clock that runs a hundred times as fast: what libcurl keeps for a minute it keeps for a moment."""
        class Any(dict):
            def __contains__(self, name):
                return name.endswith(".any.example")

            def get(self, name, default=()):
                return ["127.0.0.1"] if name in self else default

        def answer(asked, _):
            n = len(web.asked)
            label = ".".join(f"{n:060}" for _ in range(3))
            return response(CHAIN) if n % 4 == 0 else response(b"", "307 Temporary Redirect",
                                                              Location=web.url(host=label + ".any.example"))

        def heap():
            with open(f"/proc/{self.program.pid}/smaps_rollup", encoding="ascii") as f:
                return sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))

        self.dns.hosts = Any()
        web = self.web(answer)
        self.open(web.url(host="first.any.example"))
        for i in range(450):
            self.assertEqual(self.get(CHAIN_ID).result, OK)
            if i == 100:
                before = heap()
        self.assertLess(heap() - before, 150)

    def test_redirect_further_inside_is_refused(self):
        inner = self.web(response(CHAIN))
        lan = self.web(lambda asked, _: response(b"", "307 Temporary Redirect", Location=inner.url("/reboot")), address="10.9.9.9")
        self.open(lan.url(host="lan.example"))
        got = self.get(CHAIN_ID)
        self.assertEqual((got.result, got.text), (FAILED, "redirected further into the local network"))
        self.assertEqual(inner.asked, [])
        world = self.web(lambda asked, _: response(b"", "307 Temporary Redirect", Location=lan.url(host="lan.example")),
                         address="198.18.0.1")
        before = len(lan.asked)
        self.open(world.url(host="world.example"), 1)
        self.assertEqual(self.get(CHAIN_ID, upstream=1).text, "redirected further into the local network")
        self.assertEqual(len(lan.asked), before)
        for i, address in enumerate(("64:ff9b::10.9.9.9", "64:ff9b::7f00:1", "2002:a09:909::1", "::ffff:10.9.9.9")):
            world = self.web(lambda asked, _, address=address: response(b"", "307 Temporary Redirect",
                                                                        Location=f"http://[{address}]:{lan.port}/"),
                             address="198.18.0.1")
            self.open(world.url(host="world.example"), 2 + i)
            self.assertEqual(self.get(CHAIN_ID, upstream=2 + i).text, "redirected further into the local network", address)

    def test_certificate_of_a_stranger(self):
        """For this name, and of an authority that nobody knows."""
        make_authority(self.folder, "web.example")
        web = self.web(response(CHAIN), pem=os.path.join(self.folder, "leaf.pem"))
        self.open(web.url(host="web.example"))
        self.assertEqual(self.get(CHAIN_ID).result, OK)
        self.open(web.url(host="web.example"), 1, verify=True)
        got = self.get(CHAIN_ID, upstream=1)
        self.assertEqual(got.result, FAILED)
        self.assertIn("certificate", got.text.lower())
        self.assertEqual(len(web.asked), 1)

    def test_verified(self):
        """A certificate of an authority that the machine trusts, for this name and for no other."""
        bundle = make_authority(self.folder, "web.example")
        subprocess.run(["mount", "--bind", bundle, "/etc/ssl/certs/ca-certificates.crt"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/ssl/certs/ca-certificates.crt"], check=True)
        web = self.web(response(CHAIN), pem=os.path.join(self.folder, "leaf.pem"))
        self.open(web.url(host="web.example"), verify=True)
        got = self.get(CHAIN_ID)
        self.assertEqual(got.result, OK, got.text)
        self.open(web.url(host="two.example"), 1, verify=True)
        self.assertEqual(self.get(CHAIN_ID, upstream=1).result, FAILED)
        end = self.web(response(CHAIN))
        web = self.web(response(b"", "307 Temporary Redirect", Location=end.url()), pem=os.path.join(self.folder, "leaf.pem"))
        self.open(web.url(host="web.example"), 2, verify=True)
        got = self.get(CHAIN_ID, upstream=2)
        self.assertEqual((got.result, got.text), (FAILED, "redirected from https to http"))
        self.assertEqual(end.asked, [])


def make_authority(folder, host):
    """An authority's certificate; leaf.pem is its certificate for a host, and the key."""
    at = lambda name: os.path.join(folder, name)
    run = lambda *command: subprocess.run(["openssl", *command], check=True, capture_output=True)
    for name in ("ca", "leaf"):
        run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at(name + ".key"))
    run("req", "-x509", "-new", "-key", at("ca.key"), "-days", "2", "-subj", "/CN=authority", "-out", at("ca.crt"))
    run("req", "-new", "-key", at("leaf.key"), "-subj", "/CN=" + host, "-out", at("leaf.csr"))
    with open(at("san"), "w", encoding="ascii") as f:
        f.write("subjectAltName=DNS:" + host)
    run("x509", "-req", "-in", at("leaf.csr"), "-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "1",
        "-extfile", at("san"), "-out", at("leaf.crt"))
    with open(at("leaf.pem"), "w", encoding="ascii") as out:
        for name in ("leaf.crt", "leaf.key"):
            with open(at(name), encoding="ascii") as f:
                out.write(f.read())
    return at("ca.crt")


class Checkpoint(unittest.TestCase):
    def fetch(self, url, *options):
        return subprocess.run([PROGRAM, "--checkpoint", url, "--request-timeout=1000", *options], capture_output=True, text=True,
                              timeout=20, check=False)

    def web(self, answer, **options):
        web = Web(answer, **options)
        self.addCleanup(web.close)
        return web

    def test_printed(self):
        body = {"data": {"root": "0x" + "aB" * 32, "canonical": True, "header": {"message": {"slot": "12345"}, "signature": "0x"}}}
        web = self.web(lambda asked, _: response(json.dumps(body).encode()))
        done = self.fetch(web.url("/api/"))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "12345 0x" + "ab" * 32 + "\n", ""))
        self.assertEqual(web.asked[0].path, "/api/eth/v1/beacon/headers/finalized")

    def test_not_there(self):
        folder = tempfile.mkdtemp(prefix="kedge-fetch.")
        self.addCleanup(shutil.rmtree, folder)
        pem, _ = make_certificate(folder, "tls", "prime256v1")
        tls = self.web(lambda asked, _: response(b"{}", "404 Not Found"), pem=pem)
        for url, options, why in (
            (self.web(lambda asked, _: response(b"{}", "404 Not Found")).url(), [], "HTTP status 404"),
            (self.web(lambda asked, _: response(b"{}")).url(), [], "JSON that is not what was asked for"),
            (self.web(lambda asked, _: time.sleep(3)).url(), [], "timed out"), ("ftp://x/", [], "not a URL of http or https"),
            (tls.url(), [], "HTTP status 404"), (tls.url(), ["--verify"], "certificate"),
        ):
            done = self.fetch(url, *options)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
            self.assertIn(why, done.stderr)


class Memory(Http):
    def test_libcurl_is_loaded_for_the_first_server(self):
        with open(f"/proc/{self.program.pid}/maps", encoding="utf-8") as f:
            self.assertNotIn("libcurl", f.read())
        self.open(self.web(response(CHAIN)).url())
        self.get(CHAIN_ID)
        with open(f"/proc/{self.program.pid}/maps", encoding="utf-8") as f:
            self.assertIn("libcurl", f.read())
        with open(f"/proc/{self.program.pid}/smaps_rollup", encoding="ascii") as f:
            sizes = {line.split(":")[0]: int(line.split()[1]) for line in f if line.rstrip().endswith("kB")}
        print(f"\n1 HTTP server: Rss {sizes['Rss']} kB, Private_Dirty {sizes['Private_Dirty']} kB")


def main():
    global Dns
    if os.geteuid() == 0 and os.environ.get("KEDGE_TEST_NAMESPACE") != "1":
        os.environ["KEDGE_TEST_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-n", "-m", sys.executable, sys.argv[0], PROGRAM, *sys.argv[1:]])
    if os.environ.get("KEDGE_TEST_NAMESPACE") == "1":
        from dns import Dns
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for address in ("10.9.9.9/32", "198.18.0.1/32"):
            subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
        with tempfile.NamedTemporaryFile("w", prefix="kedge-resolv.") as f:
            f.write("nameserver 127.0.0.1\n")
            f.flush()
            subprocess.run(["mount", "--bind", f.name, "/etc/resolv.conf"], check=True)
            return 0 if unittest.main(verbosity=2, exit=False).result.wasSuccessful() else 1
    return 0 if unittest.main(verbosity=2, exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
