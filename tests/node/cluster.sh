#!/usr/bin/env bash
# A real Kubernetes cluster of one node on this machine: etcd, API server, controllers and scheduler; kubelet, containerd and runc;
# kube-proxy and DNS. It needs root. Nothing of it can be reached from another machine.
#
#   tests/node/cluster.sh missing           prints what it needs and is not there: packages of Debian, and rights
#   tests/node/cluster.sh up                starts it, in about ten seconds, and prints the folder with its kubeconfig
#   tests/node/cluster.sh load ARCHIVE...   gives it images: there is no registry
#   tests/node/cluster.sh down              ends it, and removes every trace of it
#
# Its folder is ${NODE_STATE:-/var/tmp/datadog-sidecar-injector-node}, with a log for each of its parts. There can be one on a machine.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=${NODE_STATE:-/var/tmp/datadog-sidecar-injector-node}
logs=$state/log pids=$state/pid pki=$state/pki

# The machine's address in the cluster, on its loopback device; it may not be one of 127.0.0.0/8.
address=10.89.7.1
services=10.97.0.0/16
pods=10.246.0.0/24
bridge=dsi-node0
cni=/usr/lib/cni
name=node1

say() { printf 'node: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

missing() {
    local lacking=()
    [ "$(id -u)" = 0 ] || lacking+=(root)
    command -v runc >/dev/null || lacking+=(runc)
    [ -x "$cni/bridge" ] && [ -x "$cni/host-local" ] || lacking+=(containernetworking-plugins)
    command -v nft >/dev/null || lacking+=(nftables)
    command -v ip >/dev/null || lacking+=(iproute2)
    command -v sysctl >/dev/null || lacking+=(procps)
    command -v openssl >/dev/null || lacking+=(openssl)
    command -v curl >/dev/null || lacking+=(curl)
    busybox sh -c : 2>/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 || lacking+=(busybox-static)
    # Root in a container is not enough.
    unshare --mount --net true 2>/dev/null || lacking+=(CAP_SYS_ADMIN)
    echo "${lacking[*]}"
}

# A process of ours: its id is in a file, and it is still the same program. One that has ended stays visible until somebody
# asks for its end, which may never happen.
alive() { # alive <name>
    local pid
    [ -e "$pids/$1" ] && read -r pid <"$pids/$1" && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "${1:0:15}" ] &&
        ! grep -qs '^State:.*Z' "/proc/$pid/status"
}

start() { # start <program> <argument>...: its output goes to its log
    local program=$1
    shift
    (cd "$state" && exec setsid "$program" "$@") >>"$logs/$program" 2>&1 </dev/null 9>&- &
    echo $! >"$pids/$program"
    disown
}

stop() { # stop <program> [seconds]: after which it is killed
    local pid end=$((SECONDS + ${2:-10}))
    if alive "$1"; then
        read -r pid <"$pids/$1"
        kill "$pid" || true
        while alive "$1" && [ $SECONDS -lt "$end" ]; do sleep 0.05; done
        ! alive "$1" || kill -9 "$pid" || true
    fi
    rm -f "$pids/$1"
}

wait_for() { # wait_for <program> <command>...: until the command succeeds
    local program=$1 end=$((SECONDS + 60))
    shift
    until "$@" >/dev/null 2>&1; do
        sleep 0.1
        if [ $SECONDS -ge $end ] || { ! alive "$program" && sleep 1 && ! alive "$program"; }; then
            tail -n 20 "$logs/$program" >&2
            die "$program does not work"
        fi
    done
}

api() { curl -fsS --max-time 5 --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" "https://$address:6443$1"; }

# shellcheck source=control-plane.inc.sh
. "$here/control-plane.inc.sh"
# shellcheck source=node.inc.sh
. "$here/node.inc.sh"

down() {
    [ -e "$state" ] || return 0
    PATH=$("$here/../cluster/build.sh" node):$PATH
    stop kube-scheduler
    stop kube-controller-manager
    stop_node
    # With watches open it would take a minute.
    stop kube-apiserver 1
    stop etcd
    # Last, so that none of our clients is sent out by the default route.
    ip route del "$services" dev lo 2>/dev/null || true
    ip route del unreachable "$pods" metric 9999 2>/dev/null || true
    ip addr del "$address/32" dev lo 2>/dev/null || true
    rm -rf "$state"
}

up() {
    local lacking
    lacking=$(missing)
    [ -z "$lacking" ] || die "needs $lacking"
    PATH=$(KUBEBUILDER_ASSETS='' "$here/../cluster/build.sh"):$("$here/../cluster/build.sh" node):$PATH
    # What is left of one that was killed.
    down
    [ -z "$(ls -d /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods 2>/dev/null)" ] || die 'another kubelet runs on this machine'
    mkdir -p "$logs" "$pids" "$pki"
    trap 'say "ending what was started; its logs are in $state.log"; rm -rf "$state.log"; cp -r "$logs" "$state.log"; down' EXIT
    certificates
    start_control_plane
    start_node
    trap - EXIT
    echo "$state"
}

load() {
    local archive
    PATH=$("$here/../cluster/build.sh" node):$PATH
    for archive; do ctr images import --local "$archive" >&2 || die "$archive: it cannot be loaded"; done
}

case ${1:-} in
    missing | up | down | load) "$@" ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
