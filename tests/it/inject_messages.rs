//! What the command `inject` says of classic mistakes, to the letter, and the code it exits with.

use crate::inject::{POD, told};
use std::{fs, path::Path};

/// A workload that the default selector takes, and that nothing is said of but its size.
const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    metadata:
      labels: {app: web, agent.datadoghq.com/sidecar: fargate}
    spec:
      containers:
      - {name: app, image: i, resources: {requests: {cpu: 500m, memory: 1Gi}}}
";

const OUR_LABEL: &str = "agent.datadoghq.com/sidecar: fargate";
const SIZE: &str = "Deployment/shop/web: Fargate size 0.5 vCPU 2 GB becomes 1 vCPU 2 GB with the sidecar";
const ONE_INJECTED: &str = "1 document read, 1 workload: 1 injected, 0 unchanged, 0 skipped";
const ONE_UNMATCHED: &str = "1 document read, 1 workload: 0 injected, 0 unchanged, 1 skipped (1 no_match)";

/// The manifest with a text in it replaced.
fn with(from: &str, to: &str) -> String {
    assert!(DEPLOYMENT.contains(from), "{from}");
    DEPLOYMENT.replace(from, to)
}

/// What is said on stderr; nothing is written about layout, since only names are printed.
fn says(manifest: &str, code: i32, lines: &[&str]) {
    let (exit, _, err) = told(&["-f", "-", "--check"], manifest);
    assert_eq!(err.lines().collect::<Vec<_>>(), lines, "{manifest}");
    assert_eq!(exit, code, "{manifest}");
}

/// What is said of a manifest that stays as it is because no selector matches.
fn unmatched(manifest: &str, why: &str) {
    says(manifest, 0, &[&format!("Deployment/shop/web: skipped: no_match: {why}"), ONE_UNMATCHED]);
}

fn configured(config: &str, arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), config).unwrap();
    told(&[&["-f", "-", "--check", "--config", file.path().to_str().unwrap()], arguments].concat(), stdin)
}

fn selectors(list: &str) -> String {
    format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{selectors: [{list}]}}}}}}\n")
}

#[test]
fn a_label_that_all_but_matches() {
    says(DEPLOYMENT, 1, &[SIZE, ONE_INJECTED]);
    for value in ["fargte", "Fargate", "\"true\""] {
        let shown = value.trim_matches('"');
        unmatched(
            &with("sidecar: fargate", &format!("sidecar: {value}")),
            &format!(
                "no selector matches; label agent.datadoghq.com/sidecar is {shown:?}, selector 1 wants \"fargate\""
            ),
        );
    }
    unmatched(
        &with("sidecar: fargate", "sidecars: fargate"),
        "no selector matches; label agent.datadoghq.com/sidecars is not agent.datadoghq.com/sidecar, which selector 1 wants",
    );
}

#[test]
fn a_label_on_the_workload() {
    let misplaced = with(&format!(", {OUR_LABEL}"), "")
        .replace("namespace: shop\n", &format!("namespace: shop\n  labels: {{{OUR_LABEL}}}\n"));
    unmatched(
        &misplaced,
        "label agent.datadoghq.com/sidecar is on the Deployment; it must be on spec.template.metadata.labels",
    );
    let cron = format!(
        "kind: CronJob\nmetadata: {{name: c}}\nspec:\n  jobTemplate:\n    metadata: {{labels: {{{OUR_LABEL}}}}}\n    spec: {{template: {{spec: {{containers: [{{name: a}}]}}}}}}\n"
    );
    let why = "CronJob/default/c: skipped: no_match: label agent.datadoghq.com/sidecar is on the CronJob's spec.jobTemplate; it must be on spec.jobTemplate.spec.template.metadata.labels";
    says(&cron, 0, &[why, ONE_UNMATCHED]);
    let annotation = with(
        "namespace: shop\n",
        "namespace: shop\n  annotations: {agent.datadoghq.com/sidecar.mode: native}\n",
    );
    let lost = "Deployment/shop/web: annotation agent.datadoghq.com/sidecar.mode is on the Deployment and has no effect there; it must be on spec.template.metadata.annotations";
    says(&annotation, 1, &[SIZE, lost, ONE_INJECTED]);
    let opted_out = with(
        "namespace: shop\n",
        "namespace: shop\n  labels: {admission.datadoghq.com/enabled: \"false\"}\n",
    );
    let lost = "Deployment/shop/web: label admission.datadoghq.com/enabled is on the Deployment and has no effect there; it must be on spec.template.metadata.labels";
    says(&opted_out, 1, &[SIZE, lost, ONE_INJECTED]);
    says(&opted_out.replace("\"false\"", "\"true\""), 1, &[SIZE, ONE_INJECTED]);
}

