//! A template as the webhook sees the pods that are made of it: with the volumes that a controller adds to them and the
//! requests that the API server fills in.

use crate::{
    fargate::{Asked, Reading},
    pod::Spec,
    quantity::{self, Quantity},
};
use serde_json::{Map, Value, json};

/// The resources that a pod may state as a whole and the API server fills in.
const RESOURCES: [&str; 2] = ["cpu", "memory"];

/// A template made ready for the decision.
#[derive(Debug)]
pub(super) struct Admitted {
    /// The pod to decide on.
    pub(super) pod: Value,
    /// Whether the pod has a list of volumes that its template lacks.
    made_volumes: bool,
    /// What the pod requests as a whole, where its template doesn't say all of it.
    requests: Option<Value>,
}

impl Admitted {
    /// Makes the template at `pointer` ready; `None` where there is nothing.
    pub(super) fn of(root: &Value, pointer: &str) -> Option<Self> {
        let mut pod = root.pointer(pointer)?.clone();
        let beside = pointer.rsplit_once('/').and_then(|(parent, _)| root.pointer(parent));
        let claims = beside.and_then(|beside| beside.get("volumeClaimTemplates")?.as_array());
        let (mut made_volumes, mut requests) = (false, None);
        if let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) {
            made_volumes = add_claims(spec, claims.map_or(&[], Vec::as_slice));
            requests = default_requests(spec);
        }
        Some(Self { pod, made_volumes, requests })
    }

    /// Makes operations on the pod operations on its template.
    pub(super) fn for_template(&self, operations: &mut Vec<Value>) {
        let is_first =
            |operation: &&mut Value| operation["op"] == "add" && operation["path"] == "/spec/volumes/-";
        if let Some(first) = operations.iter_mut().find(is_first).filter(|_| self.made_volumes) {
            let volume = first["value"].take();
            *first = json!({"op": "add", "path": "/spec/volumes", "value": [volume]});
        }
        // In the cluster they are filled in before the sidecar comes; from a template they would be what it asks for alone.
        if let Some(requests) = &self.requests {
            operations.insert(0, json!({"op": "add", "path": "/spec/resources/requests", "value": requests}));
        }
    }
}

/// Adds the volumes of a StatefulSet's claims, which replace those of the same name. Others keep their position, so that
/// operations on the pod are right for the template. Answers whether there was no list before.
fn add_claims(spec: &mut Map<String, Value>, claims: &[Value]) -> bool {
    let names = claims.iter().filter_map(|claim| claim.pointer("/metadata/name")?.as_str());
    let volumes: Vec<Value> =
        names.map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}})).collect();
    if volumes.is_empty() {
        return false;
    }
    match spec.get_mut("volumes") {
        None | Some(Value::Null) => {
            spec.insert("volumes".into(), volumes.into());
            true
        }
        Some(Value::Array(list)) => {
            for volume in volumes {
                match list.iter_mut().find(|there| there.get("name") == volume.get("name")) {
                    Some(there) => *there = volume,
                    None => list.push(volume),
                }
            }
            false
        }
        Some(_) => false,
    }
}

/// Fills in what a pod with limits of its own requests: what its containers request together, else its limits. Answers all that it
/// requests then, where that is more than it says.
fn default_requests(spec: &mut Map<String, Value>) -> Option<Value> {
    let resources = spec.get("resources");
    let limits = side(resources, "limits").filter(|limits| !limits.is_empty()).cloned()?;
    let stated = side(resources, "requests").cloned().unwrap_or_default();
    let mut requests = stated.clone();
    for resource in RESOURCES {
        let by_containers = || containers_request(spec, resource).map(text);
        let missing = requests.get(resource).is_none_or(Value::is_null);
        if let Some(request) =
            missing.then(|| by_containers().or_else(|| limits.get(resource).cloned())).flatten()
        {
            requests.insert(resource.to_owned(), request);
        }
    }
    if requests == stated {
        return None;
    }
    let requests = Value::Object(requests);
    spec.get_mut("resources")?.as_object_mut()?.insert("requests".into(), requests.clone());
    Some(requests)
}

