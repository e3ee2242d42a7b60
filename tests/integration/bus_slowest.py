"""For test_bus.py: asks for NAME again and again, by the bus at ADDRESS, for so many SECONDS. Prints the longest wait, how
often it was asked, and how many errors there were."""
import sys
import time

import dbus

BUS, PATH = "org.kedge.Agent1", "/org/kedge/Agent1"
address, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
bus = dbus.bus.BusConnection(address)
end, worst, n, errors = time.monotonic() + seconds, 0, 0, 0
while time.monotonic() < end:
    begun = time.monotonic()
    try:
        bus.call_blocking(BUS, PATH, BUS, "Resolve", None, [name], timeout=30)
    except dbus.DBusException as e:
        print(e, file=sys.stderr)
        errors += 1
        if not bus.get_is_connected():
            break
    worst, n = max(worst, time.monotonic() - begun), n + 1
    time.sleep(0.02)  # as one who keeps to what he may ask
print(worst, n, errors)
