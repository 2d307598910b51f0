//! The values, and what becomes of them.

use serde_json::{Value, json};

/// What becomes of values.
pub enum Then {
    /// The API server takes all objects.
    Valid,
    /// And one of this kind has this at a pointer; `null` where there is nothing.
    Has(&'static str, &'static str, Value),
    /// And there is none of this kind.
    Without(&'static str),
    /// Helm refuses them and says this.
    Refused(&'static str),
}

use Then::{Has, Refused, Valid, Without};

const DEPLOYMENT: &str = "Deployment";

/// A pointer into the container of the Deployment's pods.
macro_rules! container {
    ($rest:literal) => {
        concat!("/spec/template/spec/containers/0", $rest)
    };
}

/// What stands under `injector`, as a file or, from `--` on, as flags.
pub fn of_the_injector() -> Vec<(&'static str, Then)> {
    let resources = |value| Has(DEPLOYMENT, container!("/resources"), value);
    let default = json!({"cpu": "200m", "memory": "256Mi"});
    vec![
        ("null", Valid),
        ("{}", resources(json!({"requests": default, "limits": default}))),
        ("{resources: null}", resources(json!({"requests": default, "limits": default}))),
        ("{resources: {limits: {}}}", resources(json!({"requests": default, "limits": {}}))),
        ("--set-json injector.resources={\"limits\":{}}", resources(json!({"requests": default, "limits": {}}))),
        ("--set injector.resources.limits.cpu=null", resources(json!({"requests": default, "limits": {"memory": "256Mi"}}))),
        ("{resources: {limits: {memory: 512Mi}}}", resources(json!({"requests": {"cpu": "200m"}, "limits": {"memory": "512Mi"}}))),
        ("{resources: {requests: {cpu: 2}}}", resources(json!({"requests": {"cpu": "2"}, "limits": {"memory": "256Mi"}}))),
        ("{resources: {requests: {cpu: 0.5, memory: 1000000000}, limits: {}}}", resources(json!({"requests": {"cpu": "0.5", "memory": "1000000000"}, "limits": {}}))),
        ("{resources: {requests: {cpu: lots}}}", Refused("/injector/resources/requests/cpu")),
        ("{resources: {limits: {cpu: -1}}}", Refused("/injector/resources/limits/cpu")),
        ("{resources: {limits: [cpu]}}", Refused("/injector/resources/limits")),
        ("{image: {tag: 20260125}}", Has(DEPLOYMENT, container!("/image"), "datadog-sidecar-injector:20260125".into())),
        ("--set injector.image.tag=20260125", Has(DEPLOYMENT, container!("/image"), "datadog-sidecar-injector:20260125".into())),
        ("--set injector.image.tag=1.10", Has(DEPLOYMENT, container!("/image"), "datadog-sidecar-injector:1.10".into())),
        ("{image: {tag: '1.10', registry: 'localhost:5000'}}", Has(DEPLOYMENT, container!("/image"), "localhost:5000/datadog-sidecar-injector:1.10".into())),
        ("{image: {tag: 1.10}}", Refused("injector.image.tag: 1.1 is a number, of which zeros at the end are lost: write the tag in quotes")),
        ("{image: {repository: ''}}", Refused("/injector/image/repository")),
        ("{image: {repository: 'My Image'}}", Refused("/injector/image/repository")),
        ("{image: {registry: 'https://example.com'}}", Refused("/injector/image/registry")),
        ("{image: {tag: \"a\\nb\"}}", Refused("/injector/image/tag")),
        ("{image: {pullSecrets: [{name: 123}]}}", Has(DEPLOYMENT, "/spec/template/spec/imagePullSecrets/0/name", "123".into())),
        ("{image: {pullSecrets: [regcred]}}", Refused("/injector/image/pullSecrets/0")),
        ("{podLabels: {app.kubernetes.io/name: theirs, admission.datadoghq.com/enabled: true, helm.sh/chart: mine, num: 1e3}}", Has(DEPLOYMENT, "/spec/template/metadata/labels", json!({"admission.datadoghq.com/enabled": "false", "app.kubernetes.io/instance": "injector", "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/name": "datadog-sidecar-injector", "app.kubernetes.io/version": env!("CARGO_PKG_VERSION"), "helm.sh/chart": "mine", "num": "1000"}))),
        ("{podLabels: {a: \"b\\nc\"}}", Refused("/injector/podLabels/a")),
        ("{labels: {app.kubernetes.io/managed-by: me, tier: 2, gone: null}}", Has("ConfigMap", "/metadata/labels/tier", "2".into())),
        ("{labels: {app.kubernetes.io/managed-by: me}}", Has("ConfigMap", "/metadata/labels/app.kubernetes.io~1managed-by", "Helm".into())),
        ("{labels: {a b: c}}", Refused("invalid propertyName 'a b'")),
        ("{annotations: {a: 1, b: yes, c: '{{ .Values }}', d: \"x: |\\n  y\\n\"}}", Has("Service", "/metadata/annotations", json!({"a": "1", "b": "true", "c": "{{ .Values }}", "d": "x: |\n  y\n"}))),
        ("{podAnnotations: {num: 20260125, b: false, é: ü}}", Refused("invalid propertyName 'é'")),
        ("{podAnnotations: {num: 20260125, checksum/config: mine, q: '\"'}}", Has(DEPLOYMENT, "/spec/template/metadata/annotations/num", "20260125".into())),
        ("{serviceAccount: {annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::1:role/x', num: 1}}}", Has("ServiceAccount", "/metadata/annotations/num", "1".into())),
        ("{nodeSelector: {spot: true, zone: 1}}", Has(DEPLOYMENT, "/spec/template/spec/nodeSelector", json!({"spot": "true", "zone": "1"}))),
        ("{nodeSelector: [spot]}", Refused("/injector/nodeSelector")),
        ("{tolerations: [{key: spot, value: true, effect: NoSchedule}, {operator: Exists, tolerationSeconds: null}]}", Has(DEPLOYMENT, "/spec/template/spec/tolerations/0/value", "true".into())),
        ("{tolerations: {key: spot}}", Refused("/injector/tolerations")),
        ("{tolerations: [null]}", Refused("/injector/tolerations/0")),
        ("{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}}", Valid),
        ("{affinity: {podAffinty: {}}}", Refused("'podAffinty' not allowed")),
        ("{topologySpreadConstraints: []}", Has(DEPLOYMENT, "/spec/template/spec/topologySpreadConstraints", json!([]))),
        ("{topologySpreadConstraints: null}", Has(DEPLOYMENT, "/spec/template/spec/topologySpreadConstraints/1/topologyKey", "kubernetes.io/hostname".into())),
        ("{topologySpreadConstraints: [{maxSkew: 2, topologyKey: rack, whenUnsatisfiable: DoNotSchedule}]}", Has(DEPLOYMENT, "/spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels/app.kubernetes.io~1name", "datadog-sidecar-injector".into())),
        ("{topologySpreadConstraints: [{maxSkew: 1}]}", Refused("/injector/topologySpreadConstraints/0")),
        ("{topologySpreadConstraints: {maxSkew: 1}}", Refused("/injector/topologySpreadConstraints")),
        ("{podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}}", Has(DEPLOYMENT, "/spec/template/spec/securityContext", json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}))),
        ("--set injector.podSecurityContext.runAsUser=null", Has("Job", "/spec/template/spec/securityContext/runAsUser", Value::Null)),
        ("{podSecurityContext: {runAsUser: 1000680000}}", Has(DEPLOYMENT, "/spec/template/spec/securityContext/runAsUser", 1_000_680_000.into())),
        ("{securityContext: {readOnlyRootFilesystem: null, runAsUser: 5}}", Has(DEPLOYMENT, container!("/securityContext"), json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsUser": 5}))),
        ("{securityContext: {runAsUser: nobody}}", Refused("/injector/securityContext/runAsUser")),
        ("{priorityClassName: 123}", Has(DEPLOYMENT, "/spec/template/spec/priorityClassName", "123".into())),
        ("{priorityClassName: System Critical}", Refused("/injector/priorityClassName")),
        ("{logLevel: 'info, kube=debug'}", Has(DEPLOYMENT, container!("/args/10"), "--log-level=info, kube=debug".into())),
        ("{logLevel: loud}", Refused("/injector/logLevel")),
        ("{logLevel: ''}", Refused("/injector/logLevel")),
        ("{probe: {timeoutSeconds: 3m}}", Refused("/injector/probe/timeoutSeconds")),
        ("{replicas: 1}", Without("PodDisruptionBudget")),
        ("{replicas: 2}", Has("PodDisruptionBudget", "/spec/unhealthyPodEvictionPolicy", "AlwaysAllow".into())),
        ("{replicas: 0}", Refused("/injector/replicas")),
        ("{replicas: -1}", Refused("/injector/replicas")),
        ("{replicas: '2'}", Refused("/injector/replicas")),
        ("{podDisruptionBudget: {maxUnavailable: 2}}", Refused("injector.podDisruptionBudget.maxUnavailable: must be less than the number of replicas, which is 2")),
        ("{podDisruptionBudget: {maxUnavailable: 50%}}", Refused("/injector/podDisruptionBudget/maxUnavailable")),
        ("{autoscaling: {enabled: true}}", Has(DEPLOYMENT, "/spec/replicas", Value::Null)),
        ("{autoscaling: {enabled: true, maxReplicas: 4}}", Has("HorizontalPodAutoscaler", "/spec/maxReplicas", 4.into())),
        ("{autoscaling: {enabled: true, create: false}}", Without("HorizontalPodAutoscaler")),
        ("{autoscaling: {enabled: true, minReplicas: 5, maxReplicas: 3}}", Refused("injector.autoscaling.minReplicas: must be at most maxReplicas, which is 3, not 5")),
        ("{autoscaling: {enabled: true}, resources: {requests: {memory: 1Gi}, limits: {}}}", Refused("injector.resources.requests.cpu: must be given")),
        ("{hostNetwork: true}", Refused("injector.hostNetwork: is not to be had: where the control plane does not reach pods on nodes, run the replicas on Fargate")),
        ("{certificates: {mode: files, files: {secretName: 123}}}", Has(DEPLOYMENT, "/spec/template/spec/volumes/1/secret/secretName", "123".into())),
        ("{certificates: {mode: files, files: {secretName: tls}}, podSecurityContext: {fsGroup: null}}", Has(DEPLOYMENT, "/spec/template/spec/volumes/1/secret/defaultMode", 0o444.into())),
        ("{certificates: {files: {secretName: tls}}}", Refused("injector.certificates.files.secretName: is for mode files, and injector.certificates.mode is selfManaged")),
        ("{certificates: {mode: files, files: {secretName: tls}, certManager: {issuerRef: {name: ca}}}}", Refused("injector.certificates.certManager.issuerRef.name: is for mode certManager")),
        ("{certificates: {mode: self}}", Refused("/injector/certificates/mode")),
        ("{networkPolicy: {enabled: true}}", Valid),
        ("{networkPolicy: yes}", Refused("/injector/networkPolicy")),
        ("{rbac: {namespaces: ['123'], kubelet: {access: proxy}}}", Has("ClusterRoleBinding", "/kind", "ClusterRoleBinding".into())),
        ("[]", Refused("/injector")),
        ("text", Refused("/injector")),
    ]
}

/// What stands under `agentSidecarInjection`.
pub fn of_the_injection() -> Vec<(&'static str, Then)> {
    let place = "agentSidecarInjection";
    vec![
        ("null", Valid),
        ("{selectors: [], excludedNamespaces: [], profiles: null}", Valid),
        ("{imageTag: 20260125}", Valid),
        ("{imageTag: 7.70}", Refused("agentSidecarInjection.imageTag: 7.7 is a number")),
        ("{profiles: [{image: {tag: 7.50}}]}", Refused("agentSidecarInjection.profiles[0].image.tag: 7.5 is a number")),
        ("{profiles: [{name: a, env: [{name: A, value: \"{{ x }}\\n'\\\"\\t☃\"}]}]}", Valid),
        ("{profiles: [{securityContext: {runAsUser: 1000680000}}]}", Valid),
        ("{profiles: [null]}", Refused("/agentSidecarInjection/profiles/0")),
        ("{selectors: {a: b}}", Refused(place)),
        ("{selectors: [null]}", Refused("/agentSidecarInjection/selectors/0")),
        ("{selectors: [{objectSelector: null}]}", Refused("selectors[0]: needs an objectSelector or a namespaceSelector")),
        ("{selectors: [{objectSelector: {matchLabels: {a: null}}}]}", Refused("/objectSelector/matchLabels/a")),
        ("{selectors: [{objectSelector: {matchLabels: {a: 'b c'}}}]}", Refused("/objectSelector/matchLabels/a")),
        ("{selectors: [{objectSelector: {matchLabels: {a: ''}}}]}", Valid),
        ("{selectors: [{objectSelector: {matchExpressions: [{key: a, operator: In}]}}]}", Refused("selectors[0].objectSelector.matchExpressions[0].values: In and NotIn need values")),
        ("{selectors: [{namespaceSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}}]}", Refused("selectors[0].namespaceSelector.matchExpressions[0].operator: must be In")),
        ("{selectors: [{objectSelector: {matchExpressions: [{key: a, operator: Exists}]}}, {namespaceSelector: {matchLabels: {b: c}}}]}", Valid),
        ("{excludedNamespaces: [Kube System]}", Refused("/excludedNamespaces/0")),
    ]
}

/// Whole files.
pub fn of_the_file() -> Vec<(&'static str, Then)> {
    vec![
        ("", Valid),
        ("{datadog: null, agents: null, clusterAgent: null, existingClusterAgent: null, commonLabels: null}", Valid),
        ("{commonLabels: {team: 7, on: yes, gone: null, app.kubernetes.io/name: theirs}}", Has("ServiceAccount", "/metadata/labels/team", "7".into())),
        ("{commonLabels: {team: a}}", Has("Job", "/spec/template/metadata/labels/team", "a".into())),
        ("{commonLabels: {team: a}}", Has(DEPLOYMENT, "/spec/selector/matchLabels", json!({"app.kubernetes.io/instance": "injector", "app.kubernetes.io/name": "datadog-sidecar-injector"}))),
        ("{commonLabels: {app.kubernetes.io/name: theirs}}", Has("Service", "/metadata/labels/app.kubernetes.io~1name", "datadog-sidecar-injector".into())),
        ("{commonLabels: {team: a}, injector: {labels: {team: b}, podLabels: {team: c}}}", Has(DEPLOYMENT, "/spec/template/metadata/labels/team", "c".into())),
        ("{commonLabels: {team: a}, injector: {labels: {team: b}}}", Has(DEPLOYMENT, "/metadata/labels/team", "b".into())),
        ("{commonLabels: [team]}", Refused("/commonLabels")),
        ("{commonLabels: {team: {a: b}}}", Refused("/commonLabels/team")),
        ("{commonLabels: {team: 'a b'}}", Refused("/commonLabels/team")),
        ("{commonLabels: {team: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}}", Refused("/commonLabels/team")),
        ("{foo: [1, {a: null}], bar: 1e300, a b: {}, global: null, fips: 'yes'}", Valid),
        ("{datadog: {tags: 'a:b c:d', env: [{name: A, value: '{{ \"☃\" }}'}], clusterName: 12, apiKey: 123}}", Valid),
        ("{datadog: {env: [null]}}", Refused("/datadog/env/0")),
        ("{datadog: text}", Refused("/datadog")),
        ("{agents: {image: {tag: 7.10}}}", Refused("agents.image.tag: 7.1 is a number")),
        ("{agents: {containers: {agent: null, trace: [1]}, useHostNetwork: true}}", Valid),
        ("{clusterAgent: {env: {a: b}, envDict: [x], replicas: '2', tokenExistingSecret: 5}}", Valid),
        ("{clusterAgent: {serviceName: dca, serviceNamespace: '123', servicePort: 5005}, fullnameOverride: '1'}", Valid),
        ("{clusterAgent: {admissionController: {port: 10250}}}", Refused("clusterAgent.admissionController.port: must not be 10250, which on Fargate is the kubelet's")),
        ("{clusterAgent: {admissionController: {port: 8080}}}", Refused("clusterAgent.admissionController.port: must not be 8080")),
        ("{clusterAgent: {admissionController: {port: '8443'}}}", Refused("/clusterAgent/admissionController/port")),
        ("{clusterAgent: {admissionController: {timeoutSeconds: 0}}}", Refused("/clusterAgent/admissionController/timeoutSeconds")),
        ("{clusterAgent: {admissionController: {timeoutSeconds: 31}}}", Refused("/clusterAgent/admissionController/timeoutSeconds")),
        ("{clusterAgent: {admissionController: {failurePolicy: Never}}}", Refused("'Ignore', 'Fail'")),
        ("--set commonLabels.team=5,commonLabels.on=true", Has("ConfigMap", "/metadata/labels/on", "true".into())),
    ]
}
