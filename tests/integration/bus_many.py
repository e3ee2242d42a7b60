"""For test_bus_rights.py: bus_many.py ADDRESS N MEMBER. N connections at once; each calls MEMBER. Prints the errors' names, each
once ("-" for none), and stays on the bus until its input ends or the bus does."""
import sys

import dbus

BUS, PATH = "org.kedge.Agent1", "/org/kedge/Agent1"
address, n, member = sys.argv[1], int(sys.argv[2]), sys.argv[3]
said = set()
connections = [dbus.bus.BusConnection(address) for _ in range(n)]
for c in connections:
    c.set_exit_on_disconnect(False)
    try:
        c.call_blocking(BUS, PATH, BUS, member, None, [], timeout=30)
        said.add("-")
    except dbus.DBusException as e:
        said.add(e.get_dbus_name())
print(" ".join(sorted(said)), "from", connections[0].get_unique_name(), "to", connections[-1].get_unique_name(), flush=True)
sys.stdin.read()
