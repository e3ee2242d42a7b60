#!/usr/bin/env python3
"""The agent on a system bus of the test's own, asked by clients that others wrote: busctl, gdbus and python3-dbus. The
bus's policy is the one that is installed."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

from harness import Agent, Devnode, Process, Skip, run, wait

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME = "plant-control.fleet"
BUS, PATH = "org.kedge.Agent1", "/org/kedge/Agent1"
ERROR = BUS + ".Error."
PIN = bytes(range(1, 33))
CONF = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
 <policy context="default">
  <allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
  <allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
  <allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/>
 </policy>
 %s
 <include>%s/packaging/dbus/org.kedge.Agent1.conf</include>
</busconfig>
"""


class Bus(Process):
    """A system bus in the folder; more is XML for its configuration."""

    def __init__(self, folder, more=""):
        for tool in ("dbus-daemon", "busctl", "gdbus"):
            if not shutil.which(tool):
                raise Skip(tool + " is not installed")
        if subprocess.run([PYTHON, "-c", "import dbus"], capture_output=True).returncode:
            raise Skip("python3-dbus is not installed")
        os.chmod(folder.path, 0o755)  # clients of other users come in
        self.socket = folder.path + "/bus"
        conf = folder.path + "/bus.conf"
        with open(conf, "w") as f:
            f.write(CONF % (self.socket, more, SOURCE))
        self.address = "unix:path=" + self.socket
        super().__init__(folder, "dbus-daemon", ["dbus-daemon", "--config-file=" + conf, "--nofork", "--nopidfile"])
        wait("the bus", self.answers)

    def answers(self):
        return os.path.exists(self.socket) and self.busctl("list").returncode == 0

    def busctl(self, *argv, user=None):
        env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}
        return subprocess.run([*as_user(user), "busctl", "--address=" + self.address, *argv], capture_output=True,
                              text=True, timeout=60, env=env)

    def has_name(self):
        return BUS in self.busctl("list").stdout

    def call(self, member, *argv, user=None, interface=BUS):
        """(what it says, "") or ("", the error's name)"""
        argv = [str(a) for a in argv]
        r = subprocess.run([*as_user(user), PYTHON, CLIENT, self.address, interface, member, *argv],
                           capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r.stderr
        kind, _, text = r.stdout.strip().partition(" ")
        return (text, "") if kind == "ok" else ("", text)


def as_user(user):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []


PYTHON = "/usr/bin/python3"  # the one that Debian's python3-dbus is for
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bus_client.py")


class BusAgent(Agent):
    BUS = "yes"


def start(folder, interval=0, bus=True, more="", **chain):
    b = Bus(folder, more) if bus else None
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=" + folder.path + "/bus"
    dn = Devnode(folder, blocks=300)
    dn.set("server_ip", "10.1.2.3")
    dn.set("port", (8883).to_bytes(32, "big"))
    dn.set("signature", PIN)
    dn.mine(12)
    dn.command(f"interval {interval}")
    agent = BusAgent(folder, dn, **chain)
    agent.wait_following(dn.final()[0])
    if b:
        wait("the agent's name on the bus", b.has_name)
    return b, dn, agent


def shape(text):
    """What introspection data says of our interface, whatever its order and layout."""
    node = ET.fromstring(re.sub(r"<!DOCTYPE.*?>", "", text, flags=re.S))
    interface = [i for i in node if i.get("name") == BUS][0]
    return {(e.tag, e.get("name"), e.get("type"), e.get("access")):
            [(a.get("name"), a.get("type"), a.get("direction"), a.get("value")) for a in e] for e in interface}


def test_introspection_is_what_is_checked_in(folder):
    b, _, _ = start(folder)
    with open(SOURCE + "/docs/dbus/org.kedge.Agent1.xml") as f:
        want = shape(f.read())
    seen = b.busctl("introspect", "--xml-interface", BUS, PATH)
    assert shape(seen.stdout) == want, seen
    seen = subprocess.run(["gdbus", "introspect", "--address", b.address, "--dest", BUS, "--object-path", PATH, "--xml"],
                          capture_output=True, text=True, timeout=60)
    assert seen.returncode == 0 and all(name in seen.stdout for _, name, _, _ in want), seen
    text, error = b.call("Introspect", interface="org.freedesktop.DBus.Introspectable")
    assert not error and all(name in text for _, name, _, _ in want), (text, error)
    with open(SOURCE + "/docs/dbus/org.kedge.Agent1.md") as f:
        words = f.read()
    for _, name, _, _ in want:
        assert re.search(rf"\b{name}\b", words), f"org.kedge.Agent1.md does not know {name}"


def test_every_error_has_its_name(folder):
    b, dn, agent = start(folder)
    asked = [
        ("", "Resolve", [NAME]),
        ("Absent", "Resolve", ["nobody." + NAME]),
        ("Unknown", "Resolve", ["www.example.org"]),
        ("Refused", "Resolve", ["a..b"]),
        ("Refused", "Resolve", ["a" * 300]),
        ("", "Lookup", ["", "0x" + dn.contract.hex(), "t:0", "server_ip"]),
        ("", "Lookup", ["diode", "0x" + dn.contract.hex(), "t:0", "0x" + b"server_ip".ljust(32, b"\0").hex()]),
        ("Absent", "Lookup", ["", "0x" + dn.contract.hex(), "t:0", "nothing"]),
        ("Unknown", "Lookup", ["other", "0x" + dn.contract.hex(), "t:0", "server_ip"]),
        ("Refused", "Lookup", ["", "0x12", "t:0", "server_ip"]),
        ("Refused", "Lookup", ["", dn.contract.hex(), "t:0", "server_ip"]),
        ("Refused", "Lookup", ["", "0x" + dn.contract.hex(), "t:0", "with a space"]),
        ("Refused", "Lookup", ["c" * 32, "0x" + dn.contract.hex(), "t:0", "server_ip"]),
        ("", "GetTime", [""]),
        ("Unknown", "GetTime", ["other"]),
        ("", "GetStatus", ["diode"]),
        ("Unknown", "GetStatus", ["other"]),
        ("", "ListUpstreams", [""]),
        ("Unknown", "ListUpstreams", ["other"]),
        ("", "ListChains", []),
        ("", "ListZones", []),
        ("Refused", "VerifyCertificate", [NAME, "y:3000"]),
    ]
    for want, member, argv in asked:
        text, error = b.call(member, *argv, user=65534)
        assert error == (ERROR + want if want else ""), (member, argv, text, error)


def test_changes_signal_what_has_changed(folder):
    b, dn, _ = start(folder)
    assert not b.call("Resolve", NAME)[1]
    seen = Process(folder, "monitor", ["busctl", "--address=" + b.address, "monitor", "--json=short", BUS])
    seen.wait_log("Monitoring")
    dn.set("server_ip", "10.7.7.7")
    dn.mine(20)
    seen.wait_log('"member":"RecordChanged"')
    seen.wait_log('"member":"HeadChanged"')


def test_nobody_changes_anything(folder):
    b, _, agent = start(folder)
    for member in ("Reload", "Flush"):
        assert b.call(member, user=65534)[1] == "org.freedesktop.DBus.Error.AccessDenied", member
        assert b.call(member) == ("", ""), member
    assert "user id 65534" not in agent.kedged.text() and "Flush: called on the bus by user id 0" in agent.kedged.text()
    wait("the name again", lambda: not b.call("Resolve", NAME)[1])


def test_the_bus_may_come_late_and_go(folder):
    _, dn, agent = start(folder, bus=False)
    agent.kedged.wait_log("the system bus cannot be reached")
    b = Bus(folder)
    wait("the agent's name on the bus", b.has_name, 60)
    assert not b.call("Resolve", NAME)[1]
    b.kill(signal.SIGKILL)
    agent.kedged.wait_log("the system bus has gone")
    os.remove(b.socket)
    assert agent.resolve()[0] == "ok"
    b.start()
    wait("the bus", b.answers)
    wait("the agent's name on the new bus", b.has_name, 60)
    assert not b.call("Resolve", NAME)[1]
    assert agent.kedged.text().count("cannot be reached") == 1, agent.kedged.text()


if __name__ == "__main__":
    sys.exit(run([test_introspection_is_what_is_checked_in, test_every_error_has_its_name,
                  test_changes_signal_what_has_changed, test_nobody_changes_anything, test_the_bus_may_come_late_and_go]))