/// Sums up what the containers request of a resource; `None` where none of them says anything of it.
fn containers_request(spec: &Map<String, Value>, resource: &str) -> Option<Quantity> {
    let lists = ["initContainers", "containers"].into_iter().filter_map(|list| spec.get(list)?.as_array());
    let states = |container: &Value| {
        let resources = container.get("resources");
        ["requests", "limits"]
            .iter()
            .any(|s| side(resources, s).is_some_and(|amounts| amounts.contains_key(resource)))
    };
    if !lists.flatten().any(states) {
        return None;
    }
    let mut alone = spec.clone();
    alone.remove("resources");
    let text = Value::Object(alone).to_string();
    let need =
        Asked::read(&serde_json::from_str::<Spec<'_>>(&text).ok()?).together(None, Reading::LongRunning);
    Some(if resource == "cpu" { need.cpu } else { need.memory })
}

fn side<'v>(resources: Option<&'v Value>, side: &str) -> Option<&'v Map<String, Value>> {
    resources?.get(side)?.as_object()
}

/// A quantity as people write it: of memory in powers of two.
fn text(quantity: Quantity) -> Value {
    const KI: i128 = 1024 * 1_000_000_000;
    let nanos = quantity.nanos();
    let exact = if nanos % KI == 0 { format!("{}Ki", nanos / KI) } else { format!("{nanos}n") };
    quantity::canonical(&exact).unwrap_or(exact).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(root: &Value) -> Value {
        Admitted::of(root, "/spec/template").unwrap().pod
    }

    #[test]
    fn claims_are_volumes_of_the_pod() {
        let set = |volumes: Value| {
            json!({"spec": {"template": {"spec": {"volumes": volumes}},
                "volumeClaimTemplates": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, {}]}})
        };
        let claim = |name: &str| json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
        assert_eq!(pod(&set(Value::Null))["spec"]["volumes"], json!([claim("a"), claim("b")]));
        let mixed = set(json!([{"name": "x", "emptyDir": {}}, {"name": "b", "emptyDir": {}}]));
        let all = json!([{"name": "x", "emptyDir": {}}, claim("b"), claim("a")]);
        assert_eq!(pod(&mixed)["spec"]["volumes"], all);
        assert_eq!(pod(&set(json!("x")))["spec"]["volumes"], "x");
    }

    #[test]
    fn the_first_volume_of_a_template_makes_its_list() {
        let root = json!({"t": {"spec": {}}, "volumeClaimTemplates": [{"metadata": {"name": "a"}}]});
        let mut operations = vec![
            json!({"op": "add", "path": "/spec/volumes/-", "value": {"name": "x"}}),
            json!({"op": "add", "path": "/spec/volumes/-", "value": {"name": "y"}}),
        ];
        Admitted::of(&root, "/t").unwrap().for_template(&mut operations);
        assert_eq!(operations[0], json!({"op": "add", "path": "/spec/volumes", "value": [{"name": "x"}]}));
        assert_eq!(operations[1]["path"], "/spec/volumes/-");
    }

    #[test]
    fn requests_are_filled_in_as_the_api_server_does() {
        let requests = |resources: Value, container: Value| {
            let spec = json!({"resources": resources, "containers": [{"resources": container}, {}]});
            pod(&json!({"spec": {"template": {"spec": spec}}}))["spec"]["resources"]["requests"].take()
        };
        let none = json!({});
        let both = json!({"limits": {"cpu": "2", "memory": "4Gi"}});
        assert_eq!(requests(both.clone(), none.clone()), both["limits"]);
        let asked = json!({"requests": {"cpu": "200m"}, "limits": {"memory": "1Gi"}});
        assert_eq!(requests(both, asked.clone()), json!({"cpu": "200m", "memory": "1Gi"}));
        assert_eq!(requests(json!({"limits": {"memory": "4Gi"}}), asked.clone())["cpu"], "200m");
        let stated = json!({"limits": {"cpu": "2"}, "requests": {"cpu": "1"}});
        assert_eq!(requests(stated, asked.clone())["cpu"], "1");
        assert_eq!(requests(json!({"requests": {"cpu": "1"}}), asked.clone()), json!({"cpu": "1"}));
        assert_eq!(requests(json!({"limits": {}}), asked), Value::Null);
    }
}
