#!/usr/bin/env bash
# What the unit of each daemon says, since no test on a system that is well would miss it for long: it comes back however often it
# ended, but not where somebody has to mend something first; it is shut in; and no boot waits for it.
# usage: units.sh SOURCE_FOLDER
set -u
cd "${1:-.}/packaging/systemd" || exit 2
bad=0
say() { echo "units: $*"; bad=1; }
all=(kedged kedge-fetch kedge-netd kedge-timed kedge-wireguard-go@)
shut_in=(NoNewPrivileges=yes ProtectSystem=strict ProtectHome=yes PrivateTmp=yes ProtectKernelModules=yes ProtectKernelTunables=yes ProtectKernelLogs=yes
        ProtectControlGroups=yes ProtectHostname=yes ProtectProc=invisible RestrictNamespaces=yes RestrictRealtime=yes RestrictSUIDSGID=yes
        LockPersonality=yes MemoryDenyWriteExecute=yes SystemCallArchitectures=native SystemCallFilter=@system-service
        'SystemCallFilter=~@privileged @resources' RemoveIPC=yes)

must_say() { # unit, line
        grep -qxF -- "$2" "$1.service.in" || say "$1: without $2"
}

for unit in "${all[@]}"; do
        [ -f "$unit.service.in" ] || { say "$unit: no unit"; continue; }
        for line in StartLimitIntervalSec=0 Restart=always "${shut_in[@]}"; do must_say "$unit" "$line"; done
        for key in Documentation User RestrictAddressFamilies CapabilityBoundingSet TasksMax; do
                grep -q "^$key=" "$unit.service.in" || say "$unit: without $key="
        done
        grep -qE '^(Requires|BindsTo|After|Wants)=.*(network-online|time-sync|time-set)\.target' "$unit.service.in" && say "$unit: waits for the network or the clock"
        # Where kedged ends at each start, each of its restarts would start this, this would start kedged, and whatever is behind it waits.
        grep -qE '^(Requires|BindsTo|Wants)=.*kedged\.service' "$unit.service.in" && say "$unit: starts kedged"
done
for unit in kedged kedge-netd kedge-timed; do
        must_say $unit 'RestartPreventExitStatus=2 78'
        grep -q '^WatchdogSec=' $unit.service.in || say "$unit: without WatchdogSec="
done
must_say kedge-fetch RestartPreventExitStatus=2
for unit in kedged kedge-fetch; do must_say $unit CapabilityBoundingSet=; done
must_say kedge-timed CapabilityBoundingSet=CAP_SYS_TIME
must_say kedge-netd CapabilityBoundingSet=CAP_NET_ADMIN
for line in PrivateNetwork=yes RestrictAddressFamilies=AF_UNIX Before=nss-lookup.target Wants=nss-lookup.target RuntimeDirectoryPreserve=no; do
        must_say kedged "$line"
done
# What strangers send, or what runs without a limit, ends in here.
for unit in kedged kedge-fetch kedge-netd kedge-timed; do grep -q '^MemoryMax=' $unit.service.in || say "$unit: without MemoryMax="; done
for unit in kedged kedge-netd kedge-timed; do must_say $unit IPAddressDeny=any; done
must_say kedge-timed PrivateNetwork=yes
# Private keys, and the device's: nobody else's to read, nor in a core dump.
for unit in kedge-fetch kedge-timed; do must_say $unit InaccessiblePaths=-/var/lib/kedge; done
must_say kedge-wireguard-go@ 'InaccessiblePaths=-/var/lib/kedge -/var/lib/kedge-netd'
must_say kedge-netd StateDirectoryMode=0700
for unit in kedge-netd kedge-wireguard-go@; do
        for line in UMask=0077 LimitCORE=0; do must_say $unit $line; done
done
must_say kedge-wireguard-go@ RuntimeDirectoryMode=0700
must_say kedge-wireguard-go@ DevicePolicy=closed
# Who may say which tunnels there are.
[ "$(grep '^Socket' kedge-netd.socket | tr '\n' ' ')" = 'SocketUser=root SocketGroup=_kedge SocketMode=0660 ' ] || say "kedge-netd.socket: is not kedged's alone"
# A reload is judged first, and what is bad is never told to the daemon.
[ "$(grep '^ExecReload=' kedged.service.in | tr '\n' ' ')" = 'ExecReload=@sbindir@/kedged --check-config ExecReload=/bin/kill -HUP $MAINPID ' ] || say "kedged: a reload is not judged first"
[ "$bad" = 0 ] && echo "units: ${#all[@]}: ok"
exit "$bad"
