"""The guides, tried as a new user would: every command in them is run on a booted gateway; see guide.py."""
import glob
import os
import shutil
import time

from clean import SOURCE, Chain, Gateway
from guide import Runner
from guide_wallet import Wallet


class World:
    """The gateway of the operator's guide, the test node as its chain, and what happens around them."""

    def __init__(self, context):
        self.context = context
        self.m = Gateway(context.folder(), context)
        self.m.boot()
        self.m.must("useradd", "-m", "-s", "/bin/bash", "maria")
        for file in glob.glob(context.debs + "/*.deb"):
            if "-dbgsym_" not in file:
                shutil.copy(file, self.m.root + "/root/")
        self.chain = Chain(self.m)
        self.chain.command("interval 150")

    def examples(self):
        """What stands in the guides for what is another in each run."""
        i = self.chain.info
        return {
            "ChainId=15": "ChainId=" + i["CHAIN_ID"],
            "chain id    15": "chain id    " + i["CHAIN_ID"],
            "0xb0914dd0ece161cd868dde3603cbf21b27f1b8f0": i["CONTRACT"],
            "12345600:0x4f1c26cd5ab0ba3de0d5c5aaf1cc9c2f9a9a0f44d3fe2d9f6bb2a1f0f4f0c7b1": i["CHECKPOINT"],
            "diode://0x5d9ea629946ef66e5fcb070f11b6cf989b19bf90@198.51.100.7:41046": i["NODE0"],
            "diode://0xc151051adcf379170403382c9afd3f607f9e234b@203.0.113.9:41046": i["NODE1"],
        }

    def hurry(self):
        """The test node's days are minutes long."""
        self.m.write("/etc/kedge/kedged.conf.d/90-test.conf", "[Chain diode]\nPoll=100ms\nRequestTimeout=1500ms\nRestTime=300ms\n"
                     f"DailyBytes=0\nFleet={self.chain.info['FLEET']}\n")

    def names(self):
        return {"hurry": self.hurry}

    def run(self, guide, wanted):
        runner = Runner(self.m, f"{SOURCE}/{guide}", self.examples(), Wallet(self.chain), self.names(), "maria")
        runner.run(wanted)
        return runner


def with_world(context, tell):
    world = World(context)
    try:
        tell(world)
    except AssertionError:
        print(world.m.sh("journalctl -b --no-pager -u 'kedge*' | tail -40").stdout)
        raise
    finally:
        world.m.stop()
        shutil.rmtree(world.m.at, ignore_errors=True)


def operators_first(context):
    with_world(context, lambda w: w.run("docs/operators-guide.md", lambda part: part in ("", "first")))


STORIES = [
    ("guide first", operators_first, True),
]
