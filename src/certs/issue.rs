//! Issuing certificates: a CA, and leaves it signs. Pure but for the random numbers of keys: the clock is passed in.

use super::system_time;
use base64_simd::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::time::{Duration, SystemTime};

/// Certificates begin this long before they are made, for callers whose clocks are behind.
pub const SKEW: Duration = Duration::from_secs(300);

/// A certificate authority that can sign.
// The issuer's own `Debug` leaves the key out.
#[derive(Debug)]
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    made: SystemTime,
    ends: SystemTime,
}

/// A server's certificate and its key.
#[derive(Debug)]
pub struct Leaf {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// A certificate as PEM.
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = STANDARD.encode_to_string(certificate);
    while !rest.is_empty() {
        let after = rest.split_off(rest.len().min(64));
        pem += &rest;
        pem.push('\n');
        rest = after;
    }
    pem + "-----END CERTIFICATE-----\n"
}

/// Why a certificate and a key make no CA.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCa {
    /// It cannot be read.
    #[error("a certificate cannot be read")]
    Certificate,
    /// It may not sign others.
    #[error("a certificate is not a CA's")]
    NotCa,
    /// The key cannot be read.
    #[error("a key cannot be read")]
    Key,
    /// They don't belong together.
    #[error("a key belongs to another certificate")]
    Mismatch,
}

impl Ca {
    /// Makes a CA with an ECDSA P-256 key, valid from now for `life`.
    pub fn new(name: &str, now: SystemTime, life: Duration) -> Result<Self, rcgen::Error> {
        let mut params = params(name, now, life);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?.der().clone();
        let [made, ends] = [now, now + life].map(whole_seconds);
        Ok(Self { issuer: Issuer::new(params, key), certificate, made, ends })
    }

    /// The CA that these belong to.
    pub fn from_der(certificate: CertificateDer<'static>, key: &PrivateKeyDer<'_>) -> Result<Self, BadCa> {
        let (_, x509) = x509_parser::parse_x509_certificate(&certificate).map_err(|_| BadCa::Certificate)?;
        if !x509.is_ca() {
            return Err(BadCa::NotCa);
        }
        let key = KeyPair::try_from(key).map_err(|_| BadCa::Key)?;
        if x509.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(BadCa::Mismatch);
        }
        let [begins, ends] =
            [x509.validity().not_before, x509.validity().not_after].map(|time| system_time(time.timestamp()));
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| BadCa::Certificate)?;
        Ok(Self { issuer, certificate, made: begins + SKEW, ends })
    }

    /// The certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate as PEM, for those who are to trust it.
    pub fn pem(&self) -> String {
        pem(&self.certificate)
    }

    /// The private key as PEM: for the Secret, and never for a log.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// When it was made.
    pub fn made(&self) -> SystemTime {
        self.made
    }

    /// When it ends.
    pub fn ends(&self) -> SystemTime {
        self.ends
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

/// Certificates know no fractions of a second.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
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
    #[test]
    fn a_ca_that_was_stored_signs_on() {
        use rustls::pki_types::pem::PemObject;
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        let made = Ca::new("a CA", now, 365 * DAY).unwrap();
        let certificate = CertificateDer::from_pem_slice(made.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(made.key_pem().as_bytes()).unwrap();
        let read = Ca::from_der(certificate.clone(), &key).unwrap();
        assert_eq!((read.made(), read.ends(), read.pem()), (made.made(), made.ends(), made.pem()));

        let leaves = [&made, &read].map(|ca| ca.leaf(&["localhost"], now, DAY).unwrap().certificate);
        let [one, other] = leaves.each_ref().map(|leaf| parse_x509_certificate(leaf).unwrap().1);
        assert_eq!(one.issuer(), other.issuer());
        let key_id = |leaf: &X509Certificate<'_>| {
            let identifier = leaf
                .extensions()
                .iter()
                .find(|e| e.oid == oid_registry::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER);
            identifier.unwrap().value.to_vec()
        };
        assert_eq!(key_id(&one), key_id(&other));

        let other = Ca::new("a CA", now, DAY).unwrap();
        assert_eq!(Ca::from_der(other.certificate().clone(), &key).unwrap_err(), BadCa::Mismatch);
        let leaf = made.leaf(&["localhost"], now, DAY).unwrap();
        assert_eq!(Ca::from_der(leaf.certificate, &leaf.key).unwrap_err(), BadCa::NotCa);
        assert_eq!(Ca::from_der(vec![1, 2, 3].into(), &key).unwrap_err(), BadCa::Certificate);
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }
}
