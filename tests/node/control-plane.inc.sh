# Read by cluster.sh: certificates, and the programs that a cloud's control plane would be.
# shellcheck shell=bash disable=SC2154

authority() { # authority <file> <name>
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$2" \
        -addext keyUsage=critical,keyCertSign,digitalSignature -keyout "$pki/$1.key" -out "$pki/$1.crt" 2>/dev/null
}

certificate() { # certificate <authority> <file> <subject> <use> [names]
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$pki/$2.key" -out "$pki/$2.csr" 2>/dev/null
    openssl x509 -req -in "$pki/$2.csr" -CA "$pki/$1.crt" -CAkey "$pki/$1.key" -CAcreateserial -days 30 -out "$pki/$2.crt" \
        -extfile <(printf '%s\n' keyUsage=critical,digitalSignature "extendedKeyUsage=$4" ${5:+"subjectAltName=$5"}) 2>/dev/null
}

user() { # user <name> <subject> [use] [names]: a certificate, and a kubeconfig with it
    certificate ca "$1" "$2" "${3:-clientAuth}" "${4:-}"
    cat >"$state/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: node, cluster: {server: "https://$address:6443", certificate-authority: $pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $pki/$1.crt, client-key: $pki/$1.key}}]
contexts: [{name: node, context: {cluster: node, user: $1}}]
current-context: node
END
}

certificates() {
    chmod 700 "$pki"
    authority ca node
    authority front-proxy-ca front-proxy
    certificate front-proxy-ca front-proxy-client /CN=front-proxy-client clientAuth
    certificate ca apiserver /CN=kube-apiserver serverAuth "DNS:kubernetes.default.svc,IP:$address,IP:${services%.*}.1"
    certificate ca kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
    user admin /O=system:masters/CN=admin
    user kube-controller-manager /CN=system:kube-controller-manager
    user kube-scheduler /CN=system:kube-scheduler
    user kubelet "/O=system:nodes/CN=system:node:$name" clientAuth,serverAuth "DNS:$name,IP:$address"
    user kube-proxy /CN=system:kube-proxy
    user coredns /O=system:masters/CN=coredns
    openssl ecparam -name prime256v1 -genkey -noout -out "$pki/accounts.key"
    openssl ec -in "$pki/accounts.key" -pubout -out "$pki/accounts.pub" 2>/dev/null
}

start_control_plane() {
    ip addr replace "$address/32" dev lo
    # Without a route a packet to a Service is refused before kube-proxy's rules see it. By loopback, and unreachable for pods
    # until there is a bridge, so that nothing leaves by the default route.
    ip route replace "$services" dev lo src "$address"
    ip route replace unreachable "$pods" metric 9999

    start etcd --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
        --listen-client-urls "http://$address:2379" --advertise-client-urls "http://$address:2379" \
        --listen-peer-urls "http://$address:2380" --initial-advertise-peer-urls "http://$address:2380" \
        --initial-cluster "default=http://$address:2380"
    wait_for etcd curl -fsS "http://$address:2379/readyz"

    # Who writes, for the tests: what is created with its content, the rest by name. Nodes write all the time.
    cat >"$state/audit-policy.yaml" <<END
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, namespaces: [quiet]}
  - {level: RequestResponse, verbs: [create], resources: [{group: "", resources: [pods]}]}
  - {level: Metadata, verbs: [create, update, patch, delete], userGroups: ["system:serviceaccounts"]}
  - {level: None}
END
    # With the router of aggregators a webhook is called at the address of a pod of its Service, as on EKS.
    start kube-apiserver --etcd-servers="http://$address:2379" --bind-address="$address" --advertise-address="$address" \
        --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
        --service-cluster-ip-range="$services" \
        --enable-aggregator-routing=true \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
        --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/accounts.pub" \
        --service-account-signing-key-file="$pki/accounts.key" \
        --requestheader-client-ca-file="$pki/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
        --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
        --requestheader-extra-headers-prefix=X-Remote-Extra- \
        --proxy-client-cert-file="$pki/front-proxy-client.crt" --proxy-client-key-file="$pki/front-proxy-client.key" \
        --kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
        --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
        --audit-policy-file="$state/audit-policy.yaml" --audit-log-path="$state/audit.log" --audit-log-mode=blocking
    wait_for kube-apiserver api /readyz

    start kube-controller-manager --kubeconfig="$state/kube-controller-manager.kubeconfig" --bind-address=127.0.0.1 \
        --use-service-account-credentials --leader-elect=false --service-account-private-key-file="$pki/accounts.key" \
        --root-ca-file="$pki/ca.crt" --service-cluster-ip-range="$services" --kube-api-qps=200 --kube-api-burst=400
    start kube-scheduler --kubeconfig="$state/kube-scheduler.kubeconfig" --bind-address=127.0.0.1 --leader-elect=false \
        --kube-api-qps=200 --kube-api-burst=400
    # Pods are refused until it is there.
    wait_for kube-controller-manager api /api/v1/namespaces/default/serviceaccounts/default
}
