//! What the chart has of the program: its version, its values and their schema, the keys it hands on.

use datadog_sidecar_injector::config;
use serde_json::Value;
use std::{fs, path::PathBuf};

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/charts/datadog-sidecar-injector")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn generated_files_are_up_to_date() {
    let made = [
        ("values.yaml", config::chart::values()),
        ("values.schema.json", format!("{:#}\n", config::schema())),
        ("templates/_defaults.tpl", config::chart::defaults_template()),
    ];
    for (name, text) in made {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(path(name), &text).unwrap();
        }
        assert!(read(name) == text, "{name} is out of date: make generate");
    }
}

#[test]
fn its_version_is_that_of_the_program() {
    let chart = yaml(&read("Chart.yaml"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn its_values_are_the_defaults() {
    let values = read("values.yaml");
    let stated = config::load(&values, "values.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(stated, config::load("", "empty").unwrap());
    let defaults = read("templates/_defaults.tpl");
    let json: Vec<&str> = defaults.lines().filter(|line| !line.starts_with("{{-")).collect();
    assert_eq!(yaml(&values), serde_json::from_str::<Value>(&json.concat()).unwrap());
}

/// What the program reads of `datadog` is in the ConfigMap, but for keys that are secrets; nothing else of it is.
#[test]
fn it_hands_on_what_the_program_reads() {
    let schema = config::schema();
    let known: Vec<&str> = schema
        .pointer("/properties/datadog/properties")
        .and_then(Value::as_object)
        .unwrap()
        .keys()
        .map(String::as_str)
        .filter(|key| *key != "apiKey")
        .collect();
    let template = read("templates/_helpers.tpl");
    let line = template.lines().find(|line| line.contains("pick ") && line.contains("datadog")).unwrap();
    let handed_on: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    assert_eq!(handed_on, known);
}

#[test]
fn the_set_ups_are_accepted() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/values");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        let config = config::load(&fs::read_to_string(&path).unwrap(), &name);
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(config.notices, Vec::<String>::new(), "{name}");
        assert_eq!(config.cluster_name, "", "{name} is laid over values that name the cluster");
        count += 1;
    }
    assert!(count >= 7, "{count}");
}

#[test]
fn the_image_is_built_with_the_pinned_toolchain() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let toolchain = read("rust-toolchain.toml");
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    assert!(read("Dockerfile").contains(&format!("ARG RUST_VERSION={channel}\n")));
}
