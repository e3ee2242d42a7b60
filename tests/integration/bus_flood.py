"""A user who asks too much, for test_bus.py: bus_flood.py ADDRESS KIND SECONDS [NAME or INTERFACE]. Kinds: answered, 100 calls of Resolve
open at a time, each for another name below NAME; blind, Get of a property without waiting for an answer; free,
what costs nothing to answer, until that is refused; open, 60 calls
at once, then gone when the next one is answered; big, one certificate of 24 MB a second."""
import sys
import time

import dbus
import dbus.lowlevel

BUS, PATH = "org.kedge.Agent1", "/org/kedge/Agent1"


def message(interface, member, *argv):
    m = dbus.lowlevel.MethodCallMessage(BUS, PATH, interface, member)
    m.append(*argv)
    return m


def blind(bus, end, _):
    sent = 0
    while time.monotonic() < end:
        for _ in range(200):
            m = message("org.freedesktop.DBus.Properties", "GetAll", BUS)
            m.set_no_reply(True)
            bus.send_message(m)
        bus.flush()
        sent += 200
    return sent


def answered(bus, end, name):
    sent, refused = 0, 0
    while time.monotonic() < end:
        for _ in range(100):
            m = message(BUS, "Resolve", f"n{sent}.{name}")
            m.set_no_reply(False)
            bus.send_message(m)
            sent += 1
        try:
            bus.call_blocking(BUS, PATH, BUS, "Resolve", None, [f"x{sent}.{name}"], timeout=20)
        except dbus.DBusException as e:
            refused += e.get_dbus_name().endswith("LimitsExceeded")
    return refused


def free(bus, end, interface):
    asked = (interface, "GetStatus", "no-such-chain") if interface == BUS else (interface, "Get", BUS, "State")
    while time.monotonic() < end:
        for _ in range(100):
            bus.send_message(message(*asked))
        try:
            bus.call_blocking(BUS, PATH, *asked[:2], None, asked[2:], timeout=20)
        except dbus.DBusException as e:
            if not e.get_dbus_name().endswith("Unknown"):
                return e.get_dbus_name()
    return "never refused"


def open_and_gone(bus, _, name):
    for i in range(60):
        bus.send_message(message(BUS, "Resolve", f"o{i}.{name}"))
    try:
        bus.call_blocking(BUS, PATH, BUS, "Resolve", None, [f"o61.{name}"], timeout=20)
    except dbus.DBusException as e:
        return e.get_dbus_name()
    return "answered"


def big(bus, end, name):
    sent = 0
    while time.monotonic() < end:
        try:
            bus.call_blocking(BUS, PATH, BUS, "VerifyCertificate", None, [name, dbus.ByteArray(b"0" * (24 << 20))], timeout=20)
        except dbus.DBusException as e:
            sent += e.get_dbus_name().endswith("Refused")
    return sent


def main(address, kind, seconds, name=""):
    kinds = {"blind": blind, "answered": answered, "free": free, "open": open_and_gone, "big": big}
    bus = dbus.bus.BusConnection(address)
    print(kinds[kind](bus, time.monotonic() + float(seconds), name), flush=True)


main(*sys.argv[1:])