#[test]
fn a_misspelt_name() {
    let annotated =
        |pair: &str| with("      labels:", &format!("      annotations: {{{pair}}}\n      labels:"));
    for (pair, note) in [
        (
            "agent.datadoghq.com/sidecar.profil: large",
            "annotation agent.datadoghq.com/sidecar.profil is ignored: did you mean sidecar.profile?",
        ),
        (
            "agent.datadoghq.com/sidecr.mode: native",
            "annotation agent.datadoghq.com/sidecr.mode is ignored: did you mean sidecar.mode?",
        ),
        (
            "agent.datadoghq.com/sidecar.colour: red",
            "annotation agent.datadoghq.com/sidecar.colour is ignored: there is none of that name",
        ),
        (
            "agent.datadoghq.com/sidecar.profile: large",
            "annotation agent.datadoghq.com/sidecar.profile is ignored: no such selectable profile; there are: default",
        ),
        (
            "agent.datadoghq.com/sidecar.memory.limit: 2GB",
            "annotation agent.datadoghq.com/sidecar.memory.limit is ignored: it takes a quantity such as 512Mi",
        ),
        (
            "admission.datadoghq.com/enabled: \"false\"",
            "annotation admission.datadoghq.com/enabled has no effect: it must be in metadata.labels",
        ),
    ] {
        let (code, _, err) = told(&["-f", "-", "--check"], &annotated(pair));
        let lines: Vec<&str> = err.lines().filter(|line| *line != SIZE).collect();
        assert_eq!(lines, [format!("Deployment/shop/web: {note}").as_str(), ONE_INJECTED]);
        assert_eq!(code, 1);
    }
    let label = with(", agent", ", admission.datadoghq.com/enable: \"false\", agent");
    let note = "Deployment/shop/web: label admission.datadoghq.com/enable is ignored: did you mean admission.datadoghq.com/enabled?";
    says(&label, 1, &[SIZE, note, ONE_INJECTED]);
    let label = with(", agent", ", agent.datadoghq.com/sidecar.mode: native, agent");
    let note = "Deployment/shop/web: label agent.datadoghq.com/sidecar.mode has no effect: it must be in metadata.annotations";
    says(&label, 1, &[SIZE, note, ONE_INJECTED]);
    let operators =
        with(", agent", ", agent.datadoghq.com/component: agent, tags.datadoghq.com/env: x, agent");
    says(&operators, 1, &[SIZE, ONE_INJECTED]);
}

#[test]
fn a_quantity_that_is_none() {
    let note = "Deployment/shop/web: container app: requests.memory \"2GB\" is no quantity: did you mean 2Gi (or 2G)?";
    let (code, _, err) = told(&["-f", "-", "--check"], &with("1Gi", "2GB"));
    assert!(err.lines().any(|line| line == note), "{err}");
    assert_eq!(code, 1);
}

#[test]
fn a_workload_without_containers() {
    let line = "Deployment/shop/web: skipped: unsupported_pod: it has no containers";
    let last = "1 document read, 1 workload: 0 injected, 0 unchanged, 1 skipped (1 unsupported_pod)";
    let template = DEPLOYMENT.split("    spec:\n").next().unwrap();
    for spec in ["", "    spec: {}\n", "    spec: {containers: []}\n", "    spec:\n"] {
        says(&format!("{template}{spec}"), 0, &[line, last]);
    }
}

