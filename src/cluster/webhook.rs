//! `caBundle` in the entries of a MutatingWebhookConfiguration that lead to our Service.

use super::FIELD_MANAGER;
use k8s_openapi::{
    ByteString,
    api::{
        admissionregistration::v1::{MutatingWebhook, MutatingWebhookConfiguration},
        core::v1::Namespace,
    },
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

const TRACKED_BY_ARGO_CD: &str = "argocd.argoproj.io/tracking-id";

/// A MutatingWebhookConfiguration, and the Service by which its entries of ours are known.
#[derive(Clone, Debug)]
pub struct Webhook {
    api: Api<MutatingWebhookConfiguration>,
    namespaces: Api<Namespace>,
    name: String,
    namespace: String,
    service: String,
}

/// What was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InPlace {
    /// Which version of the object this is.
    pub version: Option<String>,
    /// The entries that lead to our Service.
    pub entries: Vec<Entry>,
    /// The names of those that lead somewhere else.
    pub foreign: Vec<String>,
    /// Names and uids of the namespaces with which it goes.
    owners: Vec<(String, String)>,
    /// Whether Argo CD tracks it, which then neither prunes nor deletes what has an owner.
    tracked: bool,
}

/// The namespace, as what is to go with it names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    name: String,
    uid: String,
}

/// An entry that leads to our Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its `caBundle`, PEM; empty where there is none.
    pub bundle: Vec<u8>,
}

impl InPlace {
    /// Whether it goes with its owner, where there is to be one; what Argo CD tracks is to have none.
    pub fn has_owner(&self, owner: &Owner) -> bool {
        let there = self.owners.iter().any(|(_, uid)| *uid == owner.uid);
        there != self.tracked
    }

    /// Whether a namespace of this name owns it.
    pub fn is_owned_by(&self, namespace: &str) -> bool {
        self.owners.iter().any(|(name, _)| name == namespace)
    }

    fn owner<'o>(&self, owner: Option<&'o Owner>) -> Option<&'o Owner> {
        owner.filter(|_| !self.tracked)
    }
}

impl Webhook {
    /// The configuration of this name; entries count that lead to this Service.
    pub fn new(client: Client, name: &str, namespace: &str, service: &str) -> Self {
        Self {
            api: Api::all(client.clone()),
            namespaces: Api::all(client),
            name: name.into(),
            namespace: namespace.into(),
            service: service.into(),
        }
    }

    /// Reads it; `None` where it doesn't exist.
    pub async fn read(&self) -> Result<Option<InPlace>, kube::Error> {
        Ok(self.api.get_opt(&self.name).await?.map(|found| self.in_place(found)))
    }

    /// The namespace of the Service, which can own the configuration: with it goes what would otherwise send every pod to a Service
    /// that is no more.
    pub async fn owner(&self) -> Result<Owner, kube::Error> {
        let uid = self.namespaces.get_metadata(&self.namespace).await?.metadata.uid;
        Ok(Owner { name: self.namespace.clone(), uid: uid.unwrap_or_default() })
    }

    /// Writes `caBundle`, into the entries of ours in the version that was read, and the owner; nothing else. `None` where somebody
    /// else has written meanwhile.
    pub async fn write(
        &self,
        read: &InPlace,
        bundle: &str,
        owner: Option<&Owner>,
    ) -> Result<Option<InPlace>, kube::Error> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let mut written = None;
        let result =
            self.api.patch(&self.name, &params, &Patch::Apply(self.document(read, bundle, owner))).await;
        let result = result.map(|found| written = Some(self.in_place(found)));
        super::unless_conflict(result)?;
        Ok(written)
    }

    /// What we own of the object: nothing but `caBundle`, the names of entries, which are their keys, and one owner.
    fn document(&self, read: &InPlace, bundle: &str, owner: Option<&Owner>) -> Value {
        let bundle = ByteString(bundle.into());
        let entries: Vec<_> = read
            .entries
            .iter()
            .map(|entry| json!({ "name": entry.name, "clientConfig": { "caBundle": bundle } }))
            .collect();
        let owners: Vec<_> = read
            .owner(owner)
            .iter()
            .map(|Owner { name, uid }| json!({"apiVersion": "v1", "kind": "Namespace", "name": name, "uid": uid}))
            .collect();
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": { "name": self.name, "resourceVersion": read.version, "ownerReferences": owners },
            "webhooks": entries,
        })
    }

    fn in_place(&self, found: MutatingWebhookConfiguration) -> InPlace {
        let ours = |entry: &MutatingWebhook| {
            let service = entry.client_config.service.as_ref();
            service.is_some_and(|service| service.name == self.service && service.namespace == self.namespace)
        };
        let (entries, foreign): (Vec<_>, Vec<_>) =
            found.webhooks.unwrap_or_default().into_iter().partition(ours);
        let entry = |entry: MutatingWebhook| Entry {
            name: entry.name,
            bundle: entry.client_config.ca_bundle.unwrap_or_default().0,
        };
        let owners = found.metadata.owner_references.unwrap_or_default().into_iter();
        let owners = owners.filter(|owner| owner.kind == "Namespace").map(|owner| (owner.name, owner.uid));
        InPlace {
            version: found.metadata.resource_version,
            entries: entries.into_iter().map(entry).collect(),
            foreign: foreign.into_iter().map(|entry| entry.name).collect(),
            owners: owners.collect(),
            tracked: found.metadata.annotations.is_some_and(|all| all.contains_key(TRACKED_BY_ARGO_CD)),
        }
    }
}
