//! AdmissionReviews as an API server sends them: defaults applied, token volume, owner, managedFields; always the same bytes.

use serde_json::{Map, Value, json};

/// The keys by which server-side apply tells the elements of a list apart.
const MERGE_KEYS: [(&str, &[&str]); 6] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("env", &["name"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("ports", &["containerPort", "protocol"]),
];

/// How large a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// One container and little else: 3 kB.
    Small,
    /// Three containers, twenty variables, probes: 11 kB.
    Typical,
    /// Twenty containers, an init step, 160 variables, 100 kB of annotations: 180 kB.
    Large,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Small, Self::Typical, Self::Large];

    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Typical => "typical",
            Self::Large => "large",
        }
    }

    /// The size of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.name() == name)
    }

    /// The review of a pod's creation.
    pub fn review(self) -> Vec<u8> {
        let pod = match self {
            Self::Small => pod(1, 0, 0, 0),
            Self::Typical => pod(3, 20, 1, 0),
            Self::Large => pod(20, 160, 6, 100_000),
        };
        let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
        let resource = json!({"group": "", "version": "v1", "resource": "pods"});
        let review = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
            "uid": "0f7c1d6e-52c2-4e0b-9c39-d1f2e7a3b486",
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "namespace": "shop-prod",
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "6d1c8a43-0a52-4f0e-8b76-3f2f8f0f7f55",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
                "extra": {"authentication.kubernetes.io/credential-id": ["JTI=9a0d6a0c-7a5c-4be1-a3a3-2a8c5f3f9f10"]},
            },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        }});
        format!("{review}\n").into_bytes()
    }
}

fn pod(containers: usize, variables: usize, volumes: usize, annotation_bytes: usize) -> Value {
    let plain = containers == 1;
    let volume = |i: usize| match i % 2 {
        0 => json!({"name": format!("vol-{i}"), "emptyDir": {}}),
        _ => {
            json!({"name": format!("vol-{i}"), "configMap": {"name": format!("config-{i}"), "defaultMode": 420}})
        }
    };
    let token = json!({"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}});
    let toleration =
        |key| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    let share = |i: usize| variables / containers + usize::from(i < variables % containers);
    let mut spec = json!({
        "volumes": (0..volumes).map(volume).chain([token]).collect::<Vec<_>>(),
        "containers": (0..containers).map(|i| container(&format!("app-{i}"), i, share(i), volumes, plain)).collect::<Vec<_>>(),
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "checkout",
        "serviceAccount": "checkout",
        "securityContext": if plain { json!({}) } else { json!({"runAsUser": 10001, "fsGroup": 10001}) },
        "schedulerName": "default-scheduler",
        "tolerations": [toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable")],
        "priority": 0,
        "enableServiceLinks": true,
        "preemptionPolicy": "PreemptLowerPriority",
    });
    if annotation_bytes > 0 {
        spec["initContainers"] = json!([container("migrate", 0, 4, 0, plain)]);
    }
    let labels = json!({
        "app.kubernetes.io/name": "checkout",
        "app.kubernetes.io/instance": "checkout-prod",
        "app.kubernetes.io/version": "2.31.4",
        "app.kubernetes.io/part-of": "shop",
        "agent.datadoghq.com/sidecar": "fargate",
        "pod-template-hash": "7c9d4b8f6d",
        "team": "payments",
        "tier": "backend",
    });
    let annotations = annotations(annotation_bytes);
    // Of a plain pod its author set little, so that little is owned.
    let owned = if plain {
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app-0", "image": ""}]}})
    } else {
        json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": spec})
    };
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": "checkout-7c9d4b8f6d-",
            "namespace": "shop-prod",
            "creationTimestamp": null,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "checkout-7c9d4b8f6d",
                "uid": "e7c7f6a5-8b52-4c4e-a3c5-0d9d2c1b8e77", "controller": true, "blockOwnerDeletion": true,
            }],
            "managedFields": [{
                "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                "time": "2026-05-02T08:15:31Z", "fieldsType": "FieldsV1", "fieldsV1": fields_of(&owned, ""),
            }],
        },
        "spec": spec,
        "status": {},
    })
}

