//! Whose a session is, where the application cannot say.

use socketkit::{
    Gap, Handshake, Server, Status,
    test::{Kit, Node},
};
use std::time::Duration;
use tests::chat::{Chat, ClientEvent};

#[tokio::test(start_paused = true)]
async fn a_panic_of_identify_refuses_the_connection_as_that_of_authorize_does() {
    let panics = |by_identify: bool| {
        let server = Server::<Chat>::new()
            .authorize(async move |_: Handshake| -> Result<u64, socketkit::Reject> {
                assert!(by_identify, "nobody");
                Ok(7)
            })
            .identify(|user: &u64| if *user == 7 { panic!("nobody") } else { *user });
        Kit::new(server.fallback(async |_: ClientEvent| {}).build())
    };
    let mut refusals = Vec::new();
    for by_identify in [false, true] {
        let kit = panics(by_identify);
        let refusal = kit.connect_with(Node::FIRST, |builder| builder).await.unwrap_err();
        refusals.push(refusal.to_string());
        assert!(kit.io().is_empty());
    }
    assert_eq!(refusals[1], refusals[0]);
    assert!(refusals[1].contains("4500"), "{refusals:?}");
}

/// Somebody who cannot be compared.
#[derive(serde::Serialize)]
struct Odd;

impl PartialEq for Odd {
    fn eq(&self, _: &Self) -> bool {
        panic!("not comparable")
    }
}

impl Eq for Odd {}

#[tokio::test(start_paused = true)]
async fn somebody_whose_comparison_panics_is_somebody_else() {
    let server = Server::<Chat>::new().identify(|(): &()| Odd);
    let kit = Kit::new(server.fallback(async |_: ClientEvent| {}).build());
    let ada = kit.connect().await;
    ada.link().cut();
    ada.link().restore();
    // Long before the session has ended of itself.
    kit.advance(Duration::from_secs(10)).await;
    let status = ada.status().borrow().clone();
    assert!(matches!(status, Status::Reset { reason: Gap::Unknown, .. }), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_revoked_is_closed_everywhere_and_nobody_else() {
    let authorize = async |handshake: Handshake| -> Result<u64, socketkit::Reject> {
        Ok(handshake.token().and_then(|token| token.parse().ok()).unwrap_or_default())
    };
    let server = Server::<Chat>::new().authorize(authorize).identify(|user: &u64| *user);
    let kit = Kit::new(server.fallback(async |_: ClientEvent| {}).build());
    let of = async |user: u64| {
        kit.connect_with(Node::FIRST, |builder| builder.token(user.to_string())).await.unwrap()
    };
    let (here, away, other) = (of(7).await, of(7).await, of(8).await);
    away.link().cut();
    assert_eq!(kit.io().revoke(&7_u32), 0, "it is of another type");
    assert_eq!(kit.io().revoke(&7_u64), 2);
    kit.advance(Duration::from_millis(10)).await;
    let status = here.status().borrow().clone();
    assert!(matches!(&status, Status::Closed { reason, .. } if reason == "revoked"), "{status:?}");
    away.link().restore();
    kit.advance(Duration::from_secs(30)).await;
    assert!(matches!(&*away.status().borrow(), Status::Reset { reason: Gap::Unknown, .. }));
    assert_eq!(*other.status().borrow(), Status::Open);
    assert_eq!(kit.io().len(), 2);
}
