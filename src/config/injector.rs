//! Checks of what is for the chart alone, so that `config check` finds what `helm install` would refuse: patterns of its schema, and what
//! its templates ask.

use super::{
    file::{Amount, CertificateMode, File, Injector, Label, Text},
    names,
    problem::{Path, Report},
};
use crate::quantity::{self, Quantity};
use std::collections::BTreeMap;

/// In seconds. The chart's grace period is 45.
const MAX_DRAIN_DELAY: u8 = 15;

/// Checks `injector` and `commonLabels`.
pub(super) fn check(file: &File, report: &mut Report) {
    let injector = &file.injector;
    let path = Path::default().key("injector");
    labels(&file.common_labels, &Path::default().key("commonLabels"), report);
    labels(&injector.labels, &path.key("labels"), report);
    labels(&injector.pod_labels, &path.key("podLabels"), report);
    labels(&injector.node_selector, &path.key("nodeSelector"), report);
    annotations(&injector.annotations, &path.key("annotations"), report);
    annotations(&injector.pod_annotations, &path.key("podAnnotations"), report);
    let account = path.key("serviceAccount").key("annotations");
    annotations(&injector.service_account.annotations, &account, report);
    let seconds = injector.drain_delay.strip_suffix('s').and_then(|seconds| seconds.parse::<u8>().ok());
    if seconds.is_none_or(|seconds| seconds > MAX_DRAIN_DELAY) {
        report.add(&path.key("drainDelay"), format!("must be from 0s to {MAX_DRAIN_DELAY}s"));
    }
    if let Err(wrong) = log_level(&injector.log_level) {
        report.add(&path.key("logLevel"), wrong);
    }
    let class = &injector.priority_class_name.0;
    if let (false, Err(wrong)) = (class.is_empty(), names::subdomain(class)) {
        report.add(&path.key("priorityClassName"), wrong);
    }
    image(injector, &path.key("image"), report);
    let resources = path.key("resources");
    amounts(injector.resources.requests.as_ref(), &resources.key("requests"), report);
    amounts(injector.resources.limits.as_ref(), &resources.key("limits"), report);
    replicas(injector, &path, report);
    certificates(injector, &path.key("certificates"), report);
    rbac(injector, &path.key("rbac"), report);
}

/// A level, or a list of levels each of which may have a target before it.
fn log_level(text: &str) -> Result<(), names::Wrong> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |part: &str| {
        let level = part.rsplit('=').next().unwrap_or_default().trim();
        levels.iter().any(|known| level == *known || level == known.to_uppercase())
    };
    let wrong = "must be off, error, warn, info, debug or trace, or a list such as info,kube=debug";
    if text.split(',').all(is_level) { Ok(()) } else { Err(wrong) }
}

fn image(injector: &Injector, path: &Path, report: &mut Report) {
    let image = &injector.image;
    let mut check = |key: &str, text: &str, check: fn(&str) -> Result<(), names::Wrong>| {
        if let (false, Err(wrong)) = (text.is_empty(), check(text)) {
            report.add(&path.key(key), wrong);
        }
    };
    check("registry", &image.registry, names::registry);
    check("repository", &image.repository, names::image_name);
    check("tag", &image.tag.0, names::image_tag);
    check("digest", &image.digest, names::image_digest);
    if image.repository.is_empty() {
        report.add(&path.key("repository"), "must not be empty");
    }
}

fn labels(labels: &BTreeMap<String, Label>, path: &Path, report: &mut Report) {
    for (key, value) in labels {
        for wrong in [names::label_key(key), names::label_value(&value.0)].into_iter().filter_map(Result::err)
        {
            report.add(&path.key(key), wrong);
        }
    }
}

fn annotations(annotations: &BTreeMap<String, Text>, path: &Path, report: &mut Report) {
    for key in annotations.keys() {
        // The API server reads the key in lowercase.
        if let Err(wrong) = names::label_key(&key.to_lowercase()) {
            report.add(&path.key(key), wrong);
        }
    }
}

