//! A spec read in brief: what the questions before the selectors look at. Passing over a field costs less than reading it, and most
//! pods of a cluster are none of ours.

use super::{List, Named, Pairs, Text};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec<'a> {
    host_network: Option<bool>,
    #[serde(rename = "hostPID")]
    host_pid: Option<bool>,
    #[serde(rename = "hostIPC")]
    host_ipc: Option<bool>,
    #[serde(borrow)]
    os: Option<Named<'a>>,
    #[serde(borrow)]
    node_selector: Option<Pairs<'a>>,
    #[serde(borrow)]
    init_containers: Option<List<Container<'a>>>,
    #[serde(borrow)]
    containers: Option<List<Container<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    image: Text<'a>,
}

impl<'a> From<Spec<'a>> for super::Spec<'a> {
    fn from(brief: Spec<'a>) -> Self {
        let containers = |list: List<Container<'a>>| list.map(super::Container::from);
        Self {
            host_network: brief.host_network,
            host_pid: brief.host_pid,
            host_ipc: brief.host_ipc,
            os: brief.os,
            node_selector: brief.node_selector,
            init_containers: brief.init_containers.map(containers),
            containers: brief.containers.map(containers),
            ..Self::default()
        }
    }
}

impl<'a> From<Container<'a>> for super::Container<'a> {
    fn from(brief: Container<'a>) -> Self {
        Self { name: brief.name, image: brief.image, ..Self::default() }
    }
}
