//! The command `inject` on kinds other than Kubernetes' own, and on pods that are more than their template.

use crate::inject::told;
use datadog_sidecar_injector::{
    config::Config,
    decide::decide,
    rules::{Rules, Setting},
    select::Subject,
};
use serde_json::{Value, json};

const LABELS: &str = "metadata: {labels: {agent.datadoghq.com/sidecar: fargate}}";
const ASKED: &str = "resources: {requests: {cpu: 500m, memory: 1Gi}}";

/// The operations of each document, and the lines on stderr.
fn patches(manifest: &str) -> (Vec<Vec<Value>>, Vec<String>) {
    let (code, out, err) = told(&["-f", "-", "--output", "patch"], manifest);
    assert_eq!(code, 0, "{err}");
    let operations = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (operations, err.lines().map(str::to_owned).collect())
}

#[test]
fn knative_is_left_alone_and_says_why() {
    let service = format!(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: hello}}\nspec:\n  template:\n    {LABELS}\n    spec: {{containers: [{{image: i}}]}}\n"
    );
    let (code, out, err) = told(&["-f", "-"], &service);
    assert_eq!((code, out.as_str()), (0, service.as_str()));
    assert_eq!(
        err.lines().collect::<Vec<_>>(),
        [
            "Service/default/hello: skipped: not_applicable: Knative refuses fieldRef and shareProcessNamespace in a template by default; its pods are injected in the cluster",
            "1 document read, 1 workload: 0 injected, 0 unchanged, 1 skipped (1 not_applicable)",
        ]
    );
    let unlabelled = service.replace(LABELS, "metadata: {}");
    let injected = format!("kind: Pod\n{LABELS}\nspec: {{containers: [{{name: a, {ASKED}}}]}}\n");
    let (_, _, err) = told(&["-f", "-"], &format!("{unlabelled}---\n{injected}"));
    assert!(!err.contains("Knative"), "{err}");
}

#[test]
fn a_template_elsewhere_is_found_by_its_shape() {
    let pod =
        format!("{{{LABELS}, spec: {{restartPolicy: Never, containers: [{{name: w, image: i, {ASKED}}}]}}}}");
    let manifest = format!(
        "kind: ScaledJob\nmetadata: {{name: a}}\nspec: {{jobTargetRef: {{template: {pod}}}}}\n---\n\
         kind: JobSet\nmetadata: {{name: b}}\nspec: {{replicatedJobs: [{{template: {{spec: {{template: {pod}}}}}}}, {{template: {{spec: {{template: {pod}}}}}}}]}}\n---\n\
         kind: LeaderWorkerSet\nmetadata: {{name: c}}\nspec: {{leaderWorkerTemplate: {{workerTemplate: {pod}}}}}\n"
    );
    let (operations, err) = patches(&manifest);
    for (document, prefixes) in [
        (0, &["/spec/jobTargetRef/template/"][..]),
        (
            1,
            &[
                "/spec/replicatedJobs/0/template/spec/template/",
                "/spec/replicatedJobs/1/template/spec/template/",
            ],
        ),
        (2, &["/spec/leaderWorkerTemplate/workerTemplate/"]),
    ] {
        let paths: Vec<&str> = operations[document].iter().map(|o| o["path"].as_str().unwrap()).collect();
        assert!(paths.iter().all(|path| prefixes.iter().any(|prefix| path.starts_with(prefix))), "{paths:?}");
        for prefix in prefixes {
            assert!(paths.contains(&format!("{prefix}spec/initContainers").as_str()), "{paths:?}");
        }
    }
    let size = "Fargate size 0.5 vCPU 2 GB becomes 1 vCPU 2 GB with the sidecar";
    for whose in [
        "ScaledJob/default/a",
        "JobSet/default/b: spec.replicatedJobs[0].template.spec.template",
        "JobSet/default/b: spec.replicatedJobs[1].template.spec.template",
    ] {
        assert!(err.contains(&format!("{whose}: {size}")), "{whose}: {err:?}");
    }
    let last = "3 documents read, 4 workloads: 4 injected, 0 unchanged, 0 skipped";
    assert_eq!(err.last().unwrap(), last);
    let (_, names, _) = told(&["-f", "-", "--check"], &manifest);
    assert_eq!(names, "ScaledJob/default/a\nJobSet/default/b\nLeaderWorkerSet/default/c\n");
}

