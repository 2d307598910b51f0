//! What a review costs in memory and time, whatever fills it. One test at a time: memory is counted for the whole process.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, unreachable_pub)]

#[path = "../hostile/reviews.rs"]
mod reviews;

use datadog_sidecar_injector::{
    admission::{self, Answer},
    config,
    rules::{Rules, Setting},
    seen::Seen,
};
use peak_alloc::PeakAlloc;
use reviews::{ALL, DEFAULTS, LARGEST, ORDINARY, Place, filled, review};
use std::time::{Duration, Instant};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const PLACES: [Place; 15] = [
    Place::Labels,
    Place::Annotations,
    Place::Entrypoints,
    Place::NodeSelector,
    Place::Containers,
    Place::InitContainers,
    Place::Volumes,
    Place::Env,
    Place::Ports,
    Place::VolumeMounts,
    Place::Command,
    Place::ImagePullSecrets,
    Place::DropCapabilities,
    Place::Resources,
    Place::Tolerations,
];

/// What deciding may take on top of twice the body, in bytes: ten thousand elements, with what is to be done to each.
const MOST: usize = 24 << 20;

/// The longest answer, in bytes: the longest patch in base64, and what goes around it.
const LONGEST_ANSWER: usize = 3 << 19;

fn rules(text: &str) -> Rules {
    let config = config::load(text, "values.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    Rules::compile(config, Setting { own_namespace: "datadog".into(), kubernetes_minor: 35, offline: false })
}

fn answer(rules: &Rules, body: &[u8]) -> Answer {
    admission::review(body, rules, &Seen::default(), 0).unwrap()
}

fn configurations() -> [(&'static str, Rules); 2] {
    [("the defaults", rules(DEFAULTS)), ("everything on", rules(ALL))]
}

fn memory() {
    for (called, rules) in configurations() {
        for place in PLACES {
            for (element, size, selected) in place.elements().iter().flat_map(|element| {
                [(element, ORDINARY, true), (element, LARGEST, true), (element, LARGEST, false)]
            }) {
                let body = filled(place, element, size, selected);
                let before = MEMORY.current_usage();
                MEMORY.reset_peak_usage();
                let answer = answer(&rules, &body);
                let peak = MEMORY.peak_usage() - before;
                let what = format!("{} bytes of {element}, selected: {selected}, {called}", body.len());
                assert!(peak < 2 * body.len() + MOST, "{what}: {} MB", peak >> 20);
                assert!(answer.body.len() < LONGEST_ANSWER, "{what}: an answer of {}", answer.body.len());
            }
        }
    }
}

/// A pod whose long strings would go into each of its many containers.
fn multiplied() {
    let long = "x".repeat(200_000);
    let containers = |volume: &str| {
        let mount = format!(r#""volumeMounts":[{{"name":"{volume}","mountPath":"/var/run/datadog"}}]"#);
        let first = format!(r#"{{"name":"app",{mount}}}"#);
        let others = r#",{"name":"app"}"#.repeat(3000);
        format!(r#"{{"volumes":[{{"name":"{volume}","emptyDir":{{}}}}],"containers":[{first}{others}]}}"#)
    };
    let pod = |label: &str, entrypoint: &str, volume: &str| {
        let labels = format!(r#""agent.datadoghq.com/sidecar":"fargate","tags.datadoghq.com/env":"{label}""#);
        let entrypoints =
            format!(r#""agent.datadoghq.com/sidecar.entrypoints":"{{\"app\":[\"{entrypoint}\"]}}""#);
        let metadata = format!(r#"{{"labels":{{{labels}}},"annotations":{{{entrypoints}}}}}"#);
        review("1", "shop", &format!(r#"{{"metadata":{metadata},"spec":{}}}"#, containers(volume)))
    };
    for (called, rules) in configurations() {
        for (what, body) in [
            ("a label", pod(&long, "/a", "v")),
            ("an entrypoint", pod("prod", &long, "v")),
            ("a volume", pod("prod", "/a", &long)),
        ] {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let answer = answer(&rules, body.as_bytes());
            let peak = MEMORY.peak_usage() - before;
            assert!(peak < 2 * body.len() + MOST, "{what}, {called}: {} MB", peak >> 20);
            assert!(answer.body.len() < LONGEST_ANSWER, "{what}, {called}: {}", answer.body.len());
        }
    }
}

/// Four times the elements take about four times as long; where each is compared with each they would take sixteen times.
fn time() {
    // Below half a millisecond the clock says more than the work.
    let assert_linear = |what: &str, few: Duration, more: Duration| {
        assert!(more < few.max(Duration::from_micros(500)) * 8, "{what}: {few:?} becomes {more:?}");
    };
    let fastest = |rules: &Rules, body: &[u8]| {
        let run = |_| {
            let start = Instant::now();
            answer(rules, body);
            start.elapsed()
        };
        (0..5).map(run).min().unwrap()
    };
    // Selectors of two labels each, found by one that the pod has.
    let selectors: Vec<String> = (0..16)
        .map(|i| format!("{{name: s{i}, objectSelector: {{matchLabels: {{a: b, other{i}: x}}}}}}"))
        .collect();
    let many = format!(
        "clusterAgent: {{admissionController: {{agentSidecarInjection: {{selectors: [{}]}}}}}}",
        selectors.join(", ")
    );
    let [defaults, all] = configurations();
    for (called, rules) in [defaults, all, ("many selectors", self::rules(&many))] {
        let took = |count: usize| fastest(&rules, sealed(count).as_bytes());
        assert_linear(&format!("read-only mounts and volumes, {called}"), took(800), took(3200));
        for place in PLACES {
            for element in place.elements() {
                // As many bytes as two thousand of the longer elements, and four times as many.
                let took = |size: usize| fastest(&rules, &filled(place, element, size, true));
                assert_linear(&format!("{element}, {called}"), took(20_000), took(80_000));
            }
        }
    }
}

/// As many containers as volumes, each with a mount above the sockets: neither list fills a pod alone.
fn sealed(count: usize) -> String {
    let mount = |i: usize| format!(r#"{{"name":"v{i}","mountPath":"/var/run","readOnly":true}}"#);
    let containers =
        (0..count).map(|i| format!(r#"{{"name":"c{i}","volumeMounts":[{}]}}"#, mount(count - 1 - i)));
    let volumes = (0..count).map(|i| format!(r#"{{"name":"v{i}","persistentVolumeClaim":{{}}}}"#));
    let (containers, volumes) =
        (containers.collect::<Vec<_>>().join(","), volumes.collect::<Vec<_>>().join(","));
    let metadata = r#"{"labels":{"agent.datadoghq.com/sidecar":"fargate"}}"#;
    let spec = format!(r#"{{"volumes":[{volumes}],"containers":[{containers}]}}"#);
    review("1", "shop", &format!(r#"{{"metadata":{metadata},"spec":{spec}}}"#))
}

#[test]
fn a_review_takes_memory_and_time_in_proportion_to_its_body() {
    memory();
    multiplied();
    time();
}
