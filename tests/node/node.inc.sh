# Read by cluster.sh: what runs pods, and their network.
# shellcheck shell=bash disable=SC2154

# The image of the process that holds a pod together, which images.sh makes.
pause=images.test/pause:1

ctr() { command ctr --address "$state/containerd.sock" --namespace k8s.io "$@" 2>/dev/null; }

start_node() {
    cat /proc/sys/net/ipv4/ip_forward >"$state/ip_forward"
    sysctl -qw net.ipv4.ip_forward=1
    # The answer of a Service's pod to another on the same bridge must come through here to be translated back.
    sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true

    mkdir "$state/cni"
    cat >"$state/cni/10-node.conflist" <<END
{"cniVersion": "1.0.0", "name": "node", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isDefaultGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$state/addresses", "ranges": [[{"subnet": "$pods"}]]}}
]}
END
    cat >"$state/containerd.toml" <<END
version = 3
root = "$state/containerd"
state = "$state/containerd-run"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.nri.v1.nri"]
[grpc]
address = "$state/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "$pause"
[plugins.'io.containerd.cri.v1.runtime']
# A container in a container may not raise its own priority.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["$cni"]
conf_dir = "$state/cni"
END
    start containerd --config "$state/containerd.toml"
    wait_for containerd ctr version

    # Nothing outside is resolved.
    echo "nameserver $address" >"$state/resolv.conf"
    # No image can be had again, so none is removed.
    cat >"$state/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
healthzPort: 0
containerRuntimeEndpoint: unix://$state/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
maxOpenFiles: $(ulimit -Hn)
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
clusterDNS: [$address]
clusterDomain: cluster.local
resolvConf: $state/resolv.conf
podLogsDir: $state/pod-logs
volumePluginDir: $state/kubelet/volume-plugins
maxPods: 200
serializeImagePulls: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: "1%", imagefs.available: "1%"}
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
END
    start kubelet --config "$state/kubelet.yaml" --kubeconfig "$state/kubelet.kubeconfig" --root-dir "$state/kubelet" \
        --hostname-override "$name" --node-ip "$address"

    cat >"$state/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $state/kube-proxy.kubeconfig}
hostnameOverride: $name
oomScoreAdj: 0
clusterCIDR: $pods
healthzBindAddress: 127.0.0.1:10256
nodePortAddresses: ["$address/32"]
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nftables: {minSyncPeriod: 0s}
END
    start kube-proxy --config "$state/kube-proxy.yaml"

    cat >"$state/Corefile" <<END
cluster.local:53 {
  bind $address
  errors
  cache 5
  kubernetes {
    kubeconfig $state/coredns.kubeconfig node
  }
}
.:53 {
  bind $address
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
END
    start coredns -conf "$state/Corefile"
    wait_for kube-proxy curl -fsS http://127.0.0.1:10256/healthz
    wait_for kubelet ready
}

ready() { api "/api/v1/nodes/$name" | tr -d ' \n' | grep '"type":"Ready","status":"True"'; }

stop_node() {
    local task process link
    stop kubelet
    stop coredns
    stop kube-proxy
    if [ -e "$state/kube-proxy.yaml" ]; then kube-proxy --cleanup --config "$state/kube-proxy.yaml" >/dev/null 2>&1 || true; fi
    for task in $(ctr tasks ls -q); do ctr tasks delete --force "$task" >/dev/null || true; done
    stop containerd
    # The keepers of containers outlive containerd; ours are those with our socket.
    for process in /proc/[0-9]*; do
        if tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep "^[^ ]*containerd-shim.* -address $state/containerd.sock " >/dev/null; then
            kill "${process#/proc/}" 2>/dev/null || true
        fi
    done
    # What was mounted last goes first.
    awk -v below="$state/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r |
        while read -r link; do umount -l "$link" || true; done
    find /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods -depth -type d -exec rmdir {} \; 2>/dev/null || true
    ip link del "$bridge" 2>/dev/null || true
    [ ! -e "$state/ip_forward" ] || sysctl -qw "net.ipv4.ip_forward=$(cat "$state/ip_forward")"
}
