//! What a webhook adds to the creation of a pod: on the control plane of the end-to-end tests, the same pod in several ways in turn.

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use datadog_sidecar_injector::{
    config::Config,
    decide,
    inject::{self, Assumptions, Input},
    rules::{Rules, Setting},
};
use harness::{
    Scene,
    scene::{in_namespace, plain},
};
use injector_bench::report::{Measure, print};
use serde_json::{Value, json};
use std::time::Instant;

#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is of the tests")]
#[allow(missing_docs, unreachable_pub, dead_code, reason = "it is of the tests, which use more of it")]
#[path = "../../../tests/e2e/harness"]
mod harness {
    pub mod api;
    pub mod audit;
    pub mod control_plane;
    pub mod injector;
    pub mod pki;
    pub mod pods;
    pub mod processes;
    pub mod scene;
    pub mod wait;

    pub use injector::{Injector, Reached};
    pub use scene::Scene;
}

/// The audit log leaves it out.
const NAMESPACE: &str = "quiet-creation";

/// The label that is selected.
const LABEL: &str = "agent.datadoghq.com/sidecar";

/// Creations whose time isn't counted.
const WARM_UP: usize = 20;

/// Measures creations and prints a table. `CONTROL_PLANE_BIN` is what `tests/cluster/build.sh` prints, `INJECTOR_BINARY` the product,
/// built for release.
#[derive(Parser)]
struct Arguments {
    /// How often a pod is created in each way; the ways take turns.
    #[arg(long, default_value_t = 400)]
    rounds: usize,
}

/// A way to create a pod.
struct Way {
    name: &'static str,
    pod: Value,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!((1..=10_000).contains(&arguments.rounds), "rounds must be from 1 to 10,000");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(creation(arguments.rounds))
}

async fn creation(rounds: usize) -> Result<()> {
    let (scene, injector) = Scene::serving("creation", "").await;
    scene.quiet(&injector, NAMESPACE, json!({})).await;
    let (selected, with_sidecar) = (pod("fargate"), injected(&pod("fargate"))?);
    let ways = [
        Way { name: "untouched", pod: in_namespace(selected.clone(), &plain(NAMESPACE)) },
        Way { name: "sent with the sidecar in it", pod: in_namespace(with_sidecar, &plain(NAMESPACE)) },
        Way { name: "past a webhook that changes nothing", pod: in_namespace(pod("other"), NAMESPACE) },
        Way { name: "injected", pod: in_namespace(selected, NAMESPACE) },
    ];
    let mut times = vec![Vec::new(); ways.len()];
    let mut asked = vec![0; ways.len()];
    for round in 0..WARM_UP + rounds {
        for (index, way) in ways.iter().enumerate() {
            let before = injector.reviews().await;
            let began = Instant::now();
            // Nothing is stored: what etcd takes is the same for all, and its neighbours' work is not in the figures.
            let reply = scene.api.dry_run(&way.pod).await;
            let took = began.elapsed();
            ensure!(reply.status.is_success(), "{}: {}", way.name, reply.message());
            if round >= WARM_UP {
                times[index].push(took.as_secs_f64() * 1e3);
                asked[index] += injector.reviews().await - before;
            }
        }
    }
    let names: Vec<_> = ways.iter().map(|way| way.name.to_owned()).collect();
    print("creation", &names, &[Measure { title: "ms a creation", digits: 1, values: times.clone() }]);
    for (name, asked) in names.iter().zip(asked) {
        println!("\nCalls a creation, {name}: {:.2}.", asked as f64 / rounds as f64);
    }
    let [untouched, with_sidecar, unchanged, injected] = [0, 1, 2, 3].map(|way| median(&times[way]));
    println!(
        "\nA webhook that changes nothing adds {:.2} ms, the sidecar itself {:.2}, injecting it {:.2} to that.",
        unchanged - untouched,
        with_sidecar - untouched,
        injected - with_sidecar,
    );
    Ok(())
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A pod of 3 containers with 20 variables each.
fn pod(label: &str) -> Value {
    let variables = |container: usize| -> Vec<_> {
        (0..20)
            .map(|n| json!({"name": format!("SETTING_{container}_{n}"), "value": format!("value of {n}")}))
            .collect()
    };
    let container = |number: usize| {
        json!({"name": format!("app-{number}"), "image": "registry.example.com/shop/app:1.2.3", "env": variables(number),
            "ports": [{"containerPort": 8080 + number}], "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
            "livenessProbe": {"httpGet": {"path": "/livez", "port": 8080 + number}}})
    };
    let containers: Vec<_> = (0..3).map(container).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop", "labels": {LABEL: label, "app": "shop"}},
        "spec": {"containers": containers, "volumes": [{"name": "data", "emptyDir": {}}]}})
}

/// What `inject` makes of a pod.
fn injected(pod: &Value) -> Result<Value> {
    let setting = Setting { own_namespace: "datadog-agent".into(), kubernetes_minor: 35, offline: true };
    let rules = Rules::compile(Config::default(), setting);
    let inputs = [Input { name: "pod".into(), text: pod.to_string() }];
    let sheets =
        inject::inject(&inputs, &Assumptions::default(), |pod, subject| decide::decide(pod, subject, &rules));
    let sheets = sheets.ok().context("the pod is read")?;
    let injected: Value = serde_json::from_str(&inject::json(&sheets))?;
    ensure!(harness::pods::sidecars(&injected) == 1, "no sidecar in {injected}");
    Ok(injected)
}