fn container(name: &str, number: usize, variables: usize, volumes: usize, plain: bool) -> Value {
    let port = 8080 + number;
    let digest = format!("{:064x}", 0x9e37_79b9_7f4a_7c15_u128 * (number as u128 + 1) * 0x1000_0000_01b3);
    let mount = |i| json!({"name": format!("vol-{i}"), "mountPath": format!("/etc/vol-{i}")});
    let token = json!({
        "name": "kube-api-access-x7k2p", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    });
    let mut container = json!({
        "name": name,
        "image": format!("registry.example.com/shop-prod/{name}:2.31.{number}@sha256:{digest}"),
        "ports": [{"name": format!("p{port}"), "containerPort": port, "protocol": "TCP"}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "250m", "memory": "512Mi"}},
        "volumeMounts": (0..volumes).map(mount).chain([token]).collect::<Vec<_>>(),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    });
    if variables > 0 {
        container["env"] = (0..variables).map(variable).collect();
    }
    if !plain {
        container["args"] =
            json!(["--config=/etc/app/config.yaml", "--log-level=info", "--shutdown-grace=25s"]);
        container["securityContext"] = json!({
            "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
            "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
        });
    }
    if !plain && number == 0 {
        let probe = json!({
            "httpGet": {"path": "/healthz", "port": port, "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        });
        container["livenessProbe"] = probe.clone();
        container["readinessProbe"] = probe;
    }
    container
}

fn variable(i: usize) -> Value {
    let from = |reference| json!({"name": format!("SETTING_{i}"), "valueFrom": reference});
    match i % 7 {
        3 => from(json!({"secretKeyRef": {"name": "checkout-db", "key": format!("password-{i}")}})),
        5 => from(json!({"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}})),
        6 => {
            json!({"name": format!("JVM_OPTS_{i}"), "value": r#"-Xms512m -Dname="quoted value" -Dpath=C:\temp -XX:+UseG1GC"#})
        }
        _ => {
            json!({"name": format!("SETTING_{i}"), "value": format!("https://ledger-{i}.shop-prod.svc:8443/v1")})
        }
    }
}

/// Some that tools set, and blobs of which half carry JSON in a string, as last-applied-configuration does.
fn annotations(mut bytes: usize) -> Value {
    let mut annotations = json!({
        "kubectl.kubernetes.io/restartedAt": "2026-05-02T08:15:30Z",
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8080",
        "example.com/owner": "payments@example.com",
    });
    for i in 0.. {
        if bytes == 0 {
            break;
        }
        let mut blob = match i % 2 {
            0 => "cache ledger metric order queue ".repeat(80),
            _ => r#"{"path": "/etc/ledger", "on": true}, "#.repeat(70),
        };
        blob.truncate(bytes);
        bytes -= blob.len();
        annotations[format!("config.example.com/blob-{i}")] = blob.into();
    }
    annotations
}

/// The FieldsV1 set of a value, as the API server computes it.
fn fields_of(value: &Value, key: &str) -> Value {
    let mut fields = Map::new();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let mut of_member = fields_of(member, name);
                if member.is_array() && of_member.as_object().is_some_and(|of| !of.is_empty()) {
                    of_member["."] = json!({});
                }
                fields.insert(format!("f:{name}"), of_member);
            }
        }
        Value::Array(elements) => {
            let keys = MERGE_KEYS.iter().find(|(list, _)| *list == key).map_or(&[][..], |(_, keys)| keys);
            for element in elements.iter().filter(|_| !keys.is_empty()) {
                let found: Map<_, _> =
                    keys.iter().filter_map(|k| Some(((*k).to_owned(), element.get(k)?.clone()))).collect();
                let mut of_element = fields_of(element, "");
                of_element["."] = json!({});
                fields.insert(format!("k:{}", Value::Object(found)), of_element);
            }
        }
        _ => {}
    }
    fields.into()
}
