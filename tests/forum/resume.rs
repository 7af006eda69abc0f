//! The forum's page in a session that resumes, against a server that does what each test tells it.

use std::fs;

use tests::browser::{Browser, Page, Result};
use tests::stage::{Peer, Stage};

use crate::has;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The page, connected and with one post.
async fn open() -> Result<(Browser, Page, Stage, Peer)> {
    let mut files = Vec::new();
    for (mount, folder) in [("/", "examples/forum/public"), ("/ws/", "socketkit/src/browser")] {
        for entry in fs::read_dir(format!("{FOLDER}/{folder}")).expect("a folder") {
            let path = entry.expect("a file").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let name = if name == "index.html" { "" } else { name };
            let text = fs::read_to_string(&path).expect("a text");
            files.push((
                format!("{mount}{name}"),
                text.replace("\"__CONTRACT__\"", r#"{"schema":"of this page"}"#),
            ));
        }
    }
    files.push(("/ws/contract.json".to_owned(), r#"{"client":{},"server":{}}"#.to_owned()));
    let mut stage = Stage::open(files).await;
    let browser = Browser::launch().await?;
    let page = browser.window().await?;
    page.goto(&stage.url("/")).await?;
    let mut peer = stage.accept().await;
    peer.welcome(r#""token":"t""#).await;
    peer.send(&format!(r#"{{"event":"history","data":[{}]}}"#, post(1))).await;
    page.wait_until(&has("post 1")).await?;
    page.eval("Math.random = () => 0").await?;
    Ok((browser, page, stage, peer))
}

fn post(id: u32) -> String {
    format!(r#"{{"id":{id},"author":"bob","body":"post {id}","at":{id}}}"#)
}

fn update(id: u32) -> String {
    format!(r#"{{"event":"post_update","data":{}}}"#, post(id))
}

const BANNER: &str = "document.querySelector('#banner')";

#[tokio::test]
async fn it_says_how_many_posts_it_has_caught_up_with() -> Result {
    let (_browser, page, mut stage, peer) = open().await?;
    drop(peer);
    page.wait_until(&format!("{BANNER}.textContent.includes('lost') && !{BANNER}.hidden")).await?;
    let mut peer = stage.accept().await;
    peer.welcome(r#""token":"t","seen":0,"replay":4"#).await;
    for frame in [r#"{"event":"online","data":2}"#, &update(2), r#"{"seen":0}"#, r#"{"reply":9}"#] {
        peer.send(frame).await;
    }
    page.wait_until(&has("post 2")).await?;
    assert_eq!(page.eval(&format!("{BANNER}.hidden")).await?, true, "one is still to come");
    peer.send(&update(3)).await;
    page.wait_until(&format!("{BANNER}.textContent == 'Caught up: 2 posts' && !{BANNER}.hidden"))
        .await?;
    // What comes after that is news.
    peer.send(&update(4)).await;
    page.wait_until(&has("post 4")).await?;
    assert_eq!(page.eval(&format!("{BANNER}.textContent")).await?, "Caught up: 2 posts");
    page.wait_until(&format!("{BANNER}.hidden")).await?;
    // Who has missed nothing is told nothing.
    drop(peer);
    let mut peer = stage.accept().await;
    peer.welcome(r#""token":"t","seen":0"#).await;
    peer.send(&update(5)).await;
    page.wait_until(&has("post 5")).await?;
    assert_eq!(page.eval(&format!("{BANNER}.hidden")).await?, true);
    assert_eq!(page.complaints(), [] as [&str; 0]);
    Ok(())
}

#[tokio::test]
async fn the_history_of_a_new_session_is_all_there_is() -> Result {
    let (_browser, page, mut stage, mut peer) = open().await?;
    for id in 2..=4 {
        peer.send(&update(id)).await;
    }
    page.wait_until(&has("post 4")).await?;
    page.click("[data-id='3'] [data-action=thread]").await?;
    page.fill("[data-id='3'] textarea", "in the making").await?;
    page.fill("#author", "ada").await?;
    drop(peer);
    page.wait_until(&format!("!{BANNER}.hidden")).await?;
    // Written while away, it is sent in the new session.
    page.fill("#body", "on its way").await?;
    page.click("#submit").await?;
    let mut peer = stage.accept().await;
    peer.welcome(r#""token":"t-2","gap":"unknown""#).await;
    peer.send(&format!(r#"{{"event":"history","data":[{},{}]}}"#, post(7), post(8))).await;
    page.wait_until(&has("post 8")).await?;
    let shown = "[...document.querySelectorAll('#posts > article > .body')].map(body => body.textContent).join()";
    // But for what somebody writes in.
    assert_eq!(page.eval(shown).await?, "on its way,post 8,post 7,post 3");
    assert_eq!(page.eval(&format!("{BANNER}.hidden")).await?, true);
    page.fill("[data-id='3'] textarea", "").await?;
    page.click("#author").await?;
    peer.send(&format!(r#"{{"event":"history","data":[{}]}}"#, post(8))).await;
    page.wait_until(&format!("{shown} == 'on its way,post 8'")).await
}

#[tokio::test]
async fn it_says_that_a_new_version_is_there() -> Result {
    let (_browser, page, mut stage, peer) = open().await?;
    let update = "document.querySelector('#update')";
    assert_eq!(page.eval(&format!("{update}.hidden")).await?, true);
    drop(peer);
    let mut peer = stage.accept().await;
    peer.welcome(r#""token":"t","seen":0,"schema":"of another version""#).await;
    page.wait_until(&format!("!{update}.hidden")).await?;
    page.eval("window.isOld = true").await?;
    page.click("#update button").await?;
    page.wait_until("document.readyState == 'complete' && !window.isOld").await?;
    assert_eq!(page.complaints(), [] as [&str; 0]);
    Ok(())
}
