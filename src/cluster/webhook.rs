//! `caBundle` in the entries of a MutatingWebhookConfiguration that lead to our Service.

use super::FIELD_MANAGER;
use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{MutatingWebhook, MutatingWebhookConfiguration},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

/// A MutatingWebhookConfiguration, and the Service by which its entries of ours are known.
#[derive(Clone, Debug)]
pub struct Webhook {
    api: Api<MutatingWebhookConfiguration>,
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
    /// Whether every entry, and there is one, has exactly this bundle.
    pub fn carries(&self, bundle: &str) -> bool {
        !self.entries.is_empty() && self.entries.iter().all(|entry| entry.bundle == bundle.as_bytes())
    }
}

impl Webhook {
    /// The configuration of this name; entries count that lead to this Service.
    pub fn new(client: Client, name: &str, namespace: &str, service: &str) -> Self {
        Self {
            api: Api::all(client),
            name: name.into(),
            namespace: namespace.into(),
            service: service.into(),
        }
    }

    /// Reads it; `None` where it doesn't exist.
    pub async fn read(&self) -> Result<Option<InPlace>, kube::Error> {
        Ok(self.api.get_opt(&self.name).await?.map(|found| self.in_place(found)))
    }

    /// Writes `caBundle`, that field alone, into the entries of ours in the version that was read. `None` where somebody else
    /// has written meanwhile.
    pub async fn write(&self, read: &InPlace, bundle: &str) -> Result<Option<InPlace>, kube::Error> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let mut written = None;
        let result = self.api.patch(&self.name, &params, &Patch::Apply(self.document(read, bundle))).await;
        let result = result.map(|found| written = Some(self.in_place(found)));
        super::unless_conflict(result)?;
        Ok(written)
    }

    /// What we own of the object: nothing but `caBundle`, and the names of entries, which are their keys.
    fn document(&self, read: &InPlace, bundle: &str) -> Value {
        let bundle = ByteString(bundle.into());
        let entries: Vec<_> = read
            .entries
            .iter()
            .map(|entry| json!({ "name": entry.name, "clientConfig": { "caBundle": bundle } }))
            .collect();
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": { "name": self.name, "resourceVersion": read.version },
            "webhooks": entries,
        })
    }

    fn in_place(&self, found: MutatingWebhookConfiguration) -> InPlace {
        let ours = |entry: &MutatingWebhook| {
            let service = entry.client_config.service.as_ref();
            service.is_some_and(|service| service.name == self.service && service.namespace == self.namespace)
        };
        let entries = found.webhooks.unwrap_or_default().into_iter().filter(ours).map(|entry| Entry {
            name: entry.name,
            bundle: entry.client_config.ca_bundle.unwrap_or_default().0,
        });
        InPlace { version: found.metadata.resource_version, entries: entries.collect() }
    }
}
