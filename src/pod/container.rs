//! A container as it is read.

use super::{ContainerSecurity, Env, List, Number, Present, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A container or init container.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its image.
    #[serde(borrow)]
    pub image: Text<'a>,
    /// `Always` in a native sidecar.
    #[serde(borrow)]
    pub restart_policy: Text<'a>,
    /// What it runs, where it is not the image's own entrypoint.
    #[serde(borrow)]
    pub command: Option<List<Text<'a>>>,
    /// The ports it says it listens on.
    #[serde(borrow)]
    pub ports: Option<List<Port<'a>>>,
    /// Its variables.
    #[serde(borrow)]
    pub env: Option<Env<'a>>,
    /// Its mounts.
    #[serde(borrow)]
    pub volume_mounts: Option<List<Mount<'a>>>,
    /// Requests and limits, unread until they are needed.
    #[serde(borrow)]
    pub resources: Option<&'a RawValue>,
    /// Its own security settings.
    #[serde(borrow)]
    pub security_context: Option<ContainerSecurity<'a>>,
}

impl<'a> Container<'a> {
    /// The ports, or none.
    pub fn ports(&self) -> &[Port<'a>] {
        self.ports.as_deref().unwrap_or_default()
    }

    /// The mounts, or none.
    pub fn mounts(&self) -> &[Mount<'a>] {
        self.volume_mounts.as_deref().unwrap_or_default()
    }

    /// Whether an init container is a native sidecar.
    pub fn is_native_sidecar(&self) -> bool {
        self.restart_policy == "Always"
    }
}

/// A port that a container says it listens on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Port<'a> {
    /// Its name; empty where it has none.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its number.
    pub container_port: Number,
    /// `TCP` where absent.
    #[serde(borrow)]
    protocol: Text<'a>,
}

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kubernetes' own words")]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// The word Kubernetes uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}

impl Port<'_> {
    /// What is spoken on it.
    pub fn protocol(&self) -> Protocol {
        match &*self.protocol {
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            _ => Protocol::Tcp,
        }
    }
}

/// A mount of a volume.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Mount<'a> {
    /// The volume.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Where.
    #[serde(borrow)]
    pub mount_path: Text<'a>,
    /// Only a part of the volume.
    pub sub_path: Present,
    /// The same, with variables.
    pub sub_path_expr: Present,
    /// Whether the container may only read there.
    pub read_only: Option<bool>,
}