#[test]
fn selectors_that_match_nothing_of_the_input() {
    let nobody = with(&format!(", {OUR_LABEL}"), "");
    let lists = selectors(
        "{name: checkout, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: checkout}}}, \
         {objectSelector: {matchExpressions: [{key: eks.amazonaws.com/fargate-profile, operator: Exists}]}}, \
         {namespaceSelector: {matchLabels: {env: prod}}}",
    );
    let why = "no selector matches; selector \"checkout\" wants namespace label kubernetes.io/metadata.name \"checkout\"; \
               selector 2 wants label eks.amazonaws.com/fargate-profile; selector 3 wants namespace label env \"prod\" \
               (--namespace-label gives labels of a namespace)";
    let (code, out, err) = configured(&lists, &[], &nobody);
    assert_eq!((code, out.as_str()), (0, ""));
    assert_eq!(err, format!("Deployment/shop/web: skipped: no_match: {why}\n{ONE_UNMATCHED}\n"));
    let (_, _, err) = configured(&lists, &[], DEPLOYMENT);
    assert!(err.contains("no selector matches; none looks at label agent.datadoghq.com/sidecar; "), "{err}");
    let (code, _, err) = configured(&lists, &["--namespace-label", "shop:env=prod"], &nobody);
    assert_eq!((code, err.lines().last()), (1, Some(ONE_INJECTED)));

    let by_value = selectors("{objectSelector: {matchLabels: {team: payments}}}");
    let series = nobody.replace("app: web", "team: payments2");
    let (_, _, err) =
        configured(&by_value, &[], &format!("{series}---\n{}", nobody.replace("app: web", "team: payments")));
    assert!(!err.contains("no_match: "), "a number of a series is no slip: {err}");
    let payments = format!("{nobody}---\n{}", nobody.replace("app: web", "team: payment"));
    let (_, _, err) = configured(
        &by_value,
        &[],
        &format!("{payments}---\n{}", nobody.replace("app: web", "team: payments")),
    );
    let why = "no selector matches; label team is \"payment\", selector 1 wants \"payments\"";
    let lines: Vec<&str> = err.lines().filter(|line| *line != SIZE).collect();
    let last = "3 documents read, 3 workloads: 1 injected, 0 unchanged, 2 skipped (2 no_match)";
    assert_eq!(lines, [format!("Deployment/shop/web: skipped: no_match: {why}").as_str(), last]);
}

#[test]
fn injection_that_is_off() {
    let off = "clusterAgent: {admissionController: {agentSidecarInjection: {enabled: false}}}\n";
    let (code, _, err) = configured(off, &[], DEPLOYMENT);
    let why = "injection is off: agentSidecarInjection.enabled is false";
    assert!(err.contains(&format!("Deployment/shop/web: skipped: no_match: {why}\n")), "{err}");
    assert_eq!(code, 0);
}

#[test]
fn a_folder_in_which_nothing_matched() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = with(&format!(", {OUR_LABEL}"), "");
    fs::write(folder.path().join("map.yaml"), "kind: ConfigMap\n").unwrap();
    let directory = folder.path().to_str().unwrap();
    let (code, _, err) = told(&["-f", directory], "");
    assert_eq!((code, err.as_str()), (0, "1 document read, no workloads\n"));
    for i in 10..22 {
        fs::write(folder.path().join(format!("{i}.yaml")), nobody.replace("web", &format!("web{i}")))
            .unwrap();
    }
    let (code, _, err) = told(&["-f", directory], "");
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!((code, lines.len()), (0, 12), "{err}");
    let first = "Deployment/shop/web10: skipped: no_match: no selector matches; selector 1 wants label agent.datadoghq.com/sidecar \"fargate\"";
    assert_eq!(lines[0], first);
    assert_eq!(lines[10], "and 2 more that no selector matches");
    let last = "13 documents read, 12 workloads: 0 injected, 0 unchanged, 12 skipped (12 no_match)";
    assert_eq!(lines[11], last);
    fs::write(folder.path().join("one.yaml"), DEPLOYMENT).unwrap();
    let (_, _, err) = told(&["-f", directory, "--check"], "");
    assert!(!err.contains("no selector matches"), "one is injected, so the others are not looked for: {err}");
}

#[test]
fn what_is_injected_already_is_unchanged() {
    let (_, out, _) = told(&["-f", "-"], DEPLOYMENT);
    says(&out, 0, &["1 document read, 1 workload: 0 injected, 1 unchanged, 0 skipped"]);
}

#[test]
fn input_that_holds_nothing_or_something_else() {
    for (arguments, stdin, message) in [
        (&["-f", "-"][..], "", "no objects in stdin"),
        (&["-f", "-", "--check"], "# only a comment\n---\n", "no objects in stdin"),
        (
            &["-f", "examples/values.yaml"],
            "",
            "examples/values.yaml: document 1 is a values file and no Kubernetes object, for it has no kind; did you mean --config examples/values.yaml?",
        ),
        (
            &["-f", "https://example.com/x.yaml"],
            "",
            "https://example.com/x.yaml: addresses are not read; pipe what is there to -f -",
        ),
    ] {
        let (code, out, err) = told(arguments, stdin);
        assert_eq!((code, out.as_str(), err.as_str()), (3, "", format!("{message}\n").as_str()));
    }
    let (code, out, err) = told(&["-f", "a.yaml", "b.yaml"], "");
    let message = "unexpected argument b.yaml: repeat -f for each file\n";
    assert_eq!((code, out.as_str(), err.as_str()), (2, "", message));
    if Path::new("/dev/zero").exists() {
        let (code, out, err) = told(&["-f", "/dev/zero"], "");
        assert_eq!((code, out.as_str(), err.as_str()), (3, "", "/dev/zero: it is larger than 256 MiB\n"));
    }
}

