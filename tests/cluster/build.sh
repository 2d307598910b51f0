#!/usr/bin/env bash
# Finds or builds a control plane and prints the folder it is in, for CONTROL_PLANE_BIN. Progress goes to stderr. With the argument
# `helm`, `helm3` or `kubectl` it does so for that one program, and with `node` for what runs pods: kube-scheduler, kubelet, kube-proxy,
# containerd and CoreDNS.
#
#   KUBEBUILDER_ASSETS, where it has etcd and kube-apiserver (setup-envtest makes such a folder), is taken as it is. Else
#   etcd, kube-apiserver and kube-controller-manager of the versions in versions.env are built from their source, through the
#   Go module proxy, into ${CONTROL_PLANE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/datadog-sidecar-injector/control-plane}; what is
#   there already is kept. No root. The first time this takes eight minutes on two cores and 5 GB of Go's own caches, and a node
#   four more. KUBERNETES=MINOR takes the other Kubernetes of versions.env; both are kept.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/versions.env"
asked=${KUBERNETES:-$KUBERNETES_VERSION} chosen='' other=''
for pinned in "$KUBERNETES_VERSION" "$KUBERNETES_NEXT_VERSION"; do
    case $pinned in "$asked" | "$asked".*) chosen=$pinned ;; *) other=$pinned ;; esac
done
if [ -z "$chosen" ]; then
    echo "control plane: KUBERNETES=$asked is none of versions.env: $KUBERNETES_VERSION and $KUBERNETES_NEXT_VERSION" >&2
    exit 1
fi
KUBERNETES_VERSION=$chosen
cache=${CONTROL_PLANE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/datadog-sidecar-injector/control-plane}
built=$cache/$KUBERNETES_VERSION-etcd-$ETCD_VERSION

export CGO_ENABLED=0 GOFLAGS="-mod=mod -buildvcs=false" GOWORK=off
binaries=(etcd kube-apiserver kube-controller-manager)
small="-s -w"
work=

