//! Every feature of a profile with every other, two by two, on pods that hold pieces of what is added already: the API server accepts
//! what comes out where `restricted` is enforced, the user's values are in it, and a second injection changes nothing.

use crate::harness::{Scene, pods, scene::in_namespace, yaml};
use serde_json::{Value, json};

/// What a feature can be: the keys of a profile, by their JSON pointers, and texts that are in the sidecar then and only then.
type Level = (&'static [(&'static str, &'static str)], &'static [&'static str]);

const FEATURES: [&[Level]; 16] = [
    &[
        (&[], &[]),
        (&[("/mode", "container")], &[]),
        (&[("/mode", "native")], &[]),
        (&[("/mode", "native"), ("/waitForAgent", "true")], &["startupProbe"]),
    ],
    &[(&[], &["DD_APM_RECEIVER_SOCKET"]), (&[("/sockets/enabled", "false")], &[])],
    &[(&[], &[]), (&[("/ports/dogstatsd", "true")], &["\"containerPort\":8125"])],
    &[(&[], &[]), (&[("/ports/apm", "true")], &["\"containerPort\":8126"])],
    &[(&[], &[]), (&[("/ports/otlp", "true")], &["\"containerPort\":4317"])],
    &[
        (&[], &[]),
        (&[("/logs/enabled", "true")], &["DD_LOGS_ENABLED"]),
        (
            &[("/logs/enabled", "true"), ("/logs/containerCollectAll", "true")],
            &["DD_LOGS_ENABLED", "CONTAINER_COLLECT_ALL"],
        ),
    ],
    &[(&[], &[]), (&[("/processCollection", "true")], &["DD_PROCESS_AGENT_PROCESS_COLLECTION_ENABLED"])],
    &[
        (&[], &[]),
        (
            &[("/cws/enabled", "true"), ("/cws/entrypoints", "{app: [/app, serve]}")],
            &["DD_RUNTIME_SECURITY_CONFIG_ENABLED"],
        ),
    ],
    &[
        (&[], &[]),
        (
            &[(
                "/checks",
                "[{name: redisdb, configMap: redis-check}, \
                  {name: http_check, container: app, initConfig: {}, instances: [{url: 'http://%%host%%/'}]}]",
            )],
            &["/conf.d/"],
        ),
    ],
    &[
        (&[], &[]),
        (
            &[
                ("/volumes", "[{name: own-checks, configMap: {name: own-checks}}]"),
                ("/volumeMounts", "[{name: own-checks, mountPath: /checks.d, readOnly: true}]"),
            ],
            &["/checks.d"],
        ),
    ],
    &[
        (&[], &[]),
        (&[("/securityContext/readOnlyRootFilesystem", "true")], &[r#""readOnlyRootFilesystem":true"#]),
    ],
    &[(&[], &[]), (&[("/serviceAccountToken", "true")], &["datadog-agent-token"])],
    &[(&[], &[]), (&[("/shareProcessNamespace", "false")], &[])],
    &[(&[], &[]), (&[("/imagePullSecrets", "[own, shared]")], &[])],
    &[
        (&[], &[]),
        (&[("/tags", "[team:shop]"), ("/env", "[{name: DD_LOG_LEVEL, value: debug}]")], &["team:shop"]),
    ],
    &[(&[], &[]), (&[("/resources", "{limits: {cpu: 300m, memory: 300Mi}}")], &["300Mi"])],
];

/// What pods may say of their own. `NAME` and `PROFILE` are filled in.
const PODS: [(&str, &str); 4] = [
    ("bare", "spec: {containers: [{name: app, image: app, securityContext: *c}]}"),
    (
        "says-otherwise",
        "
spec:
  shareProcessNamespace: false
  volumes: [{name: ddsockets, emptyDir: {sizeLimit: 1Mi}}, {name: agent-tmp, emptyDir: {medium: Memory}}]
  containers:
    - name: app
      image: app
      command: [/app]
      securityContext: *c
      env:
        - {name: DD_TRACE_AGENT_URL, value: 'http://elsewhere:8126'}
        - {name: DD_DOGSTATSD_URL, value: 'udp://elsewhere:8125'}
        - {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: 'http://elsewhere:4318'}
        - {name: DD_ENV, value: mine}
      ports: [{name: traceport, containerPort: 5000}, {name: dogstatsdport, containerPort: 6162}]
      volumeMounts: [{name: ddsockets, mountPath: /var/run/datadog}]
    - {name: other, image: other, securityContext: *c, ports: [{name: otlpgrpcport, containerPort: 15000}]}
",
    ),
    (
        "ends",
        "
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  imagePullSecrets: [{name: shared}, {name: mine}]
  volumes:
    - {name: own-checks, configMap: {name: own-checks}}
    - {name: agent-config, emptyDir: {}}
    - {name: cws-instrumentation-volume, emptyDir: {}}
  initContainers:
    - {name: proxy, image: proxy, restartPolicy: Always, securityContext: *c, ports: [{containerPort: 5001}]}
    - {name: migrate, image: migrate, command: [/migrate, --all], securityContext: *c}
  containers:
    - {name: app, image: app, command: [/app], args: [run], securityContext: *c, volumeMounts: [{name: own-checks, mountPath: /x}]}
",
    ),
    (
        "half-injected",
        "
spec:
  volumes: [{name: ddsockets, emptyDir: {}}, {name: agent-option, emptyDir: {}}, {name: agent-log, emptyDir: {}}]
  containers:
    - name: app
      image: app
      command: [/cws-instrumentation-volume/cws-instrumentation, trace, --, /app]
      securityContext: *c
      resources: {requests: {cpu: 100m, memory: 100Mi}}
      env:
        - {name: DD_TRACE_AGENT_URL, value: 'unix:///var/run/datadog/apm.socket'}
        - {name: DD_DOGSTATSD_URL, value: 'unix:///var/run/datadog/dsd.socket'}
        - {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: 'http://localhost:4318'}
      volumeMounts: [{name: ddsockets, mountPath: /var/run/datadog}]
",
    ),
];

const METADATA: &str = "
apiVersion: v1
kind: Pod
metadata:
  name: NAME
  labels: {agent.datadoghq.com/sidecar: fargate, tags.datadoghq.com/env: prod, tags.datadoghq.com/service: shop}
  annotations:
    agent.datadoghq.com/sidecar.profile: PROFILE
    cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes: scratch
    ad.datadoghq.com/app.checks: '{\"mine\": {\"instances\": [{}]}}'
context: &c
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  runAsNonRoot: true
  runAsUser: 1000
  seccompProfile: {type: RuntimeDefault}
";

/// Rows of levels in which any two features occur with any two of their levels, the same ones every time: each row begins with a
/// pair not met so far, and goes on with whatever meets the most.
fn pairwise(levels: &[usize]) -> Vec<Vec<usize>> {
    let mut left: Vec<[(usize, usize); 2]> = Vec::new();
    for (first, &firsts) in levels.iter().enumerate() {
        for (second, &seconds) in levels.iter().enumerate().skip(first + 1) {
            for a in 0..firsts {
                left.extend((0..seconds).map(|b| [(first, a), (second, b)]));
            }
        }
    }
    let mut rows = Vec::new();
    while let Some(&[a, b]) = left.first() {
        let mut row: Vec<Option<usize>> = vec![None; levels.len()];
        (row[a.0], row[b.0]) = (Some(a.1), Some(b.1));
        for feature in 0..levels.len() {
            if row[feature].is_none() {
                let met = |level: usize| {
                    let mut tried = row.clone();
                    tried[feature] = Some(level);
                    left.iter().filter(|pair| pair.iter().all(|(f, l)| tried[*f] == Some(*l))).count()
                };
                // Of equals the last one: features are rather on than off.
                row[feature] = (0..levels[feature]).max_by_key(|level| met(*level));
            }
        }
        left.retain(|pair| !pair.iter().all(|(feature, level)| row[*feature] == Some(*level)));
        rows.push(row.into_iter().flatten().collect());
    }
    rows
}

#[test]
fn any_two_levels_of_any_two_features_occur_together() {
    let levels = FEATURES.map(<[Level]>::len);
    let rows = pairwise(&levels);
    assert!(rows.len() < 40, "{} rows", rows.len());
    for (a, &firsts) in levels.iter().enumerate() {
        for (b, &seconds) in levels.iter().enumerate().skip(a + 1) {
            for pair in (0..firsts).flat_map(|x| (0..seconds).map(move |y| (x, y))) {
                assert!(rows.iter().any(|row| (row[a], row[b]) == pair), "features {a} and {b}: {pair:?}");
            }
        }
    }
}

/// The profile of a row.
fn profile(number: usize, row: &[usize]) -> Value {
    let mut profile = json!({"name": format!("row-{number}")});
    for (pointer, text) in FEATURES.iter().zip(row).flat_map(|(levels, level)| levels[*level].0) {
        let keys: Vec<&str> = pointer.split('/').skip(1).collect();
        let slot = keys.iter().fold(&mut profile, |at, key| &mut at[*key]);
        *slot = yaml(text);
    }
    profile
}

fn pod(name: &str, profile: &str, spec: &str) -> Value {
    let mut pod = yaml(&format!("{METADATA}{spec}").replace("NAME", name).replace("PROFILE", profile));
    pod.as_object_mut().unwrap().remove("context");
    pod
}

/// What a pod and a profile make of each other; an error where it is not as it should be.
async fn judge(scene: &Scene, row: &[usize], number: usize, kind: &str, spec: &str) -> Result<(), String> {
    let name = format!("{kind}-{number}");
    let profile = profile(number, row);
    let pod = pod(&name, &format!("row-{number}"), spec);
    let plain = scene.api.dry_run(&in_namespace(pod.clone(), &scene.plain)).await;
    let before = plain.warnings.clone();
    let plain = plain.created();
    let reply = scene.api.dry_run(&in_namespace(pod, &scene.namespace)).await;
    let told = reply.warnings.join("; ");
    let wrong = |what: &str| Err(format!("{name}: {what}; warnings: {told}; profile: {profile}"));
    if !reply.status.is_success() {
        return wrong(reply.message());
    }
    // Names or ports that are there twice, variables that hide others.
    let own = |warning: &&String| !warning.starts_with("datadog sidecar: ") && !before.contains(warning);
    if let Some(warning) = reply.warnings.iter().find(own) {
        return wrong(&format!("the API server warns of {warning:?}"));
    }
    let injected = reply.body;
    // A pod that ends would never end beside an ordinary container that does not see its processes.
    let never = kind == "ends" && profile["mode"] == "container" && profile["shareProcessNamespace"] == false;
    match (pods::sidecars(&injected), never) {
        (0, true) if told.contains("conflict") => return Ok(()),
        (1, false) => {}
        (sidecars, _) => return wrong(&format!("{sidecars} sidecars")),
    }
    if let Some(pointer) = pods::lost(&plain, &injected) {
        return wrong(&format!("{pointer} was lost or changed"));
    }
    let sidecar = pods::container(&injected, pods::SIDECAR).to_string();
    for (levels, level) in FEATURES.iter().zip(row) {
        for text in levels.iter().flat_map(|(_, texts)| *texts) {
            let expected = levels[*level].1.contains(text);
            if sidecar.contains(text) != expected {
                return wrong(&format!("{text} should be in the sidecar: {expected}"));
            }
        }
    }
    let mut again = json!({"apiVersion": "v1", "kind": "Pod", "spec": injected["spec"]});
    for part in ["name", "namespace", "labels", "annotations"] {
        again["metadata"][part] = injected["metadata"][part].clone();
    }
    let again = scene.api.dry_run(&again).await;
    if !again.status.is_success() {
        return wrong(&format!("the second time: {}", again.message()));
    }
    for part in ["/spec", "/metadata/annotations"] {
        if again.body.pointer(part) != injected.pointer(part) {
            return wrong(&format!("the second time {part} changes"));
        }
    }
    Ok(())
}

async fn every_row(name: &'static str, injection: &str) {
    let rows = pairwise(&FEATURES.map(<[Level]>::len));
    let profiles: Vec<_> = rows.iter().enumerate().map(|(number, row)| profile(number, row)).collect();
    let config = format!(
        "clusterAgent: {{admissionController: {{agentSidecarInjection: {{{injection} profiles: {}}}}}}}",
        json!(profiles)
    );
    let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let (scene, _injector) = Scene::labelled(name, restricted, &config).await;
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        for (kind, spec) in PODS {
            wrong.extend(judge(&scene, row, number, kind, spec).await.err());
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn every_feature_goes_with_every_other() {
    every_row("pairwise", "").await;
}

#[tokio::test]
async fn every_feature_goes_with_every_other_and_a_verified_cluster_agent() {
    every_row("pairwise-tls", "clusterAgentTlsVerification: {enabled: true},").await;
}
