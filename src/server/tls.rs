//! TLS as the API server speaks it.

use crate::certs::Served;
use rustls::{ServerConfig, server::NoServerSessionStorage};
use std::sync::Arc;

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, the certificate of the moment, and no resumption: the API server never
/// resumes, and each ticket costs as much as a review.
pub(crate) fn config(certificates: Arc<Served>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
