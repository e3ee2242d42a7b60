"""For arm64: the packages are cross-built and looked at, and what is built passes the unit, vector and replay tests under qemu's
user emulation. An emulated processor is 10 to 20 times slower than this machine's."""
import glob
import os
import re
import shutil

from clean import SOURCE, Chain
from cross import SUITES, Cross, command, enter, unpack
from harness import Devnode, Folder

MACHINE = {"arm64": "AArch64", "armhf": "ARM"}


def depends(file):
    """The packages that one depends on, without versions."""
    words = command("dpkg-deb", "-f", file, "Depends", "Pre-Depends").replace("\n", ",")
    return sorted({w.split()[0] for w in re.sub(r"(Pre-)?Depends:", "", words).split(",") if w.strip()})


def programs(folder):
    """The ELF files below it."""
    for at, _, names in os.walk(folder):
        for path in (os.path.join(at, n) for n in names):
            if not os.path.islink(path):
                with open(path, "rb") as f:
                    if f.read(4) == b"\x7fELF":
                        yield path


def packages(context, arch):
    cross = Cross(context, arch)
    found = cross.build_packages()
    ours = [f for f in found if "-dbgsym_" not in f]
    here = {os.path.basename(f).split("_")[0]: f for f in glob.glob(context.debs + "/*.deb") if "-dbgsym_" not in f}
    assert {os.path.basename(f).split("_")[0] for f in ours} == set(here), f"{ours}: not the packages that are built here"
    print(command(SOURCE + "/tests/packages/lintian.sh", cross.debs).strip())
    folder = context.folder()
    for file in ours:
        name, _, word = os.path.basename(file)[:-4].split("_")
        assert word in (arch, "all"), file
        theirs, own = ([d for d in depends(f) if not d.startswith("libc6")] for f in (file, here[name]))
        assert theirs == own, f"{name}: depends on {theirs}, here on {own}"
        command("dpkg-deb", "-x", file, f"{folder}/{name}")
        size = command("dpkg-deb", "-f", file, "Installed-Size").strip()
        print(f"{name}: {size} kB, {sum(1 for _ in programs(f'{folder}/{name}'))} programs")
    elves = list(programs(folder))
    assert len(elves) >= 11, elves
    for path in elves:
        head = command("readelf", "-hW", path)
        assert re.search(rf"Machine: +{MACHINE[arch]}\n", head), f"{path}: {head}"
    print(command(SOURCE + "/tests/lint/hardening.sh", "yes", *elves).strip())
    if arch == "arm64":
        signed_returns(folder + "/kedged/usr/sbin/kedged")
    shutil.rmtree(folder)


def signed_returns(path):
    """-mbranch-protection=standard: whoever overwrites a return address would have to sign it, and jumps have marked ends."""
    code = command("llvm-objdump-14", "-d", "--mattr=+pauth,+bti", "--no-show-raw-insn", path)
    signed, ends = (len(re.findall(rf"\t{word}\b", code)) for word in ("paciasp", "bti"))
    assert signed > 100 and ends > 50, f"{path}: {signed} signed return addresses, {ends} marked ends of jumps"


def tests(context, arch, suites):
    cross = Cross(context, arch)
    results = cross.test(suites)
    bad = {n: lines for n, (r, lines) in results.items() if r not in ("OK", "EXPECTEDFAIL", "SKIP")}
    skipped = {n: lines[-1:] for n, (r, lines) in results.items() if r == "SKIP"}
    for name, why in sorted(skipped.items()):
        print(f"skipped under emulation: {name}: {' '.join(why)}")
    assert not bad, f"{len(bad)} of {len(results)}: {bad}"
    assert len(results) - len(skipped) > 50, results
    print(f"{len(results) - len(skipped)} tests of {arch}, {len(skipped)} skipped")


FIRST_ANSWER = """kedged --version
kedgectl --version
kedged --check-config
install -d -o 990 -g 990 /var/lib/kedge /var/lib/kedge/public /run/kedge
setpriv --reuid=990 --regid=990 --clear-groups kedged >/kedged.log 2>&1 &
for ((i = 0; i < 600; i++)); do [ ! -S /run/kedge/fetch.sock ] || break; sleep 0.2; done
setpriv --reuid=991 --regid=991 --groups=990 /usr/libexec/kedge/kedge-fetch >/fetch.log 2>&1 &
for ((i = 0; i < 600; i++)); do
        address=$(getent ahostsv4 pump1.plant.fleet | sed -n '1s/ .*//p')
        [ -z "$address" ] || break
        sleep 0.2
done
kedgectl status || true
kill %1 %2
wait
[ "$address" = 10.1.2.3 ] || { cat /kedged.log /fetch.log; exit 1; }
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def first_answer(context, arch):
    """The packages' own programs, emulated, from a chain to getent: the chain is this machine's, and so is the network."""
    cross = Cross(context, arch)
    if not glob.glob(cross.debs + "/kedged_*.deb"):
        cross.build_packages()
    root = f"{context.work}/root-{arch}"
    unpack(arch, cross.debs, root)
    write(root + "/etc/nsswitch.conf", "hosts: files kedge [!UNAVAIL=return] dns\n")
    write(root + "/etc/passwd", "root:x:0:0::/root:/bin/bash\n_kedge:x:990:990::/:/bin/false\n_kedge-fetch:x:991:991::/:/bin/false\n")
    write(root + "/etc/group", "root:x:0:\n_kedge:x:990:\n_kedge-fetch:x:991:\n")
    folder, bad = Folder(), True
    try:
        node = Devnode(folder, accounts=300, slots=100)
        node.set("pump1.server_ip", "10.1.2.3")
        node.mine(30)
        write(root + "/etc/kedge/kedged.conf.d/50-test.conf",
              "[Agent]\nBus=no\n" + Chain.conf(node).replace("RequestTimeout=1500ms", "RequestTimeout=20s"))
        r = enter(arch, root, FIRST_ANSWER, timeout=900)
        bad = r.returncode != 0
        assert not bad, r.stdout + r.stderr
        print(r.stdout.strip())
    finally:
        folder.close(bad)


STORIES = [
    ("arm64 packages", lambda context: packages(context, "arm64"), False),
    ("arm64 first answer", lambda context: first_answer(context, "arm64"), False),
    ("arm64 unit tests", lambda context: tests(context, "arm64", SUITES), False),
]
