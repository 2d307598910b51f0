//! Whether an API server with a given `caBundle` trusts the certificate that is served.

use super::Pair;
use rustls::{
    CertificateError, Error, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier, verify_server_name},
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Checks a pair as the API server does when it calls `host`.
///
/// # Errors
///
/// Why it ends the handshake. What only this check might refuse (an algorithm it does not know) is left to the API server.
pub(super) fn check(
    pair: &Pair,
    bundle: &[CertificateDer<'static>],
    host: &str,
    now: SystemTime,
) -> Result<(), String> {
    let mut chain = pair.chain().iter();
    let leaf = chain.next().ok_or("there is no certificate")?;
    let name = ServerName::try_from(host).map_err(|_| format!("{host} is no name of a host"))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(bundle.iter().cloned());
    let unknown = || "it does not hold the CA of the certificate being served".to_owned();
    let Ok(verifier) =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build()
    else {
        return Err(unknown());
    };
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    let checked = verifier.verify_server_cert(leaf, chain.as_slice(), &name, &[], now);
    // A CA's own certificate, as `openssl req -x509` makes them, this check never takes for a server's, and the API server does.
    let is_own_ca = x509_parser::parse_x509_certificate(leaf)
        .is_ok_and(|(_, leaf)| leaf.is_ca() && leaf.issuer() == leaf.subject());
    match checked {
        // Of another CA of the same name the signature is wrong. A certificate that signs itself may be in the bundle as it is.
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature))
            if !bundle.contains(leaf) =>
        {
            return Err(unknown());
        }
        Err(_) if is_own_ca && !bundle.contains(leaf) => return Err(unknown()),
        _ => {}
    }
    match ParsedCertificate::try_from(leaf).and_then(|leaf| verify_server_name(&leaf, &name)) {
        Err(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Err(format!("the certificate being served is not for {host}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::issue::Ca;
    use rcgen::{CertificateParams, KeyPair};
    use std::time::Duration;

    const HOST: &str = "injector.datadog-agent.svc";
    const LIFE: Duration = Duration::from_secs(3600);

    fn ca() -> Ca {
        Ca::new("a test", SystemTime::now(), LIFE).unwrap()
    }

    fn pair(ca: &Ca, host: &str) -> Pair {
        let leaf = ca.leaf(&[host], SystemTime::now(), LIFE).unwrap();
        Pair::new(vec![leaf.certificate], leaf.key).unwrap()
    }

    fn checked(pair: &Pair, bundle: &[&Ca]) -> Result<(), String> {
        let bundle: Vec<_> = bundle.iter().map(|ca| ca.certificate().clone()).collect();
        check(pair, &bundle, HOST, SystemTime::now())
    }

    #[test]
    fn a_bundle_with_the_ca_trusts_whatever_else_is_in_it() {
        let (ours, other) = (ca(), ca());
        let pair = pair(&ours, HOST);
        assert_eq!(checked(&pair, &[&ours]), Ok(()));
        assert_eq!(checked(&pair, &[&other, &ours]), Ok(()));
        for without in [&[][..], &[&other][..]] {
            assert!(checked(&pair, without).unwrap_err().contains("does not hold the CA"));
        }
    }

    #[test]
    fn a_certificate_for_another_name_is_not_trusted() {
        let ours = ca();
        let error = checked(&pair(&ours, "localhost"), &[&ours]).unwrap_err();
        assert_eq!(error, format!("the certificate being served is not for {HOST}"));
    }

    #[test]
    fn a_ca_that_is_served_itself_is_checked_like_any_other() {
        let made = |host: &str| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new([host.to_owned()]).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let own = params.self_signed(&key).unwrap().der().clone();
            (Pair::new(vec![own.clone()], key.serialize_der().try_into().unwrap()).unwrap(), own)
        };
        let ((pair, own), (other, yesterdays)) = (made(HOST), made("localhost"));
        let check = |pair: &Pair, bundle: &CertificateDer<'static>| {
            super::check(pair, std::slice::from_ref(bundle), HOST, SystemTime::now())
        };
        assert_eq!(check(&pair, &own), Ok(()));
        assert!(check(&pair, &yesterdays).unwrap_err().contains("does not hold the CA"));
        assert!(check(&other, &yesterdays).unwrap_err().contains("is not for"));
    }

    #[test]
    fn a_ca_that_another_one_signed_is_left_to_the_api_server() {
        let params = || {
            let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
        };
        let mut above = params();
        above.distinguished_name.push(rcgen::DnType::CommonName, "above");
        let above = rcgen::CertifiedIssuer::self_signed(above, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = params().signed_by(&key, &above).unwrap().der().clone();
        let pair = Pair::new(vec![leaf], key.serialize_der().try_into().unwrap()).unwrap();
        assert_eq!(check(&pair, &[above.der().clone()], HOST, SystemTime::now()), Ok(()));
    }

    #[test]
    fn a_certificate_that_signs_itself_is_trusted_where_it_is_in_the_bundle() {
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new([HOST.to_owned()]).unwrap().self_signed(&key).unwrap();
        let der = own.der().clone();
        let pair = Pair::new(vec![der.clone()], key.serialize_der().try_into().unwrap()).unwrap();
        assert_eq!(check(&pair, &[der], HOST, SystemTime::now()), Ok(()));
        assert!(check(&pair, &[ca().certificate().clone()], HOST, SystemTime::now()).is_err());
    }
}
