# What the machines in QEMU share: Debian's kernel, downloaded to BUILD/qemu and unpacked, never installed; an initramfs of
# programs with the libraries that they load; and a console whose lines "RESULT SECONDS ..." are what a run says. Sourced
# by bash, with $source, $build and $work set.
cache=$build/qemu
mkdir -p "$cache"

skip() { echo "skipped: $*"; exit 77; }

need() { # programs
        [ "$(uname -m)" = x86_64 ] || skip "this machine is no x86_64"
        local program
        for program in "$@"; do
                command -v "$program" >/dev/null || skip "$program is not installed"
        done
}

fetch() { # package: unpacked to $cache/package
        [ -e "$cache/$1/.whole" ] && return 0
        rm -rf "${cache:?}/$1" && mkdir -p "$cache/$1/deb" && (cd "$cache/$1/deb" && timeout 120 apt-get download -q "$1") >"$cache/log" 2>&1 &&
                dpkg -x "$cache/$1"/deb/*.deb "$cache/$1" && rm -rf "$cache/$1/deb" && touch "$cache/$1/.whole"
}

fetch_kernel() { # sets $kernel, and $modules: the folder above lib/modules
        local package
        package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: *//p' | head -1)
        [ -n "$package" ] || skip "apt knows no linux-image-cloud-amd64"
        # Two tests may want it at once.
        exec 9>"$cache/lock" && flock 9
        fetch "$package" || skip "the package $package cannot be had"
        flock -u 9
        kernel=$(ls "$cache/$package"/boot/vmlinuz-* 2>/dev/null) || skip "$package holds no kernel"
        modules=$cache/$package
}

root=$work/root
make_root() {
        mkdir -p "$root"/{bin,lib,lib64,usr/bin,proc,sys,dev,etc,tmp,run,var/lib}
        place "$(command -v busybox)" bin
}

place() { # program, folder: with the libraries that it loads
        cp -L "$1" "$root/$2/" || exit 1
        ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' | while read -r library; do
                mkdir -p "$root$(dirname "$library")" && cp -nL "$library" "$root$library"
        done
}

place_modules() { # names: with those that they need, in the order of loading in $root/modules
        local version file
        version=$(basename "$modules"/lib/modules/*)
        [ -e "$modules/lib/modules/$version/modules.dep" ] || depmod -b "$modules" "$version"
        mkdir -p "$root/lib/modules"
        for name in "$@"; do
                modprobe -d "$modules" -S "$version" --show-depends "$name" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
        done | awk '!seen[$0]++' | while read -r file; do
                cp "$file" "$root/lib/modules/" && strip -g "$root/lib/modules/${file##*/}" && echo "/lib/modules/${file##*/}"
        done >"$root/modules"
        [ -s "$root/modules" ] || { echo "no module was found"; exit 1; }
}

pack() { # file
        (cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$1" || exit 1
}

# Where this machine is busy, the kernel's test of its timer fails, hence no_timer_check.
# Boots, prints the lines RESULT, and fails unless the machine has said "passed".
boot() { # limit in seconds, kernel's words, arguments of QEMU...
        local limit=$1 words=$2
        shift 2
        pack "$work/init.img"
        timeout "$limit" qemu-system-x86_64 "$@" -accel tcg -cpu max -nographic -no-reboot -nodefaults \
                -serial stdio -kernel "$kernel" -initrd "$work/init.img" \
                -append "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check $words" </dev/null >"$work/console" 2>&1
        tr -d '\r' <"$work/console" | sed -n 's/.*RESULT \([0-9.]*\) /\1 s: /p'
        if ! grep -q 'RESULT [0-9.]* passed' "$work/console"; then
                tail -80 "$work/console"
                echo "FAILED: the machine did not say that all went well"
                exit 1
        fi
}
