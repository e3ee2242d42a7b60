#!/usr/bin/env bash
# A machine that boots with a clock of 1970 and no NTP server that answers: within a block or two kedge-timed has set its
# clock, and TLS of other programs works where it failed before. In QEMU without acceleration, with Debian's kernel and
# chronyd; both are downloaded to BUILD/qemu and unpacked, never installed. What a machine lacks is named, and the test skipped.
# usage: run.sh SOURCE_FOLDER BUILD_FOLDER [--long]
set -u
source=$1 build=$2 long=0
[ "${3:-}" = --long ] && long=1
work=
trap 'rm -rf "$work"' EXIT

work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-qemu.XXXXXX")
. "$source/tests/qemu/common.sh"
need qemu-system-x86_64 python3 busybox cpio faketime setpriv openssl apt-get dpkg
grep -q __asan_init "$build/agent/timed/kedge-timed" && skip "programs with sanitizers are too slow in an emulated machine"
fetch_kernel
fetch chrony || skip "the package chrony cannot be had"

KEDGE_BUILD=$build KEDGE_CHRONYD=$cache/chrony/usr/sbin/chronyd timeout 120 \
        python3 "$source/tests/integration/test_timed.py" test_chrony_leaves_out_a_server_that_is_a_day_off || exit 1

make_root
for program in agent/kedged/kedged agent/fetch/kedge-fetch agent/kedgectl/kedgectl agent/timed/kedge-timed tests/devnode/kedge-devnode; do
        place "$build/$program" usr/bin
        strip -g "$root/usr/bin/$(basename "$program")"
done
for program in "$(command -v openssl)" "$(command -v setpriv)" "$cache/chrony/usr/sbin/chronyd" "$cache/chrony/usr/bin/chronyc"; do
        place "$program" usr/bin
done
cp "$build/tests/qemu/libtruetime.so" "$root/lib/"
cp "$source/packaging/examples/chrony-kedge.conf" "$source/tests/qemu/init" "$root/"
chmod 755 "$root/init"
printf 'root:x:0:0::/:/bin/sh\nkedge:x:101:101::/:\nfetch:x:102:102::/:\ntimed:x:103:103::/:\n' >"$root/etc/passwd"
printf 'root:x:0:\nkedge:x:101:\nfetch:x:102:\ntimed:x:103:\n' >"$root/etc/group"
: >"$root/etc/openssl.cnf"
# Valid since an hour ago: the proven time is some minutes behind the true one.
faketime -f -1h openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$root/key.pem" -out "$root/cert.pem" \
        -days 30 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
boot 200 "kedge.now=$(date +%s) kedge.long=$long" -M q35 -smp 2 -m 512 -rtc base=1970-01-01T00:00:00
