#!/usr/bin/env bash
# A machine that boots with a clock of 1970 and no NTP server that answers: within a block or two kedge-timed has set its
# clock, and TLS of other programs works where it failed before. In QEMU without acceleration, with Debian's kernel and
# chronyd; both are downloaded to BUILD/qemu and unpacked, never installed. What a machine lacks is named, and the test skipped.
# usage: run.sh SOURCE_FOLDER BUILD_FOLDER [--long]
set -u
source=$1 build=$2 long=0
[ "${3:-}" = --long ] && long=1
cache=$build/qemu
work=
trap 'rm -rf "$work"' EXIT

skip() { echo "skipped: $*"; exit 77; }

[ "$(uname -m)" = x86_64 ] || skip "this machine is no x86_64"
for program in qemu-system-x86_64 python3 busybox cpio faketime setpriv openssl apt-get dpkg; do
        command -v "$program" >/dev/null || skip "$program is not installed"
done
grep -q __asan_init "$build/agent/timed/kedge-timed" && skip "programs with sanitizers are too slow in an emulated machine"
mkdir -p "$cache"
work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-qemu.XXXXXX")

fetch() { # package: unpacked to $cache/package
        [ -e "$cache/$1/.whole" ] && return 0
        rm -rf "${cache:?}/$1" && mkdir -p "$cache/$1/deb" && (cd "$cache/$1/deb" && timeout 120 apt-get download -q "$1") >"$cache/log" 2>&1 &&
                dpkg -x "$cache/$1"/deb/*.deb "$cache/$1" && rm -rf "$cache/$1/deb" && touch "$cache/$1/.whole"
}
kernel_package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: *//p' | head -1)
[ -n "$kernel_package" ] || skip "apt knows no linux-image-cloud-amd64"
fetch "$kernel_package" || skip "the package $kernel_package cannot be had"
fetch chrony || skip "the package chrony cannot be had"
kernel=$(ls "$cache/$kernel_package"/boot/vmlinuz-* 2>/dev/null) || skip "$kernel_package holds no kernel"

KEDGE_BUILD=$build KEDGE_CHRONYD=$cache/chrony/usr/sbin/chronyd timeout 120 \
        python3 "$source/tests/integration/test_timed.py" test_chrony_leaves_out_a_server_that_is_a_day_off || exit 1

root=$work/root
mkdir -p "$root"/{bin,lib,lib64,usr/bin,proc,sys,dev,etc,tmp,var/lib}
place() { # program, folder: with the libraries that it loads
        cp -L "$1" "$root/$2/" || exit 1
        ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' | while read -r library; do
                mkdir -p "$root$(dirname "$library")" && cp -nL "$library" "$root$library"
        done
}
place "$(command -v busybox)" bin
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
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/init.img" || exit 1

timeout 200 qemu-system-x86_64 -M q35 -accel tcg -cpu max -smp 2 -m 512 -nographic -no-reboot -nodefaults \
        -serial stdio -rtc base=1970-01-01T00:00:00 -kernel "$kernel" -initrd "$work/init.img" \
        -append "console=ttyS0 quiet panic=-1 mitigations=off kedge.now=$(date +%s) kedge.long=$long" </dev/null >"$work/console" 2>&1
tr -d '\r' <"$work/console" | sed -n 's/.*RESULT \([0-9]*\) /\1 s: /p'
if ! grep -q 'RESULT [0-9]* passed' "$work/console"; then
        tail -60 "$work/console"
        echo "FAILED: the machine did not say that all went well"
        exit 1
fi
