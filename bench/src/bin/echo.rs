//! The limit as a server: TLS and HTTP as the product has them, one thread, and no more of a decision than the uid.

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use injector_bench::echo;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{env, sync::Arc};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9401".into());
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()));
    let mut tls =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(&address, TlsAcceptor::from(Arc::new(tls))))
}

async fn serve(address: &str, tls: TlsAcceptor) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (tcp, _) = listener.accept().await?;
        // A connection that fails ends alone; there is nobody to tell.
        tokio::spawn(connection(tcp, tls.clone()));
    }
}

async fn connection(tcp: TcpStream, tls: TlsAcceptor) -> Result<()> {
    tcp.set_nodelay(true)?;
    let io = TokioIo::new(tls.accept(tcp).await?);
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new());
    Ok(http.serve_connection(io, service_fn(answer)).await?)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let body = request.into_body().collect().await?.to_bytes();
    let (status, text) = match echo::review(&body) {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string().into_bytes()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}