#[test]
fn a_template_of_helms() {
    let (code, out, err) = told(&["-f", "-"], &with("image: i", "image: {{ .Values.image }}"));
    let hint = "; this looks like a Helm template: run helm template first\n";
    assert!(err.starts_with("stdin: document 1, line 12, column ") && err.ends_with(hint), "{err}");
    assert_eq!((code, out.as_str()), (3, ""));
    let quoted = with("image: i", "image: \"{{ .Values.image }}\"");
    says(
        &quoted,
        1,
        &["stdin: document 1 looks like a Helm template: run helm template first", SIZE, ONE_INJECTED],
    );
    let vault = with(
        "      labels:",
        "      annotations: {a: '{{- with secret \"x\" }}{{ .Data.y }}{{ end }}'}\n      labels:",
    );
    says(&vault, 1, &[SIZE, ONE_INJECTED]);
}

#[test]
fn documents_that_are_no_manifests_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let patch = "- op: add\n  path: /spec/replicas # more\n  value: 3\n";
    let json = "[\n  {\"op\": \"remove\", \"path\": \"/spec\"}\n]\n";
    let kustomization = "resources: [web.yaml]\ncommonLabels: {agent.datadoghq.com/sidecar: fargate}\n";
    for (name, text) in
        [("a.yaml", patch), ("b.json", json), ("kustomization.yaml", kustomization), ("z.yaml", "x: 1\n")]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let directory = folder.path().to_str().unwrap();
    let (code, out, err) = told(&["-f", directory], "");
    assert_eq!((code, out), (0, format!("{patch}---\n{json}---\n{kustomization}---\nx: 1\n")));
    let lines = [
        "a.yaml: document 1 is a JSON patch and no manifest: it stays as it is; inject what it is applied to",
        "b.json: document 1 is a JSON patch and no manifest: it stays as it is; inject what it is applied to",
        "kustomization.yaml: document 1 is a kustomization and no manifest: it stays as it is; inject what kustomize build prints",
        "z.yaml: document 1 is no Kubernetes object, for it has no kind: it stays as it is",
        "4 documents read, no workloads",
    ];
    assert_eq!(err.replace(&format!("{directory}/"), "").lines().collect::<Vec<_>>(), lines);
    let (code, out, _) = told(&["-f", "-"], "[1, 2]\n");
    assert_eq!((code, out.as_str()), (3, ""), "another list is none");
}

#[test]
fn patches_of_a_kustomization_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let kustomization = "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\npatches: [{path: ./label.yaml}]\npatchesStrategicMerge: [image.yaml]\n";
    for (name, text) in [
        ("image.yaml", DEPLOYMENT),
        ("kustomization.yaml", kustomization),
        ("label.yaml", DEPLOYMENT),
        ("web.yaml", DEPLOYMENT),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let directory = folder.path().to_str().unwrap();
    let (code, out, err) = told(&["-f", directory, "--check"], "");
    assert_eq!((code, out.as_str()), (1, "Deployment/shop/web\n"));
    let stays = "is a patch of kustomization.yaml: it stays as it is; inject what kustomize build prints";
    let lines = [
        format!("image.yaml: document 1 {stays}"),
        "kustomization.yaml: document 1 is a kustomization and no manifest: it stays as it is; inject what kustomize build prints".into(),
        format!("label.yaml: document 1 {stays}"),
        SIZE.into(),
        "4 documents read, 1 workload: 1 injected, 0 unchanged, 0 skipped".into(),
    ];
    assert_eq!(err.replace(&format!("{directory}/"), "").lines().collect::<Vec<_>>(), lines);
}

#[test]
fn messages_have_no_colours_but_on_a_terminal() {
    let (_, _, err) = told(&["-f", "-"], &format!("{POD}---\n{}", with("fargate", "fargte")));
    assert!(err.lines().count() > 2 && !err.contains('\u{1b}'), "{err}");
}

#[test]
fn the_exit_codes_are_in_the_help() {
    let (code, out, _) = told(&["--help"], "");
    assert_eq!(code, 0);
    for line in [
        "Exit codes:",
        "  0  done",
        "  1  --check",
        "  2  usage or configuration",
        "  3  unreadable or empty input",
    ] {
        assert!(out.lines().any(|l| l.starts_with(line)), "{line}: {out}");
    }
}
