#!/usr/bin/env bash
# What a whole Debian system in QEMU boots with: Debian's kernel, and an initramfs that mounts the disk /dev/vda. Prints where they are,
# for tests/packages/emulated.py: kernel=FILE, modules=FOLDER (the one above lib/modules), initramfs=FILE. What a machine lacks is
# named, and the exit status is 77.
# usage: system.sh SOURCE_FOLDER BUILD_FOLDER
set -u
source=$1 build=$2
work=
trap 'rm -rf "$work"' EXIT

work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-qemu.XXXXXX")
. "$source/tests/qemu/common.sh"
need qemu-system-x86_64 busybox cpio apt-get dpkg modprobe depmod mke2fs
fetch_kernel

make_root
mkdir "$root/new"
place_modules virtio_pci virtio_blk virtio_console
cp "$source/tests/qemu/init_system" "$root/init"
chmod 755 "$root/init"
pack "$work/system.img" && mv "$work/system.img" "$cache/system.img"
printf '%s\n' "kernel=$kernel" "modules=$modules" "initramfs=$cache/system.img"
