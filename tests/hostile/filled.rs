//! Reviews with one place of the pod filled to the brim: small ones and the largest, of pods that are selected and not, with the default
//! configuration and with everything on.

use crate::{
    injector::{Injector, factor},
    reviews::{ALL, DEFAULTS, LARGEST, ORDINARY, Place, filled},
    watch::Watch,
};
use std::time::{Duration, Instant};

/// What the reviews allow, and some for the way.
const DEADLINE: Duration = Duration::from_secs(3);
const WAY: Duration = Duration::from_millis(500);

async fn fill(place: Place) {
    let mut failures = Vec::new();
    for (config, called) in [(DEFAULTS, "the defaults"), (ALL, "everything on")] {
        let mut injector = Injector::start(config).await;
        let watch = Watch::start(&injector);
        for size in [ORDINARY, LARGEST] {
            for (element, selected) in
                place.elements().iter().flat_map(|element| [(element, true), (element, false)])
            {
                let body = filled(place, element, size, selected);
                let what = format!("{} bytes of {element}, selected: {selected}, {called}", body.len());
                let mut client = injector
                    .client()
                    .await
                    .unwrap_or_else(|error| panic!("{what}: {error}: {}", injector.log()));
                let start = Instant::now();
                let head = "POST /inject?timeout=3s HTTP/1.1\r\nContent-Type: application/json";
                let answer = client.request(head, &body).await;
                let took = start.elapsed();
                match answer {
                    Ok(reply) if matches!(reply.status, 200 | 400 | 408 | 413 | 503) => {}
                    other => failures.push(format!("{what}: {other:?}")),
                }
                if took > (DEADLINE + WAY) * factor() {
                    failures.push(format!("{what}: answered after {took:?}"));
                }
            }
        }
        watch.end(&injector);
        injector.assert_alive();
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

macro_rules! filled {
    ($($name:ident: $place:ident,)*) => {$(
        #[tokio::test]
        async fn $name() {
            fill(Place::$place).await;
        }
    )*};
}

filled! {
    a_pod_full_of_labels: Labels,
    a_pod_full_of_annotations: Annotations,
    an_annotation_full_of_entrypoints: Entrypoints,
    a_node_selector_full_of_labels: NodeSelector,
    a_pod_full_of_containers: Containers,
    a_pod_full_of_init_containers: InitContainers,
    a_pod_full_of_volumes: Volumes,
    a_container_full_of_variables: Env,
    a_container_full_of_ports: Ports,
    a_container_full_of_mounts: VolumeMounts,
    a_command_full_of_arguments: Command,
    a_pod_full_of_pull_secrets: ImagePullSecrets,
    a_container_full_of_dropped_capabilities: DropCapabilities,
    a_container_full_of_resources: Resources,
    a_pod_full_of_tolerations: Tolerations,
}