fn amounts(amounts: Option<&BTreeMap<String, Amount>>, path: &Path, report: &mut Report) {
    for (name, amount) in amounts.into_iter().flatten() {
        let path = path.key(name);
        if let Err(wrong) = names::resource(name) {
            report.add(&path, wrong);
        }
        match quantity::parse_bounded(&amount.0) {
            Err(wrong) => report.add(&path, wrong.to_string()),
            Ok(amount) if amount < Quantity::ZERO => report.add(&path, "must not be negative"),
            Ok(_) => {}
        }
    }
}

fn replicas(injector: &Injector, path: &Path, report: &mut Report) {
    if injector.host_network {
        let wrong = "is not to be had: where the control plane does not reach pods on nodes, run the replicas on Fargate, whose pods have addresses of the VPC; docs/operations.md says how";
        report.add(&path.key("hostNetwork"), wrong);
    }
    let autoscaling = &injector.autoscaling;
    let (min, max) = (autoscaling.min_replicas, autoscaling.max_replicas);
    if autoscaling.enabled && min > max {
        let wrong = format!("must be at most maxReplicas, which is {max}, not {min}");
        report.add(&path.key("autoscaling").key("minReplicas"), wrong);
    }
    let has_cpu = |amounts: Option<&BTreeMap<String, Amount>>| amounts.is_some_and(|a| a.contains_key("cpu"));
    let (requests, limits) = (injector.resources.requests.as_ref(), injector.resources.limits.as_ref());
    let none = requests.is_some() && limits.is_some() && !has_cpu(requests) && !has_cpu(limits);
    if autoscaling.enabled && autoscaling.create && none {
        let wrong = "must be given, as injector.autoscaling goes by how much of it is used; with another autoscaler say injector.autoscaling.create: false";
        report.add(&path.key("resources").key("requests").key("cpu"), wrong);
    }
    let fewest = if autoscaling.enabled { min } else { injector.replicas };
    let budget = &injector.pod_disruption_budget;
    if budget.enabled && fewest > 1 && budget.max_unavailable >= fewest {
        let wrong = format!(
            "must be less than the number of replicas, which is {fewest}, as all may be evicted at once otherwise; with enabled: false there is no budget"
        );
        report.add(&path.key("podDisruptionBudget").key("maxUnavailable"), wrong);
    }
}

/// A mode without what it needs, and what is said for another mode.
fn certificates(injector: &Injector, path: &Path, report: &mut Report) {
    let certificates = &injector.certificates;
    let files = path.key("files");
    let is_files = certificates.mode == CertificateMode::Files;
    if is_files && certificates.files.secret_name.0.is_empty() {
        let wrong = "must name the Secret that holds tls.crt and tls.key, as mode is files";
        report.add(&files.key("secretName"), wrong);
    }
    let mut of_another = |path: &Path, given: bool, mode: &str, in_force: bool| {
        if given && !in_force {
            let wrong = format!("is for mode {mode}: change injector.certificates.mode, or take the key out");
            report.add(path, wrong);
        }
    };
    of_another(&files.key("secretName"), !certificates.files.secret_name.0.is_empty(), "files", is_files);
    of_another(&files.key("caBundle"), !certificates.files.ca_bundle.is_empty(), "files", is_files);
    let issuer = path.key("certManager").key("issuerRef").key("name");
    let is_cert_manager = certificates.mode == CertificateMode::CertManager;
    let named = !certificates.cert_manager.issuer_ref.name.0.is_empty();
    of_another(&issuer, named, "certManager", is_cert_manager);
}

fn rbac(injector: &Injector, path: &Path, report: &mut Report) {
    let rbac = &injector.rbac;
    for (index, namespace) in rbac.namespaces.iter().enumerate() {
        if let Err(wrong) = names::dns_label(namespace) {
            report.add(&path.key("namespaces").index(index), wrong);
        }
    }
    if !rbac.namespaces.is_empty() && rbac.kubelet.access.is_none() {
        let wrong = "must be proxy, apiServer or none, as injector.rbac.namespaces lists namespaces; docs/security.md compares them";
        report.add(&path.key("kubelet").key("access"), wrong);
    }
}
