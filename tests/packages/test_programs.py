"""Programs on a gateway that were not written for us, and ours: what each says of a name that is proven, proven absent, unknown, or
not ours. One boot, and each door in turn."""
import base64
import hashlib
import json
import subprocess

from clean import ALL, Chain, Dns, gateway, wait

NAME, ADDRESS, ABSENT = "pump1.plant.fleet", "10.1.2.3", "nobody.plant.fleet"
BUS = ["org.kedge.Agent1", "/org/kedge/Agent1", "org.kedge.Agent1"]
NONAME, AGAIN = -2, -3
# A server on the gateway itself, known by the hash of its certificate alone.
SERVER = "tls.plant.fleet"


def furnish(m):
    m.boot()
    m.dns = Dns(m)
    m.install(ALL)
    m.chain = Chain(m)
    m.chain.set("pump1.server_ip", ADDRESS)
    m.chain.set("pump6.server_ip6", "fd00::7")
    m.chain.set("pump1.port", (502).to_bytes(32, "big"))
    m.chain.publish("tls.server_ip", "127.0.0.1")
    m.follows(m.chain)
    m.must_resolve(NAME, ADDRESS)


def getent_knows_what_is_proven(m):
    assert m.must("getent", "hosts", NAME).split() == [ADDRESS, NAME]
    assert m.must("getent", "hosts", NAME.upper()).split()[0] == ADDRESS
    assert m.must("getent", "hosts", "pump6.plant.fleet").split() == ["fd00::7", "pump6.plant.fleet"]
    assert m.addresses(NAME) == [ADDRESS]
    assert m.run("getent", "hosts", ABSENT).returncode == 2 and m.refusal(ABSENT) == NONAME
    assert m.run("getent", "hosts", "a." * 120 + "plant.fleet").returncode == 2


def other_names_go_to_dns_and_ours_never(m):
    for name in ("www.example.org", "fleet", "plant.fleet.example.org", "xplant.fleet"):
        assert m.addresses(name) == [Dns.ANSWER], name
        assert m.dns.asked(name), name
    assert m.must("getent", "hosts", "localhost").split()[0] in ("::1", "127.0.0.1")
    asked = m.must("cat", "/var/log/asked").replace("\x05plant\x05fleet\x07example", "")
    assert "\x05plant\x05fleet" not in asked, asked


def kedgectl_tells(m):
    assert "following" in m.must("kedgectl", "status")
    out = json.loads(m.must("kedgectl", "--json", "query", NAME))
    assert ADDRESS in json.dumps(out), out
    assert "Contract" in m.must("kedgectl", "explain", NAME) or ADDRESS in m.must("kedgectl", "explain", NAME)
    assert NAME in m.must("kedgectl", "list")
    assert "names" in m.must("kedgectl", "roles")
    assert [m.run("kedgectl", "query", name).returncode for name in (NAME, ABSENT, "www.example.org")] == [0, 5, 1]
    assert m.run("kedgectl", "query").returncode == 2


def the_doctor_finds_nothing_of_ours(m):
    """What he warns of here is of the test's: one host for all upstreams, and no chronyd."""
    lines = [line for line in m.must("kedgectl", "doctor").splitlines() if not line.startswith("ok ")]
    assert all(line.split()[:2] in (["warn", "upstreams"], ["warn", "clock"]) for line in lines), lines


def anybody_asks_as_root_does(m):
    """As nobody: by each door that is everybody's, and by none that is the operator's."""
    nobody = ["runuser", "-u", "nobody", "--"]
    assert m.must(*nobody, "getent", "hosts", NAME).split()[0] == ADDRESS
    assert m.run(*nobody, "kedgectl", "query", NAME).returncode == 0
    assert ADDRESS in m.must(*nobody, "busctl", "call", *BUS, "Resolve", "s", NAME)
    r = m.run(*nobody, "busctl", "call", *BUS, "Reload")
    assert r.returncode != 0 and "denied" in (r.stdout + r.stderr).lower(), r
    for path in ("/run/kedge/fetch.sock", "/run/kedge-netd/netd.sock"):
        assert m.run(*nobody, "test", "-w", path).returncode != 0, path


