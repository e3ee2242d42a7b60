#!/usr/bin/env python3
"""What kedged.service runs before kedged: the bus is asked to read our policy again, and a bus that hangs, refuses or is not there
holds no start. The line of the unit itself is run, with a busctl and a socket of the test's own."""
import os
import shlex
import socket
import subprocess
import sys

from harness import run

UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/systemd/kedged.service.in")
BUS = "/run/dbus/system_bus_socket"
PATIENCE = 120  # the line ends long before, or never
HANGS, REFUSES, ANSWERS = "exec sleep 3600", "exit 1", "exit 0"


def line():
    """What comes before the command, and its words, as systemd takes them."""
    with open(UNIT) as f:
        lines = f.read().replace("\\\n", " ").split("\n")
    said = [one.split("=", 1)[1] for one in lines if one.startswith("ExecStartPre=")]
    assert len(said) == 1, said
    command = said[0].lstrip("-+@:!|")
    return said[0][:len(said[0]) - len(command)], shlex.split(command)


def before_the_start(folder, busctl, bus=True):
    """The exit status, and what busctl was called with; None: it was not."""
    asked, at = os.path.join(folder.path, "asked"), os.path.join(folder.path, "bus")
    stand_in = os.path.join(folder.path, "busctl")
    with open(stand_in, "w") as f:
        f.write(f'#!/bin/sh\necho "$*" >{asked}\n{busctl}\n')
    os.chmod(stand_in, 0o755)
    words = [word.replace(BUS, at) for word in line()[1]]
    assert any(at in word for word in words), words
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        if bus:
            s.bind(at)
            s.listen()
        r = subprocess.run(words, env={"PATH": f"{folder.path}:/usr/sbin:/usr/bin:/sbin:/bin"}, timeout=PATIENCE)
    if not os.path.exists(asked):
        return r.returncode, None
    with open(asked) as f:
        return r.returncode, f.read()


def test_a_bus_that_hangs_holds_no_start(folder):
    status, asked = before_the_start(folder, HANGS)
    assert status == 124 and asked.rstrip().endswith(" ReloadConfig"), (status, asked)  # as timeout(1) says that it has ended it


def test_a_bus_that_refuses_is_no_failure_of_the_start(folder):
    status, asked = before_the_start(folder, REFUSES)
    assert status == 1 and asked is not None, (status, asked)
    assert "-" in line()[0], line()


def test_a_bus_is_asked_to_read_our_policy(folder):
    status, asked = before_the_start(folder, ANSWERS)
    assert status == 0 and asked.split()[-4:] == ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                                  "ReloadConfig"], (status, asked)


def test_no_bus_is_not_asked(folder):
    assert before_the_start(folder, HANGS, bus=False) == (0, None)


if __name__ == "__main__":
    sys.exit(run([test_a_bus_that_hangs_holds_no_start, test_a_bus_that_refuses_is_no_failure_of_the_start,
                  test_a_bus_is_asked_to_read_our_policy, test_no_bus_is_not_asked]))
