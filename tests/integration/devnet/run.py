#!/usr/bin/env python3
"""./check --devnet [PART...]: the fleet contract on a real EVM, then kedged on a real local network. The npm packages that
package-lock.json pins go to build/devnet. Every part prints a line; what cannot run here is skipped by name. The last line counts."""
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "../../.."))
BUILD = os.environ.get("KEDGE_BUILD", os.path.join(SOURCE, "build"))
FOLDER = os.path.join(BUILD, "devnet")
NODE_MAJOR = 20  # what the packages need


class Missing(Exception):
    """Something that is not there: the reason to skip."""


def node_and_npm():
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Missing("node and npm are not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < NODE_MAJOR:
        raise Missing(f"node is {version}; the packages need {NODE_MAJOR}")
    return node, npm


def packages(npm):
    """Installs what the lock file pins, once for each lock file. No package's scripts are run."""
    with open(os.path.join(HERE, "package-lock.json"), "rb") as f:
        want = hashlib.sha256(f.read()).hexdigest()
    mark = os.path.join(FOLDER, "installed")
    if os.path.exists(mark) and open(mark).read() == want:
        return
    os.makedirs(FOLDER, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), FOLDER)
    with open(os.path.join(FOLDER, "npm.log"), "w") as log:
        r = subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, stdout=log, stderr=log)
    if r.returncode != 0:
        raise Missing(f"npm cannot fetch the packages: {tail(os.path.join(FOLDER, 'npm.log'), 1)}")
    with open(mark, "w") as f:
        f.write(want)


def tail(path, n):
    with open(path, errors="replace") as f:
        return " ".join(f.read().strip().splitlines()[-n:])


def scripts():
    """node looks for packages beside the script, so the scripts are copied to where the packages are."""
    for folder in (HERE, os.path.join(SOURCE, "tests/contracts"), os.path.join(SOURCE, "packaging/contracts")):
        for name in os.listdir(folder):
            if name.endswith((".mjs", ".json")) and not name.startswith("package"):
                shutil.copy(os.path.join(folder, name), FOLDER)


def contract(node):
    env = {**os.environ, "KEDGE_SOURCE": SOURCE, "KEDGECTL": os.path.join(BUILD, "agent/kedgectl/kedgectl")}
    r = subprocess.run([node, "--test", "--test-reporter=tap", "fleet.mjs"], cwd=FOLDER, env=env, capture_output=True, text=True)
    if r.returncode != 0:
        print(r.stdout[-6000:], r.stderr[-2000:])
        return False
    return True


def network(node, test):
    """One test of test_devnet.py: it starts a network of its own."""
    env = {**os.environ, "KEDGE_SOURCE": SOURCE, "KEDGE_BUILD": BUILD, "KEDGE_NODE": node, "KEDGE_PACKAGES": FOLDER}
    return subprocess.run([sys.executable, os.path.join(HERE, "test_devnet.py"), test], env=env).returncode == 0


def main():
    tests = ["test_names_pins_rotation_revocation_restart", "test_forks_are_crossed"]
    wanted = sys.argv[1:] or ["contract", *tests]
    parts = [p for p in ["contract", *tests] if p in wanted]
    if len(parts) < len(wanted):
        sys.exit(f"run.py: the parts are: contract {' '.join(tests)}")
    passed = failed = 0
    try:
        node, npm = node_and_npm()
        packages(npm)
        scripts()
    except Missing as e:
        for part in parts:
            print(f"SKIP devnet: {part}: {e}")
        print("0 passed, 0 failed")
        return 0
    for name in parts:
        ok = contract(node) if name == "contract" else network(node, name)
        print(f"{'ok' if ok else 'FAIL'} devnet: {name}", flush=True)
        passed, failed = passed + ok, failed + (not ok)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