say() { printf 'control plane: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

complete() { local binary; for binary in "${binaries[@]}"; do [ -f "$built/$binary" ] || return 1; done; }

# A main module of our own is what `go build` starts from: Kubernetes' and etcd's own replace their parts by folders that only
# their repositories have, and `go install` refuses them for it.
module() { # module <name> [<what it needs>]: in a folder that goes with this script
    mkdir -p "$work/src/$1" && cd "$work/src/$1" && go mod init "control-plane/$1" 2>/dev/null
    [ -z "${2:-}" ] || go get "$2" 2>&1
}

etcd_module() { module etcd "go.etcd.io/etcd/server/v3@v$ETCD_VERSION"; }
helm_module() { module helm "helm.sh/helm/v4@v$HELM_VERSION"; }
helm3_module() { module helm3 "helm.sh/helm/v3@v$HELM3_VERSION"; }
containerd_module() { module containerd "github.com/containerd/containerd/v2@v$CONTAINERD_VERSION"; }

# Its own program has the name servers of every cloud in it; ours has what a cluster needs.
coredns_module() {
    module coredns
    {
        printf 'package main\n\nimport (\n\t"github.com/coredns/coredns/coremain"\n'
        printf '\t_ "github.com/coredns/coredns/plugin/%s"\n' bind cache errors kubernetes template
        printf ')\n\nfunc main() { coremain.Run() }\n'
    } >main.go
    go get "github.com/coredns/coredns@v$COREDNS_VERSION" 2>&1
}

kubernetes_module() {
    local downloaded theirs staging
    module kubernetes
    downloaded=$(GOFLAGS='' go mod download -json "k8s.io/kubernetes@v$KUBERNETES_VERSION") || { echo "$downloaded"; return 1; }
    theirs=$(sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' <<<"$downloaded")
    # The main module decides on the language version and Go's compatibility switches: those of the release.
    go mod edit -go="$(sed -n 's/^go //p' "$theirs")" -godebug="$(sed -n 's/^godebug //p' "$theirs")"
    go mod edit -require="k8s.io/kubernetes@v$KUBERNETES_VERSION"
    # Its libraries, such as k8s.io/api, are published as v0.x of the same release.
    for staging in $(sed -n 's,^\s*\(k8s.io/\S*\) => ./staging/.*,\1,p' "$theirs"); do
        go mod edit -replace="$staging=$staging@v0.${KUBERNETES_VERSION#1.}"
    done
}

# Without these a server says that it is v0.0.0-master, and nothing that asks for its version works.
kubernetes_version() {
    local package minor=${KUBERNETES_VERSION#1.}
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        printf -- '-X %s.%s ' "$package" "gitVersion=v$KUBERNETES_VERSION" "$package" gitMajor=1 \
            "$package" "gitMinor=${minor%%.*}" "$package" gitTreeState=clean
    done
}

build() { # build <binary> <module> <package> [ldflags]
    local binary=$1 began=$SECONDS
    [ -f "$built/$binary" ] && return
    say "$binary: building"
    if [ ! -e "$work/src/$2" ]; then ("$2_module") >"$work/log" 2>&1 || { cat "$work/log" >&2; die "$binary: its source cannot be had"; }; fi
    cd "$work/src/$2"
    go build -v -trimpath -ldflags="$small ${4:-}" -o "$work/$binary" "$3" 2>&1 | tee "$work/log" |
        awk -v what="$binary" 'NR % 200 == 0 { print "control plane: " what ": " NR " packages compiled"; fflush() }' >&2 ||
        { grep -v '^[a-z0-9./_-]*$' "$work/log" >&2; die "$binary: it does not build"; }
    mv "$work/$binary" "$built/$binary"
    say "$binary: built in $((SECONDS - began)) s"
}

# Helm has a folder of its own: lint needs no more.
helm() { helm_of helm "$HELM_VERSION"; }
helm3() { helm_of helm3 "$HELM3_VERSION"; }

# As it is typed by hand, and so by the tests of what the documents say.
kubectl() {
    built=$cache/kubectl-$KUBERNETES_VERSION
    if ! [ -f "$built/kubectl" ]; then
        prepare "kubectl $KUBERNETES_VERSION into $built: once, about a minute on two cores"
        build kubectl kubernetes k8s.io/kubernetes/cmd/kubectl "$(kubernetes_version)"
    fi
    echo "$built"
}

helm_of() { # helm_of <module> <version>
    local package=helm.sh/helm/v${2%%.*}
    built=$cache/helm-$2
    if [ ! -f "$built/helm" ]; then
        prepare "Helm $2 into $built: once, about two minutes on two cores"
        build helm "$1" "$package/cmd/helm" "-X $package/internal/version.version=v$2"
    fi
    echo "$built"
}

node() {
    local binary containerd=github.com/containerd/containerd/v2
    binaries=(kube-scheduler kubelet kube-proxy containerd containerd-shim-runc-v2 ctr coredns)
    built=$cache/node-$KUBERNETES_VERSION-containerd-$CONTAINERD_VERSION-coredns-$COREDNS_VERSION
    if ! complete; then
        prepare "a node of Kubernetes $KUBERNETES_VERSION, containerd $CONTAINERD_VERSION and CoreDNS $COREDNS_VERSION into $built: once, about four minutes on two cores"
        for binary in kube-scheduler kubelet kube-proxy; do
            build "$binary" kubernetes "k8s.io/kubernetes/cmd/$binary" "$(kubernetes_version)"
        done
        for binary in containerd containerd-shim-runc-v2 ctr; do
            build "$binary" containerd "$containerd/cmd/$binary" "-X $containerd/version.Version=$CONTAINERD_VERSION"
        done
        build coredns coredns .
    fi
    echo "$built"
}

prepare() { # prepare <what is said>
    needed="Go 1.25 or newer (https://go.dev/doc/install); for a control plane also KUBEBUILDER_ASSETS with etcd and kube-apiserver (setup-envtest)"
    command -v go >/dev/null || die "not built yet, and Go is not installed. Needed: $needed"
    # From 1.21 on Go fetches the version that a module asks for.
    case $(go env GOVERSION) in go1.[0-9] | go1.[0-9].* | go1.1* | go1.20*) die "$(go env GOVERSION) is too old. Needed: $needed" ;; esac
    mkdir -p "$built"
    exec 9>"$built/.lock"
    flock -n 9 || { say "another run is building it: waiting"; flock 9; }
    work=$(mktemp -d "$built/.build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    say "$1"
}

case ${1:-} in helm | helm3 | kubectl | node)
    "$1"
    exit
    ;;
esac
if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
    for binary in etcd kube-apiserver; do
        [ -x "$KUBEBUILDER_ASSETS/$binary" ] || die "KUBEBUILDER_ASSETS is $KUBEBUILDER_ASSETS, which has no $binary"
    done
    say "$("$KUBEBUILDER_ASSETS/kube-apiserver" --version) of KUBEBUILDER_ASSETS"
    echo "$KUBEBUILDER_ASSETS"
    exit
fi
if ! complete; then
    prepare "Kubernetes $KUBERNETES_VERSION and etcd $ETCD_VERSION into $built: once, about eight minutes on two cores"
    build etcd etcd go.etcd.io/etcd/server/v3
    for binary in kube-apiserver kube-controller-manager; do
        build "$binary" kubernetes "k8s.io/kubernetes/cmd/$binary" "$(kubernetes_version)"
    done
fi
say "Kubernetes $KUBERNETES_VERSION; KUBERNETES=${other%.*} takes $other"
echo "$built"
