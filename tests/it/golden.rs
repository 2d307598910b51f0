//! Golden cases: `tests/golden/ROW/CASE/in.yaml` under its `config.yaml` comes out as the files beside them say.
//!
//! | file | what |
//! | --- | --- |
//! | `in.yaml` | the pod; its first comment says what the case shows |
//! | `config.yaml` | the configuration; none: the defaults |
//! | `setting.yaml` | `namespace`, `namespaceLabels`, `kubernetesMinor`, `offline`, where they are not the usual ones |
//! | `secrets.yaml` | `known`, `configMaps`: namespaces and keys of the Secrets and ConfigMaps that are watched; `namespaceAge`: in seconds; without the file nothing is known |
//! | `decision.yaml` | what was decided, and all that is told of it |
//! | `patch.json` | the operations; none where nothing changes |
//! | `out.yaml` | the pod with the operations applied |
//!
//! `make generate GOLDEN=1` writes the last three anew: read the difference before you commit it.

use crate::laws;
use datadog_sidecar_injector::{
    config::{self, Config},
    decide::decide,
    rules::{Labels, Rules, Setting},
    seen::{Moment, ObjectRef, Objects, Seen},
    select::{Decision, SkipReason, Subject},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Around {
    namespace: String,
    namespace_labels: Option<Labels>,
    kubernetes_minor: u32,
    offline: bool,
    /// Namespaces are watched, and this one has not been heard of.
    not_heard_of: bool,
}

impl Default for Around {
    fn default() -> Self {
        Self {
            namespace: "shop".into(),
            namespace_labels: None,
            kubernetes_minor: 35,
            offline: false,
            not_heard_of: false,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Known {
    namespace_age: u64,
    #[serde(default)]
    known: Holders,
    #[serde(default)]
    config_maps: Holders,
}

/// The keys of objects, by their name and namespace.
type Holders = HashMap<String, HashMap<String, Vec<Box<str>>>>;

impl Known {
    fn seen(self, namespace: &str) -> Seen {
        let secrets = self.known.into_iter().map(|(name, holders)| (ObjectRef::secret(name), holders));
        let maps = self.config_maps.into_iter().map(|(name, holders)| (ObjectRef::config_map(name), holders));
        let mut objects = Objects::default();
        for (object, holders) in secrets.chain(maps) {
            objects.insert(object, holders.into_iter().map(|(k, v)| (k.into(), v.into())).collect());
        }
        // The clock stands at the age.
        let created = [(namespace.to_owned(), 0)].into();
        Seen { objects: objects.into(), created: Arc::new(created), ..Seen::default() }
    }
}

fn cases() -> Vec<PathBuf> {
    let folders = |folder: &Path| -> Vec<PathBuf> {
        let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.retain(|path| path.is_dir());
        folders.sort();
        folders
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folders(&root).iter().flat_map(|row| folders(row)).collect()
}

fn read(case: &Path, file: &str) -> Option<String> {
    fs::read_to_string(case.join(file)).ok()
}

/// The text of each file that a case comes out as; `None`: there is no such file.
fn comes_out(case: &Path) -> [(&'static str, Option<String>); 3] {
    let around: Around =
        read(case, "setting.yaml").map(|text| serde_saphyr::from_str(&text).unwrap()).unwrap_or_default();
    let config = match read(case, "config.yaml") {
        Some(text) => config::load(&text, "config.yaml")
            .unwrap_or_else(|problems| panic!("{}: {problems}", case.display())),
        None => Config::default(),
    };
    let setting = Setting {
        own_namespace: "datadog-agent".into(),
        kubernetes_minor: around.kubernetes_minor,
        offline: around.offline,
    };
    let rules = Rules::compile(Config { hash: "0123456789abcdef".into(), ..config }, setting);
    let pod: Value = serde_saphyr::from_str(&read(case, "in.yaml").unwrap()).unwrap();
    let known: Known =
        read(case, "secrets.yaml").map(|text| serde_saphyr::from_str(&text).unwrap()).unwrap_or_default();
    let (now, mut seen) = (known.namespace_age, known.seen(&around.namespace));
    if around.not_heard_of {
        seen.namespaces = Some(Arc::default());
    }
    let subject = Subject {
        namespace: &around.namespace,
        namespace_labels: around.namespace_labels.as_ref(),
        moment: (!around.offline).then_some(Moment { seen: &seen, now }),
    };
    let decision = decide(pod.to_string().as_bytes(), subject, &rules).unwrap();
    let after = laws::applied(&pod, &decision);

    let told = serde_saphyr::to_string(&told(&decision, &rules)).unwrap();
    let operations: Option<Value> =
        (!decision.patch.is_empty()).then(|| serde_json::from_slice(&decision.patch).unwrap());
    let out = operations.as_ref().map(|_| serde_saphyr::to_string(&after).unwrap());
    let patch = operations.map(|o| format!("{}\n", serde_json::to_string_pretty(&o).unwrap()));
    // The version changes with every release, and nothing else of a case does.
    let stable =
        |text: String| text.replace(&format!(r#"\"{}\""#, env!("CARGO_PKG_VERSION")), r#"\"VERSION\""#);
    [("decision.yaml", Some(told)), ("patch.json", patch.map(stable)), ("out.yaml", out.map(stable))]
}

fn told(decision: &Decision, rules: &Rules) -> Value {
    let mut told = json!({"outcome": decision.outcome.label()});
    let mut tell = |key: &str, value: Value| {
        if value != json!("") && value != json!([]) && !value.is_null() {
            told[key] = value;
        }
    };
    tell("reason", decision.reason().map(SkipReason::label).into());
    tell("detail", decision.detail.as_str().into());
    tell("profile", decision.profile.map(|p| rules.config.profiles[p].name.as_str()).into());
    tell("warnings", decision.warnings.clone().into());
    told
}

/// The warnings of all cases, and what they say of conflicts.
pub fn all_told() -> Vec<String> {
    let decisions = cases().into_iter().filter_map(|case| read(&case, "decision.yaml"));
    let told = decisions.flat_map(|text| {
        let decision: Value = serde_saphyr::from_str(&text).unwrap();
        let warnings = decision["warnings"].as_array().cloned().unwrap_or_default();
        let conflict = (decision["reason"] == "conflict").then(|| decision["detail"].clone());
        warnings
            .into_iter()
            .chain(conflict)
            .filter_map(|told| told.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    });
    told.collect()
}

#[test]
fn every_golden_case_comes_out_as_written() {
    let cases = cases();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for case in &cases {
        for (file, now) in comes_out(case) {
            if update {
                let path = case.join(file);
                match now {
                    Some(text) => fs::write(path, text).unwrap(),
                    None => drop(fs::remove_file(path)),
                }
            } else if read(case, file) != now {
                let now = now.unwrap_or_else(|| "no such file".into());
                wrong.push(format!("{}/{file} should be:\n{now}", case.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fargate_takes_what_every_golden_case_adds() {
    for patch in cases().iter().filter_map(|case| read(case, "patch.json")) {
        let operations: Vec<Value> = serde_json::from_str(&patch).unwrap();
        operations.iter().for_each(|operation| laws::fargate_takes(&operation["value"]));
    }
}

#[test]
fn every_reason_has_a_golden_case() {
    let told: String = cases().iter().filter_map(|case| read(case, "decision.yaml")).collect();
    for reason in SkipReason::ALL {
        // These two are of reviews and faults: no pod alone brings them about.
        if !matches!(reason, SkipReason::NotApplicable | SkipReason::InternalError) {
            assert!(told.contains(&format!("reason: {}", reason.label())), "no case of {}", reason.label());
        }
    }
}
