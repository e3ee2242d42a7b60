"""The clocks of a machine, and what moves them: sleep, a boot, somebody who sets the date. clocks.c shows them to the
programs that run with env."""
import mmap
import os
import shutil
import struct
import time
import uuid

from harness import BUILD, Skip

DAY = 86400


class Clocks:
    def __init__(self, folder, name="clocks", wall=None, synchronised=False):
        """wall: seconds since 1970; the machine's own where it is not given."""
        library = os.path.join(BUILD, "tests/integration/libclocks.so")
        if not os.path.exists(library):
            raise Skip("the clocks to preload are not built")
        self.path = os.path.join(folder.path, name)
        os.mkdir(self.path)
        os.mkdir(self.path + "/rtc")
        self.file = open(self.path + "/clocks", "w+b")
        self.file.write(bytes(24))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), 24)
        self.env = {"LD_PRELOAD": library, "KEDGE_TEST_CLOCKS": self.path,
                    "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        self.boot_ms, self.wall_ms, self.synchronised = 0, 0, synchronised
        self.write_boot_id()
        if wall is not None:
            self.set_wall(wall)
        self.write()

    def write(self):
        self.map[:] = struct.pack("=qqq", self.boot_ms, self.wall_ms, self.synchronised)

    def write_boot_id(self):
        with open(self.path + "/boot_id", "w") as f:
            f.write(str(uuid.uuid4()) + "\n")

    def wall(self):
        return time.time() + self.wall_ms / 1000

    def boot(self):
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.boot_ms / 1000

    def set_wall(self, seconds):
        """What the date says now. RTC and the clocks that count from the boot stay as they are."""
        self.wall_ms = int((seconds - time.time()) * 1000)
        self.write()

    def synchronise(self, yes=True):
        self.synchronised = yes
        self.write()

    def sleep(self, seconds):
        """The machine has slept so long: both clocks went on, no program did."""
        self.boot_ms += int(seconds * 1000)
        self.wall_ms += int(seconds * 1000)
        self.write()

    def reboot(self, off=0, wall=None):
        """Another boot, after so many seconds without power; wall: what the date says then, by itself: the same
        clock that went on. The caller has stopped what ran."""
        self.write_boot_id()
        self.wall_ms += int(off * 1000)
        self.boot_ms = int((20 - time.clock_gettime(time.CLOCK_BOOTTIME)) * 1000)
        self.write()
        if wall is not None:
            self.set_wall(wall)

    def rtc(self, seconds):
        """What the clock on the board says; None: there is none."""
        shutil.rmtree(self.path + "/rtc")
        os.mkdir(self.path + "/rtc")
        if seconds is None:
            return
        os.mkdir(self.path + "/rtc/rtc0")
        for name, text in (("since_epoch", str(int(seconds))), ("hctosys", "1")):
            with open(f"{self.path}/rtc/rtc0/{name}", "w") as f:
                f.write(text + "\n")


def clocked(kind, clocks):
    """kind, an Agent, whose kedged and kedgectl live by these clocks."""
    class Clocked(kind):
        def kedged_env(self):
            return {**super().kedged_env(), **clocks.env}

        def tool_env(self):
            return {**super().tool_env(), **clocks.env}

        def reboot(self, off=0, wall=None):
            """Power goes, and comes back: /run is empty, the state folder is what it was."""
            for p in (self.kedged, self.fetch):
                p.kill()
            clocks.reboot(off, wall)
            for name in os.listdir(self.run):
                os.unlink(os.path.join(self.run, name))
            for p in (self.kedged, self.fetch):
                p.start()
    return Clocked