#[test]
fn a_label_inside_what_has_no_template_is_named() {
    let manifest = format!(
        "kind: Workflow\nmetadata: {{name: a}}\nspec: {{templates: [{{name: t, {LABELS}, container: {{image: i}}}}]}}\n---\n\
         kind: CronWorkflow\nmetadata: {{name: b}}\nspec: {{workflowSpec: {{podMetadata: {{labels: {{agent.datadoghq.com/sidecar: fargate}}}}}}}}\n---\n\
         kind: SparkApplication\nmetadata: {{name: c}}\nspec: {{driver: {{labels: {{agent.datadoghq.com/sidecar: fargate}}}}}}\n---\n\
         kind: HelmRelease\nmetadata: {{name: d}}\nspec: {{values: {{podLabels: {{agent.datadoghq.com/sidecar: fargate}}}}}}\n---\n\
         kind: Service\nmetadata: {{name: e, labels: {{agent.datadoghq.com/sidecar: fargate}}}}\nspec: {{selector: {{agent.datadoghq.com/sidecar: fargate}}}}\n---\n\
         kind: Rollout\nmetadata: {{name: f}}\nspec: {{workloadRef: {{kind: Deployment, name: d}}}}\n"
    );
    let (code, out, err) = told(&["-f", "-"], &manifest);
    assert_eq!((code, out.as_str()), (0, manifest.as_str()));
    let named = |object: &str| {
        format!(
            "{object}: has label agent.datadoghq.com/sidecar inside, but no pod template that is known: it stays as it is; pods made of it are injected in the cluster"
        )
    };
    let mut lines: Vec<String> = [
        "Workflow/default/a",
        "CronWorkflow/default/b",
        "SparkApplication/default/c",
        "HelmRelease/default/d",
    ]
    .into_iter()
    .map(named)
    .collect();
    lines.push("6 documents read, no workloads".into());
    assert_eq!(err.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn claims_of_a_stateful_set_are_volumes_of_its_pods() {
    let set = |claim: &str, path: &str| {
        format!(
            "kind: StatefulSet\nmetadata: {{name: st}}\nspec:\n  template:\n    {LABELS}\n    spec:\n      containers:\n      - name: m\n        {ASKED}\n        volumeMounts: [{{name: {claim}, mountPath: {path}}}]\n  volumeClaimTemplates: [{{metadata: {{name: {claim}}}}}]\n"
        )
    };
    let (operations, err) = patches(&set("ddsockets", "/data"));
    assert_eq!(operations, [Vec::<Value>::new()]);
    assert_eq!(
        err[0],
        "StatefulSet/default/st: skipped: conflict: the pod has a volume ddsockets of another kind"
    );
    let (operations, err) = patches(&set("run", "/var/run/datadog"));
    let holds =
        "StatefulSet/default/st: /var/run/datadog holds something else, so no sockets of the agent's in: m";
    assert!(err.iter().any(|line| line == holds), "{err:?}");
    let volumes: Vec<&Value> =
        operations[0].iter().filter(|o| o["path"].as_str().unwrap().contains("volumes")).collect();
    assert_eq!(volumes.len(), 1, "{volumes:?}");
    assert_eq!(volumes[0]["path"], "/spec/template/spec/volumes");
    assert_eq!(volumes[0]["value"], json!([{"name": "ddsockets", "emptyDir": {}}]));
}

#[test]
fn requests_of_a_whole_pod_are_filled_in_before_the_decision() {
    let pod = |resources: &str| {
        format!(
            "kind: Pod\nmetadata: {{name: p, labels: {{agent.datadoghq.com/sidecar: fargate}}}}\nspec:\n  resources: {resources}\n  containers: [{{name: a, resources: {{requests: {{cpu: 200m, memory: 128Mi}}}}}}]\n"
        )
    };
    let conflict = "Pod/default/p: skipped: conflict: with the sidecar the containers' cpu requests exceed the pod's spec.resources";
    for resources in [
        "{limits: {cpu: 300m, memory: 512Mi}}",
        "{limits: {cpu: \"2\", memory: 4Gi}}",
        "{limits: {memory: 4Gi}}",
    ] {
        let (operations, err) = patches(&pod(resources));
        assert_eq!((operations.len(), operations[0].len(), err[0].as_str()), (1, 0, conflict), "{resources}");
    }
    let stated = pod("{limits: {cpu: \"2\", memory: 4Gi}, requests: {cpu: 500m, memory: 1Gi}}");
    let (operations, err) = patches(&stated);
    assert!(!operations[0].is_empty(), "the remedy helps: {err:?}");
    assert!(operations[0].iter().all(|o| !o["path"].as_str().unwrap().starts_with("/spec/resources")));
}

#[test]
fn requests_of_a_whole_pod_are_stated_before_the_sidecar_asks_for_some() {
    let pod = |resources: &str| {
        format!(
            "kind: Pod\nmetadata: {{name: p, labels: {{agent.datadoghq.com/sidecar: fargate}}}}\nspec:\n  resources: {resources}\n  containers: [{{name: a}}]\n"
        )
    };
    let stated = |resources: &str| {
        let (operations, _) = patches(&pod(resources));
        let stated = |o: &&Value| o["path"].as_str().unwrap().starts_with("/spec/resources");
        operations[0].iter().filter(stated).cloned().collect::<Vec<_>>()
    };
    let requests = |cpu: &str| json!([{"op": "add", "path": "/spec/resources/requests", "value": {"cpu": cpu, "memory": "4Gi"}}]);
    assert_eq!(json!(stated("{limits: {cpu: \"2\", memory: 4Gi}}")), requests("2"));
    assert_eq!(json!(stated("{limits: {cpu: \"2\", memory: 4Gi}, requests: {cpu: \"1\"}}")), requests("1"));
    for whole in
        ["{limits: {cpu: \"2\"}, requests: {cpu: \"1\", memory: 1Gi}}", "{requests: {cpu: \"1\"}}", "{}"]
    {
        assert_eq!(json!(stated(whole)), json!([]), "{whole}");
    }
}

/// What the webhook says of a pod: whether it is injected, and its warnings or the reason why not.
fn webhook(pod: &Value) -> Vec<String> {
    let setting = Setting { own_namespace: "datadog".into(), kubernetes_minor: 35, offline: false };
    let rules = Rules::compile(Config::default(), setting);
    let subject = Subject { namespace: "default", namespace_labels: None, moment: None };
    let decision = decide(pod.to_string().as_bytes(), subject, &rules).unwrap();
    let skipped = decision.reason().map(|reason| format!("skipped: {}: {}", reason.label(), decision.detail));
    decision.warnings.into_iter().chain(skipped).collect()
}

/// What `inject` says of a manifest, without names and counts.
fn offline(manifest: &Value) -> Vec<String> {
    let (_, err) = patches(&manifest.to_string());
    err[..err.len() - 1].iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
}

#[test]
fn offline_decides_as_the_webhook_does_on_the_pods() {
    let metadata = json!({"name": "p", "labels": {"agent.datadoghq.com/sidecar": "fargate"}});
    for (claim, path) in
        [("ddsockets", "/data"), ("run", "/var/run/datadog"), ("agent-config", "/x"), ("datadog", "/x")]
    {
        let container = json!({"name": "m", "volumeMounts": [{"name": claim, "mountPath": path}]});
        let spec =
            json!({"containers": [container], "volumes": [{"name": "datadog", "hostPath": {"path": "/x"}}]});
        let set = json!({"kind": "StatefulSet", "spec": {"template": {"metadata": metadata, "spec": spec},
            "volumeClaimTemplates": [{"metadata": {"name": claim}}]}});
        // As the controller makes it: claims first, in place of volumes of their name.
        let mut pod = json!({"metadata": metadata, "spec": spec});
        let volumes = pod["spec"]["volumes"].as_array_mut().unwrap();
        volumes.retain(|volume| volume["name"] != claim);
        volumes.insert(
            0,
            json!({"name": claim, "persistentVolumeClaim": {"claimName": format!("{claim}-st-0")}}),
        );
        assert_eq!(offline(&set), webhook(&pod), "{claim}");
    }
    for (limits, defaulted) in [
        (json!({"cpu": "2"}), json!({"cpu": "200m", "memory": "128Mi"})),
        (json!({"cpu": "2", "memory": "4Gi"}), json!({"cpu": "200m", "memory": "128Mi"})),
    ] {
        let container = json!({"name": "a", "resources": {"requests": {"cpu": "200m", "memory": "128Mi"}}});
        let pod = |resources: Value| json!({"kind": "Pod", "metadata": metadata, "spec": {"resources": resources, "containers": [container]}});
        let admitted = pod(json!({"limits": limits, "requests": defaulted}));
        assert_eq!(offline(&pod(json!({"limits": limits}))), webhook(&admitted));
    }
    let bare = |resources: Value| json!({"kind": "Pod", "metadata": metadata, "spec": {"resources": resources, "containers": [{"name": "a"}]}});
    let limits = json!({"cpu": "2", "memory": "4Gi"});
    assert_eq!(
        offline(&bare(json!({"limits": limits}))),
        webhook(&bare(json!({"limits": limits, "requests": limits})))
    );
}
