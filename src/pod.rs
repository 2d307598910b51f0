//! The pod as it is read: a borrowed view of the fields a decision needs.
//!
//! Everything else in the pod is passed over by the parser and never written again, so nothing of the user's can be lost: we only
//! ever say what to add. `null` counts as absent throughout, as it does for the API server, and so does a `null` in a list.

mod annotations;
mod brief;
pub mod budget;
mod container;
mod env;
mod list;
mod mapping;
mod read;
mod security;
mod text;
mod volume;

pub use annotations::Annotations;
pub use container::{Container, Mount, Port, Protocol};
pub use env::{Env, Set};
pub use list::List;
pub use mapping::{Mapping, ReadMap, once};
pub use read::{Extent, Nullable, Read};
pub use security::{Capabilities, ContainerSecurity, PodSecurity, Seccomp};
pub use text::{NAME, Number, Pairs, Present, Text, cut};
pub use volume::{Source, Volume};

use serde::Deserialize;
use serde_json::value::RawValue;

/// A pod, or a pod template.
#[derive(Debug, Default)]
pub struct Pod<'a> {
    /// `None` where a template has none.
    pub metadata: Option<Metadata<'a>>,
    /// `None` where there is none, which only a broken manifest has.
    pub spec: Option<Spec<'a>>,
}

/// A pod's metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Empty where the API server is to make one up.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// What it makes one up from.
    #[serde(borrow)]
    pub generate_name: Text<'a>,
    /// All labels.
    #[serde(borrow)]
    pub labels: Option<Pairs<'a>>,
    /// The annotations that a decision reads.
    #[serde(borrow)]
    pub annotations: Option<Annotations<'a>>,
}

/// A pod's spec.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec<'a> {
    /// `Always` where absent.
    #[serde(borrow)]
    pub restart_policy: Text<'a>,
    /// The node's network.
    pub host_network: Option<bool>,
    /// The node's processes.
    #[serde(rename = "hostPID")]
    pub host_pid: Option<bool>,
    /// The node's IPC.
    #[serde(rename = "hostIPC")]
    pub host_ipc: Option<bool>,
    /// One process namespace for all containers.
    pub share_process_namespace: Option<bool>,
    /// The operating system, where stated.
    #[serde(borrow)]
    pub os: Option<Named<'a>>,
    /// Whether the API server mounts a token of the ServiceAccount.
    pub automount_service_account_token: Option<bool>,
    /// Labels a node must have.
    #[serde(borrow)]
    pub node_selector: Option<Pairs<'a>>,
    /// What containers inherit.
    #[serde(borrow)]
    pub security_context: Option<PodSecurity<'a>>,
    /// Pod-level requests and limits, unread until they are needed.
    #[serde(borrow)]
    pub resources: Option<&'a RawValue>,
    /// Secrets for pulling images.
    #[serde(borrow)]
    pub image_pull_secrets: Option<List<Named<'a>>>,
    /// The volumes.
    #[serde(borrow)]
    pub volumes: Option<List<Volume<'a>>>,
    /// Init steps and native sidecars.
    #[serde(borrow)]
    pub init_containers: Option<List<Container<'a>>>,
    /// The containers.
    #[serde(borrow)]
    pub containers: Option<List<Container<'a>>>,
}

/// An object of which only the name counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Named<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
}

/// Requests and limits, read from [`Container::resources`] or [`Spec::resources`] when they matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources<'a> {
    /// By resource.
    #[serde(borrow)]
    pub requests: Option<Pairs<'a>>,
    /// By resource.
    #[serde(borrow)]
    pub limits: Option<Pairs<'a>>,
}

static NO_METADATA: Metadata<'static> =
    Metadata { name: Text::EMPTY, generate_name: Text::EMPTY, labels: None, annotations: None };

impl<'a> Pod<'a> {
    /// The metadata, empty where there is none.
    pub fn metadata(&self) -> &Metadata<'a> {
        self.metadata.as_ref().unwrap_or(&NO_METADATA)
    }
}

impl<'a> Spec<'a> {
    /// The containers, or none.
    pub fn containers(&self) -> &[Container<'a>] {
        self.containers.as_deref().unwrap_or_default()
    }

    /// The init containers, or none.
    pub fn init_containers(&self) -> &[Container<'a>] {
        self.init_containers.as_deref().unwrap_or_default()
    }

    /// The volumes, or none.
    pub fn volumes(&self) -> &[Volume<'a>] {
        self.volumes.as_deref().unwrap_or_default()
    }

    /// Whether an init container or container is `null`.
    pub fn has_null_container(&self) -> bool {
        [&self.init_containers, &self.containers].into_iter().flatten().any(List::has_null)
    }

    /// Init containers and containers.
    pub fn all_containers(&self) -> impl Iterator<Item = &Container<'a>> {
        self.init_containers().iter().chain(self.containers())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Pod<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn null_is_absent_everywhere() {
        let pod = read(
            r#"{"metadata":{"labels":null,"annotations":null,"name":null},"spec":{"restartPolicy":null,"volumes":null,
               "initContainers":null,"securityContext":null,"hostNetwork":null,"resources":null,
               "containers":[null,{"name":null,"env":null,"volumeMounts":[null],"resources":null}]}}"#,
        );
        let spec = pod.spec.unwrap();
        assert!(pod.metadata.unwrap().labels.is_none());
        assert!(spec.volumes.is_none() && spec.resources.is_none());
        assert_eq!(spec.containers().len(), 2);
        assert_eq!(spec.containers()[1].mounts().len(), 1);
        assert!(spec.containers()[1].env.is_none());
    }

    #[test]
    fn the_last_of_two_equal_names_counts() {
        let pod = read(
            r#"{"spec":{"containers":[{"env":[{"name":"DD_ENV","value":"a"},{"name":"X"},{"name":"DD_ENV","value":"b"}]}]}}"#,
        );
        let spec = pod.spec.unwrap();
        let env = spec.containers()[0].env.as_ref().unwrap();
        assert_eq!(env.len, 3);
        assert_eq!(env.compare("DD_ENV", "b"), Some(Set::Equal));
        assert_eq!(env.compare("DD_ENV", "a"), Some(Set::Different));
        assert_eq!(env.compare("DD_SERVICE", "a"), None);
    }

    #[test]
    fn only_annotations_that_matter_are_kept() {
        let pod = read(
            r#"{"metadata":{"annotations":{"x":"1","agent.datadoghq.com/sidecar.mode":"n\u0061tive","y":{}}}}"#,
        );
        let annotations = pod.metadata.unwrap().annotations.unwrap();
        assert_eq!(annotations.get("agent.datadoghq.com/sidecar.mode"), Some("native"));
        assert_eq!(annotations.get("x"), None);
    }
}
