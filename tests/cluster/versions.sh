# Sourced: reads versions.env, says where the control plane of those versions is kept.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../versions.env
. "$root/versions.env"
: "${CONTROL_PLANE_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/datadog-sidecar-injector/control-plane}"
built=$CONTROL_PLANE_CACHE/$KUBERNETES_VERSION-etcd-$ETCD_VERSION
