#!/bin/sh
# getaddrinfo() of one IPv4 address: `hosts: kedge` against `hosts: files` with 10 lines, in the same run, and
# `files kedge` beside. Prints figures and never fails. Arguments: the program, nss-fixture, the module.
set -u
[ -n "${INSIDE:-}" ] || INSIDE=yes exec unshare ${UNSHARE--rm} --propagation private "$0" "$@"
bench=$1 fixture=$2 module=$3
t=$(mktemp -d /tmp/kedge-bench-XXXXXX)
trap 'rm -rf "$t"' EXIT
mkdir -p "$t/run" "$t/state/public" "$t/lib"
cp "$module" "$t/lib/libnss_kedge.so.2"
strip -o "$t/stripped" "$module" || exit 0
i=0
while [ $i -lt 10 ]; do
        echo "pump$i.plant.fleet 3600 10.1.2.$i"
        i=$((i + 1))
done > "$t/lines"
awk '{ print $3, $1 }' "$t/lines" > "$t/hosts"
: > "$t/empty"
"$fixture" "$t" plant.fleet < "$t/lines" || exit 0
[ "$(id -u)" = 0 ] && chmod 755 "$t"
export KEDGE_RUNTIME_DIR="$t/run" KEDGE_STATE_DIR="$t/state" LD_LIBRARY_PATH="$t/lib"
mount --bind "$t/hosts" /etc/hosts || exit 0
: > "$t/nsswitch.conf"
mount --bind "$t/nsswitch.conf" /etc/nsswitch.conf || exit 0

measure() { # the hosts line, rounds
        echo "hosts: $1" > "$t/nsswitch.conf"
        "$bench" pump9.plant.fleet
}
round=0
while [ $round -lt 5 ]; do
        measure files >> "$t/files"
        measure kedge >> "$t/kedge"
        round=$((round + 1))
done
cat "$t/empty" > "$t/hosts"
while [ $round -lt 8 ]; do
        measure 'files kedge' >> "$t/both"
        round=$((round + 1))
done
median() { sort -n "$1" | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }
f=$(median "$t/files") k=$(median "$t/kedge") b=$(median "$t/both")
echo "getaddrinfo, one IPv4 address, median of 5 runs in turn:"
echo "  hosts: files (10 lines)   $f ns"
echo "  hosts: kedge              $k ns"
echo "  hosts: files kedge        $b ns (files empty)"
echo "$k $f" | awk '{ printf "  kedge / files             %.2f (aim: at most 1.00)\n", $1 / $2 }'
echo "libnss_kedge.so.2, stripped: $(stat -c %s "$t/stripped") bytes (aim: 16384)"
exit 0
