//! The API server's side of a review: HTTP/1.1 over TLS 1.3, no resumption, connections kept.

use anyhow::{Context, Result, bail, ensure};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Go's client writes through a buffer of this size, whose overflow then goes out in large pieces.
const FIRST_WRITE: usize = 4096;

/// A webhook, and the review that it is asked.
pub struct Target {
    address: String,
    head: Vec<u8>,
    body: Vec<u8>,
    tls: TlsConnector,
}

impl Target {
    /// A webhook by its `https://HOST:PORT/PATH`.
    ///
    /// # Errors
    ///
    /// The URL is another.
    pub fn new(url: &str, body: Vec<u8>) -> Result<Self> {
        let rest = url.strip_prefix("https://").context("the URL must begin with https://")?;
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let head = format!(
            "POST /{path}?timeout=10s HTTP/1.1\r\nHost: {address}\r\nUser-Agent: kube-apiserver-admission\r\n\
             Content-Length: {}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n\
             Accept-Encoding: gzip\r\n\r\n",
            body.len()
        );
        let mut provider = rustls::crypto::ring::default_provider();
        // Go's order where the processor has AES instructions.
        provider.cipher_suites.sort_by_key(|suite| !format!("{:?}", suite.suite()).contains("AES_128_GCM"));
        let mut tls = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls.resumption = rustls::client::Resumption::disabled();
        Ok(Self {
            address: address.to_owned(),
            head: head.into_bytes(),
            body,
            tls: TlsConnector::from(Arc::new(tls)),
        })
    }
}

/// A connection to a webhook.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    checked: bool,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the handshake fails.
    pub async fn open(target: &Target) -> Result<Self> {
        let tcp = TcpStream::connect(&target.address).await?;
        tcp.set_nodelay(true)?;
        let stream = target.tls.connect(ServerName::try_from("localhost")?, tcp).await?;
        Ok(Self { stream, buffer: Vec::with_capacity(32 << 10), checked: false })
    }

    /// Sends the review and reads the answer, whose length it returns. The first answer of a connection must allow the pod; of
    /// later ones only the status is looked at.
    ///
    /// # Errors
    ///
    /// The answer is another, or none comes.
    pub async fn ask(&mut self, target: &Target) -> Result<usize> {
        let room = FIRST_WRITE.saturating_sub(target.head.len()).min(target.body.len());
        let (first, rest) = target.body.split_at(room);
        self.buffer.clear();
        self.buffer.extend_from_slice(&target.head);
        self.buffer.extend_from_slice(first);
        self.stream.write_all(&self.buffer).await?;
        self.stream.write_all(rest).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        let end = loop {
            self.more().await?;
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let length = content_length(&self.buffer[..end])?;
        while self.buffer.len() < end + length {
            self.more().await?;
        }
        if !std::mem::replace(&mut self.checked, true) {
            let answer = str::from_utf8(&self.buffer[end..])?;
            ensure!(answer.contains(r#""allowed":true"#), "the answer does not allow the pod");
        }
        Ok(length)
    }

    async fn more(&mut self) -> Result<()> {
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the connection was closed");
        Ok(())
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = str::from_utf8(head)?;
    ensure!(head.starts_with("HTTP/1.1 200"), "the status is {}", head.lines().next().unwrap_or_default());
    for (name, value) in head.lines().filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(value.trim().parse()?);
        }
    }
    bail!("the answer has no length")
}

/// Load is measured here, not trust.
#[derive(Debug)]
struct AnyCertificate(CryptoProvider);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
