//! `wss://`: the Rust client over TLS, to a service behind a TLS stream.

use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use socketkit::{Client, Server};
use std::sync::Arc;
use tests::chat::{Chat, ClientEvent, client_event::*, soon};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::PrivateKeyDer},
};

/// A service behind TLS on a free port, and the certificate that it shows.
async fn listen() -> (u16, rcgen::Certificate) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let service =
        Server::<Chat>::new().on(async |ask: Ask| ask.text).fallback(async |_: ClientEvent| {});
    let service = TowerToHyperService::new(service.build());
    let listener = tokio::net::TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), service.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
            });
        }
    });
    (port, cert)
}

#[tokio::test]
async fn a_client_calls_over_tls_and_trusts_whom_it_was_told_to() {
    let (port, cert) = listen().await;
    let url = format!("wss://localhost:{port}/ws");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let client = soon(Client::<Chat>::builder(&url).tls(config).connect()).await.unwrap();
    let long = "x".repeat(50_000);
    assert_eq!(soon(client.call(Ask { text: long.clone() })).await.unwrap(), long);
    soon(client.close()).await;
    let stranger = soon(Client::<Chat>::connect(&url)).await.unwrap_err();
    let why = std::error::Error::source(&stranger).unwrap().to_string();
    assert!(why.contains("certificate"), "{why}");
}
