#!/usr/bin/env bash
# kedge-netd on Debian's kernel, which has WireGuard: peers, sets, routes and conntrack, told by a driver that speaks as
# kedged does, and read back by wg, nft, ip and conntrack; a real tunnel to two other namespaces, one of which is revoked.
# What a machine lacks is named, and the test skipped.
# usage: wg.sh SOURCE_FOLDER BUILD_FOLDER  [--long]
set -u
source=$1 build=$2 long=0
[ "${3:-}" = --long ] && long=1
work=
trap 'rm -rf "$work"' EXIT

work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-qemu.XXXXXX")
. "$source/tests/qemu/common.sh"
need qemu-system-x86_64 busybox dash cpio setpriv apt-get dpkg modprobe depmod wg nft ip conntrack unshare
grep -q __asan_init "$build/agent/netd/kedge-netd" && skip "programs with sanitizers are too slow in an emulated machine"
fetch_kernel

make_root
place "$(command -v dash)" bin && ln -s dash "$root/bin/sh"
for program in "$build"/agent/netd/kedge-netd "$build"/tests/integration/netd-{drive,wireguard,machine,firewall}; do
        place "$program" usr/bin
        strip -g "$root/usr/bin/$(basename "$program")"
done
for program in setpriv wg nft ip conntrack unshare; do
        place "$(command -v $program)" usr/bin
done
place_modules crc32c_generic wireguard veth tun bridge nf_tables nft_ct nf_conntrack nf_conntrack_netlink
cp "$source/tests/qemu/init_wg" "$root/init"
chmod 755 "$root/init"
printf 'root:x:0:0::/:/bin/sh\nnetd:x:104:104::/:\nnobody:x:65534:65534::/:\n' >"$root/etc/passwd"
[ ! -e /etc/protocols ] || cp /etc/protocols "$root/etc/" # nft says their names
printf 'root:x:0:\nnetd:x:104:\n' >"$root/etc/group"
boot 200 "kedge.long=$long" -M q35 -smp 2 -m 512
