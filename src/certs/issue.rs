//! Issuing certificates: a CA, and leaves it signs. Pure but for the random numbers of keys: the clock is passed in.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::time::{Duration, SystemTime};

/// Certificates begin this long before they are made, for callers whose clocks are behind.
const SKEW: Duration = Duration::from_secs(300);

/// A certificate authority that can sign.
#[derive(Debug)]
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A server's certificate and its key.
#[derive(Debug)]
pub struct Leaf {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

impl Ca {
    /// Makes a CA with an ECDSA P-256 key, valid from now for `life`.
    pub fn new(name: &str, now: SystemTime, life: Duration) -> Result<Self, rcgen::Error> {
        let mut params = params(name, now, life);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// The certificate, for those who are to trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Makes a server's certificate for these DNS names and IP addresses, valid from now for `life`.
    pub fn leaf(&self, names: &[&str], now: SystemTime, life: Duration) -> Result<Leaf, rcgen::Error> {
        let subject = names.first().copied().unwrap_or("server");
        let mut params = params(subject, now, life);
        let names: Vec<_> = names.iter().copied().map(String::from).collect();
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Leaf { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() })
    }
}

fn params(name: &str, now: SystemTime, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (now - SKEW).into();
    params.not_after = (now + life).into();
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::prelude::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_ca_may_sign_and_a_leaf_may_only_serve() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let ca = Ca::new("a CA", now, 365 * DAY).unwrap();
        let leaf = ca.leaf(&["localhost", "127.0.0.1", "::1"], now, 7 * DAY).unwrap();

        let (_, pem) = parse_x509_pem(ca.pem().as_bytes()).unwrap();
        let ca = pem.parse_x509().unwrap();
        let basic = ca.basic_constraints().unwrap().unwrap();
        assert!(basic.critical && basic.value.ca);
        assert_eq!(basic.value.path_len_constraint, Some(0));
        let usage = ca.key_usage().unwrap().unwrap().value;
        assert!(usage.key_cert_sign() && !usage.digital_signature());

        let (_, leaf) = parse_x509_certificate(&leaf.certificate).unwrap();
        assert_eq!(leaf.issuer(), ca.subject());
        let usage = leaf.key_usage().unwrap().unwrap().value;
        assert!(usage.digital_signature() && !usage.key_cert_sign());
        let extended = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.server_auth && !extended.client_auth && !extended.any);
        assert!(!leaf.is_ca());
        let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.contains(&GeneralName::DNSName("localhost")));
        assert!(names.contains(&GeneralName::IPAddress(&[127, 0, 0, 1])));
        assert_eq!(leaf.validity().not_before.timestamp(), 1_700_000_000 - 300);
        assert_eq!(leaf.validity().not_after.timestamp(), 1_700_000_000 + 7 * 24 * 3600);
        assert_eq!(leaf.public_key().algorithm.algorithm.to_id_string(), "1.2.840.10045.2.1");
    }
}
