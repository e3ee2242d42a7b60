"""One call by python3-dbus, for test_bus.py: bus_client.py ADDRESS INTERFACE MEMBER ARGUMENT... An argument is a text; t:N
is a number, y:HEX bytes. Prints "ok" and what came, or "error" and the error's name."""
import sys

import dbus

BUS, PATH = "org.kedge.Agent1", "/org/kedge/Agent1"


def value(text):
    if text.startswith("t:"):
        return dbus.UInt64(text[2:])
    if text.startswith("u:"):
        return dbus.UInt32(text[2:])
    if text.startswith("y:"):
        return dbus.ByteArray(bytes.fromhex(text[2:]))
    return dbus.String(text)


def plain(x):
    if isinstance(x, (list, tuple)):
        return [plain(i) for i in x]
    if isinstance(x, dict):
        return {plain(k): plain(v) for k, v in x.items()}
    return bool(x) if isinstance(x, dbus.Boolean) else str(x) if isinstance(x, str) else int(x)


def main(address, interface, member, *argv):
    try:
        said = dbus.bus.BusConnection(address).call_blocking(
            BUS, PATH, interface, member, None, [value(a) for a in argv], timeout=30)
    except dbus.DBusException as e:
        print("error", e.get_dbus_name())
    else:
        print("ok", "" if said is None else plain(said))


main(*sys.argv[1:])
