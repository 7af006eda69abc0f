//! The places that events have in a cluster with a log, and a session that another node goes on with.

use tests::browser::Result;
use tests::stage::Peer;

use crate::scene::Scene;

fn place(node: u32, number: u32) -> String {
    format!("{node:016x}{number:012x}")
}

/// Sends an event of a node.
async fn tell(peer: &mut Peer, node: u32, number: u32) {
    let at = place(node, number);
    peer.send(&format!(r#"{{"event":"history","at":"{at}","data":{node}}}"#)).await;
}

#[tokio::test]
async fn a_page_says_what_it_has_seen_and_another_node_goes_on_with_its_session() -> Result {
    let (mut scene, mut peer) = Scene::resumable().await?;
    scene
        .page
        .eval("pending = failure(socket.call('watch', 1)); socket.on('history', keep); 0")
        .await?;
    peer.json().await;
    // One more than it keeps, one of which comes again, and what is no place.
    for node in 1..=99 {
        tell(&mut peer, node, 1).await;
    }
    tell(&mut peer, 1, 2).await;
    tell(&mut peer, 100, 1).await;
    for none in [r#""0000000000000000000000000000""#, r#""00000000000000FF000000000001""#, "7"] {
        peer.send(&format!(r#"{{"event":"history","at":{none},"data":0}}"#)).await;
    }
    scene.page.wait_until("got.length == 104").await?;
    drop(peer);
    let others = (3..=99).map(|node| place(node, 1));
    let seen: Vec<_> = others.chain([place(1, 2), place(100, 1)]).collect();
    let mut peer = scene.returns(&format!("resume.t-1_A.104.1.{}", seen.join("."))).await;
    peer.welcome(r#""token":"t-2","gap":"recovered""#).await;
    tell(&mut peer, 100, 2).await;
    scene.page.wait_until("got.length == 105").await?;
    let state = "[socket.state.value, socket.state.reason, socket.state.unconfirmed]";
    assert_eq!(scene.page.eval(state).await?.to_string(), r#"["reset","recovered",1]"#);
    assert_eq!(scene.page.eval("pending").await?.to_string(), r#"["lost","connection lost"]"#);
    // It still knows, in a session that has begun anew.
    drop(peer);
    let seen = [&seen[..98], &[place(100, 2)]].concat().join(".");
    scene.returns(&format!("resume.t-2.1.1.{seen}")).await;
    scene.quietly("states.at(-1) == 'connecting'").await
}

#[tokio::test]
async fn who_joins_a_shared_session_that_has_moved_is_told_what_came_before() -> Result {
    let (mut scene, mut peer) = Scene::sharing().await?;
    tell(&mut peer, 1, 1).await;
    scene.got("[1]").await?;
    drop(peer);
    let mut peer = scene.returns(&format!("resume.t.1.1.{}", place(1, 1))).await;
    peer.welcome(r#""token":"u","gap":"recovered""#).await;
    tell(&mut peer, 2, 1).await;
    scene.got("[1, 2]").await?;
    let state = "[socket.state.value, socket.state.reason]";
    assert_eq!(scene.page.eval(state).await?.to_string(), r#"["reset","recovered"]"#);
    let late = scene.browser.window().await?;
    late.goto(&scene.stage.url("/")).await?;
    late.wait_until("window.start").await?;
    late.eval("start(undefined, { shared: true }); socket.on('history', keep); 0").await?;
    late.wait_until("got.join() == '1,2' && socket.state.value == 'open'").await?;
    assert_eq!(late.complaints(), [] as [&str; 0]);
    // For a page that was put away, and is told everything again, nothing has gone on.
    scene
        .page
        .eval(
            "for (const type of ['pagehide', 'pageshow'])
        dispatchEvent(new PageTransitionEvent(type, { persisted: true })); 0",
        )
        .await?;
    scene.got("[1, 2, 1, 2]").await?;
    assert_eq!(scene.page.eval(state).await?.to_string(), r#"["reset","unknown"]"#);
    scene.quietly("socket.state.value == 'reset'").await
}
