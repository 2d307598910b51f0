//! The Secret that holds the CAs: certificates in `ca.crt`, oldest first, and their keys in `ca.key` in the same order. It is
//! written only where nobody else has written meanwhile, so any number of replicas may race.

use super::issue::{BadCa, Ca};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{collections::BTreeMap, sync::Arc};

/// The certificates: what belongs into `caBundle`.
const CERTIFICATES: &str = "ca.crt";

/// Their keys.
const KEYS: &str = "ca.key";

/// What the Secret holds.
#[derive(Debug)]
pub struct Content {
    /// Those that can be used, as they are stored.
    pub cas: Vec<Arc<Ca>>,
    /// What is wrong with the rest.
    pub damage: Option<Damage>,
    /// Which version of the Secret this is; none where there is no Secret.
    pub version: Option<String>,
}

/// What is wrong with a Secret's content. It never shows any of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// One of the two entries cannot be read.
    #[error("{0} is missing or not PEM")]
    NotPem(&'static str),
    /// A certificate without a key, or a key without a certificate.
    #[error("{certificates} certificates and {keys} keys")]
    Count {
        /// In `ca.crt`.
        certificates: usize,
        /// In `ca.key`.
        keys: usize,
    },
    /// A pair that is no CA.
    #[error(transparent)]
    Pair(#[from] BadCa),
}

/// The Secret in the cluster.
#[derive(Clone, Debug)]
pub struct Store {
    api: Api<Secret>,
    name: String,
}

impl Store {
    /// The Secret of this name.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.into() }
    }

    /// Reads it.
    pub async fn read(&self) -> Result<Content, kube::Error> {
        let secret = self.api.get_opt(&self.name).await?;
        Ok(secret.map_or(Content { cas: Vec::new(), damage: None, version: None }, |secret| {
            let (cas, damage) = decode(&secret.data.unwrap_or_default());
            Content { cas, damage, version: secret.metadata.resource_version }
        }))
    }

    /// Writes these CAs in place of the version that was read. False where somebody else was faster.
    pub async fn write(&self, version: Option<&str>, cas: &[Arc<Ca>]) -> Result<bool, kube::Error> {
        let manager = Some(crate::cluster::FIELD_MANAGER.to_owned());
        let data = Some(encode(cas));
        let written = if let Some(version) = version {
            let patch = serde_json::json!({ "metadata": { "resourceVersion": version }, "data": data });
            let params = PatchParams { field_manager: manager, ..PatchParams::default() };
            self.api.patch(&self.name, &params, &Patch::Merge(patch)).await.map(drop)
        } else {
            let mut secret = Secret { data, type_: Some("Opaque".into()), ..Secret::default() };
            secret.metadata.name = Some(self.name.clone());
            let params = PostParams { field_manager: manager, ..PostParams::default() };
            self.api.create(&params, &secret).await.map(drop)
        };
        crate::cluster::unless_conflict(written)
    }
}

fn encode(cas: &[Arc<Ca>]) -> BTreeMap<String, ByteString> {
    let entry = |key: &str, text: String| (key.to_owned(), ByteString(text.into_bytes()));
    let certificates = cas.iter().map(|ca| ca.pem()).collect();
    let keys = cas.iter().map(|ca| ca.key_pem()).collect();
    [entry(CERTIFICATES, certificates), entry(KEYS, keys)].into()
}

fn decode(data: &BTreeMap<String, ByteString>) -> (Vec<Arc<Ca>>, Option<Damage>) {
    let [certificates, keys] =
        [CERTIFICATES, KEYS].map(|key| data.get(key).map_or(&[][..], |entry| &entry.0));
    if certificates.is_empty() && keys.is_empty() {
        return (Vec::new(), None);
    }
    let mut damage = None;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(certificates).collect::<Result<_, _>>().unwrap_or_default();
    let keys: Vec<_> = PrivateKeyDer::pem_slice_iter(keys).collect::<Result<_, _>>().unwrap_or_default();
    if certificates.len() != keys.len() {
        damage = Some(Damage::Count { certificates: certificates.len(), keys: keys.len() });
    }
    if keys.is_empty() {
        damage = Some(Damage::NotPem(KEYS));
    }
    if certificates.is_empty() {
        damage = Some(Damage::NotPem(CERTIFICATES));
    }
    let mut cas = Vec::new();
    for (certificate, key) in certificates.into_iter().zip(&keys) {
        match Ca::from_der(certificate, key) {
            Ok(ca) => cas.push(Arc::new(ca)),
            Err(bad) => damage = Some(bad.into()),
        }
    }
    (cas, damage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn ca(name: &str) -> Arc<Ca> {
        Arc::new(Ca::new(name, SystemTime::now(), Duration::from_secs(3600)).unwrap())
    }

    fn names(cas: &[Arc<Ca>]) -> Vec<String> {
        cas.iter().map(|ca| ca.pem()).collect()
    }

    fn data(certificates: &str, keys: &str) -> BTreeMap<String, ByteString> {
        [(CERTIFICATES, certificates), (KEYS, keys)]
            .map(|(key, text)| (key.to_owned(), ByteString(text.into())))
            .into()
    }

    #[test]
    fn what_is_written_is_read() {
        let cas = [ca("one"), ca("two")];
        let (read, damage) = decode(&encode(&cas));
        assert_eq!((names(&read), damage), (names(&cas), None));
    }

    #[test]
    fn an_empty_secret_is_no_damage() {
        for data in [BTreeMap::new(), data("", "")] {
            let (cas, damage) = decode(&data);
            assert!(cas.is_empty() && damage.is_none());
        }
    }

    #[test]
    fn of_a_damaged_secret_the_good_is_kept_and_the_bad_is_told() {
        let (one, two) = (ca("one"), ca("two"));
        let both = one.pem() + &two.pem();
        for (data, kept, told) in [
            (data("garbage", &one.key_pem()), vec![], "ca.crt is missing or not PEM"),
            (data(&one.pem(), ""), vec![], "ca.key is missing or not PEM"),
            (
                data(&one.pem(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                vec![],
                "a key cannot be read",
            ),
            (data(&one.pem(), &two.key_pem()), vec![], "a key belongs to another certificate"),
            (
                data(&both, &(one.key_pem() + &one.key_pem())),
                vec![one.pem()],
                "a key belongs to another certificate",
            ),
            (data(&both, &one.key_pem()), vec![one.pem()], "2 certificates and 1 keys"),
        ] {
            let (cas, damage) = decode(&data);
            assert_eq!(names(&cas), kept, "{told}");
            assert_eq!(damage.unwrap().to_string(), told);
        }
    }
}