def busctl_introspects_calls_and_watches(m):
    seen = m.must("busctl", "introspect", *BUS)
    for member in (".Resolve", ".GetStatus", ".Explain", ".State", ".Reload"):
        assert f"\n{member} " in seen, member
    assert f'1 "{ADDRESS}" 502' in m.must("busctl", "call", *BUS, "Resolve", "s", NAME)
    assert "following" in m.must("busctl", "get-property", *BUS, "State")
    assert "following" in m.must("busctl", "call", *BUS, "GetStatus", "s", "")
    r = m.run("busctl", "call", *BUS, "Resolve", "s", ABSENT)
    assert r.returncode != 0 and "absent" in r.stderr.lower(), r.stderr
    m.must("busctl", "call", *BUS, "Reload")


def a_change_is_signalled(m):
    monitor = m.start("timeout", "30", "busctl", "--json=short", "monitor", "org.kedge.Agent1")
    assert "Monitoring" in monitor.stdout.readline()
    m.chain.publish("pump1.server_ip", "10.1.2.9")
    m.must_resolve(NAME, "10.1.2.9")
    for line in monitor.stdout:
        entry = json.loads(line)
        if entry.get("type") == "signal" and NAME in json.dumps(entry["payload"]):
            break
    else:
        raise AssertionError("no signal of the change")
    monitor.kill()
    monitor.wait()


def python_gets_it_without_knowing(m):
    out = m.must("python3", "-c", f"import socket; print(socket.getaddrinfo('{NAME}', 502)[0][4], socket.gethostbyname('{NAME}'))")
    assert out.split("\n")[0] == "('10.1.2.9', 502) 10.1.2.9", out


def openssl(*argv, **more):
    return subprocess.run(["openssl", *argv], check=True, capture_output=True, **more).stdout


def serve(m):
    """A server with a certificate that nobody has signed; the hash of its key."""
    key, cert = m.at + "/key.pem", m.at + "/cert.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", cert)
    server = subprocess.Popen(["nsenter", "-t", str(m.init), "-n", "openssl", "s_server", "-accept", "127.0.0.1:443", "-cert", cert, "-key", key,
                               "-www", "-quiet"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    m.at_end.append(server.kill)
    spki = openssl("pkey", "-pubin", "-outform", "DER", input=openssl("x509", "-in", cert, "-pubkey", "-noout"))
    return hashlib.sha256(spki).digest()


def curl_reaches_a_server_by_its_record(m):
    """The chain holds the hash of the server's key: the pin that is proven is what curl is given. It has no authority for it, and needs none."""
    m.chain.publish("tls.signature", serve(m))
    pins = wait("the pin", lambda: json.loads(m.run("kedgectl", "--json", "query", SERVER).stdout or "{}").get("pins"))
    pin = "sha256//" + base64.b64encode(bytes.fromhex(pins[0].removeprefix("0x"))).decode()
    argv = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--insecure", "--pinnedpubkey"]
    wait("the page", lambda: m.run(*argv, pin, f"https://{SERVER}/").stdout == "200")
    assert m.run(*argv, "sha256//" + "A" * 43 + "=", f"https://{SERVER}/").returncode == 90


def programs(context):
    with gateway(context) as m:
        furnish(m)
        m.steps(getent_knows_what_is_proven, other_names_go_to_dns_and_ours_never, kedgectl_tells, the_doctor_finds_nothing_of_ours,
                anybody_asks_as_root_does, busctl_introspects_calls_and_watches, a_change_is_signalled, python_gets_it_without_knowing,
                curl_reaches_a_server_by_its_record)
        assert m.complaints() == [], m.complaints()


STORIES = [("programs", programs, True)]
