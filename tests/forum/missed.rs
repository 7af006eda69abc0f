//! What a page shows of the posts that it has missed: the running forum behind a network that fails.

use std::net::SocketAddr;

use serde_json::json;
use tests::browser::{Page, Result};
use tests::proxy::{Cut, Proxy, Way};
use tests::raw::Plain;

use crate::{Stage, has, post};

const BANNER: &str = "document.querySelector('#banner')";

/// A page that reaches the forum through a proxy, and somebody else who reaches it directly.
struct Visit {
    stage: Stage,
    proxy: Proxy,
    page: Page,
    other: Plain,
    /// Posts of the other one.
    posted: u32,
}

impl Visit {
    /// One post is there.
    async fn begin() -> Result<Self> {
        let stage = Stage::open().await?;
        let proxy = Proxy::to(addr(&stage)).await;
        let page = stage.browser.stranger().await?;
        page.goto(&format!("http://{}/", proxy.addr())).await?;
        page.wait_until("document.querySelector('#online').value > 0").await?;
        page.fill("#author", "ada").await?;
        // Pauses of 200 ms at most.
        page.eval("Math.random = () => 0.01").await?;
        let other = Plain::greeted(addr(&stage)).await;
        let mut visit = Self { stage, proxy, page, other, posted: 0 };
        visit.post(1).await;
        visit.page.wait_until(&has("post 1")).await?;
        Ok(visit)
    }

    /// The other one posts so many, and has an answer to each.
    async fn post(&mut self, count: u32) {
        for _ in 0..count {
            self.posted += 1;
            self.say(&format!("post {}", self.posted)).await;
        }
    }

    async fn say(&mut self, body: &str) {
        let data = json!({ "author": "bob", "body": body });
        self.other.send(json!({ "event": "submit_post", "id": 1, "data": data }).to_string()).await;
        while self.other.next().await["reply"] != 1 {}
    }

    /// The page posts; the forum has it, and the answer is on its way.
    async fn post_unanswered(&mut self, text: &str) -> Result {
        self.proxy.freeze(Way::Down);
        post(&self.page, text).await?;
        while self.other.next().await["data"]["body"] != text {}
        Ok(())
    }

    /// Cuts the page off until its proxy is [restored](Proxy::restore).
    async fn lose(&self) -> Result {
        self.proxy.refuse();
        self.proxy.cut(Cut::Rst);
        self.shows("Connection lost. Reconnecting…").await
    }

    async fn shows(&self, banner: &str) -> Result {
        self.page
            .wait_until(&format!("!{BANNER}.hidden && {BANNER}.textContent == {banner:?}"))
            .await
    }

    /// What the posts on the page say, the newest first.
    async fn list(&self) -> Result<Vec<String>> {
        let list = "[...document.querySelectorAll('#posts > article')].map(post => post.querySelector('.body').textContent)";
        let list = self.page.eval(list).await?;
        Ok(serde_json::from_value(list).expect("texts"))
    }

    /// Kills the forum; another takes its place, with its file, behind the proxy.
    async fn restart(&mut self) {
        self.stage.restart();
        self.other = Plain::greeted(addr(&self.stage)).await;
    }
}

fn addr(stage: &Stage) -> SocketAddr {
    stage.forum().address().parse().expect("an address")
}

/// The posts with these numbers, the newest first.
fn posts(numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.rev().map(|number| format!("post {number}")).collect()
}

#[tokio::test]
async fn who_comes_back_is_told_how_many_posts_were_missed_and_has_each_once() -> Result {
    let mut visit = Visit::begin().await?;
    // One's own posts are no news: neither one that is answered meanwhile, nor one that waits.
    visit.post_unanswered("sent").await?;
    visit.lose().await?;
    post(&visit.page, "waits").await?;
    visit.post(3).await;
    visit.proxy.calm();
    visit.shows("Caught up: 3 posts").await?;
    visit.page.wait_until(&has("waits")).await?;
    let mut shown: Vec<_> =
        ["waits", "post 4", "post 3", "post 2", "sent", "post 1"].map(String::from).into();
    assert_eq!(visit.list().await?, shown);
    visit.page.wait_until(&format!("{BANNER}.hidden")).await?;
    // Who has missed none is told nothing.
    visit.lose().await?;
    visit.proxy.restore();
    visit.page.wait_until(&format!("{BANNER}.hidden")).await?;
    visit.post(1).await;
    visit.page.wait_until(&has("post 5")).await?;
    shown.insert(0, "post 5".into());
    assert_eq!(visit.list().await?, shown);
    assert_eq!(visit.page.eval(&format!("{BANNER}.hidden")).await?, true);
    Ok(())
}

#[tokio::test]
async fn what_a_replay_has_brought_before_it_was_cut_short_is_counted_as_well() -> Result {
    let mut visit = Visit::begin().await?;
    visit.lose().await?;
    visit.post(30).await;
    visit.proxy.hold();
    visit.proxy.restore();
    let link = loop {
        let link = visit.proxy.accepted().await;
        if !link.is_over() {
            break link;
        }
    };
    // The answer, `hello`, and some of the posts.
    link.cut_after(Way::Down, 1_500, Cut::Rst);
    link.release();
    link.ended().await;
    visit.page.wait_until(&format!("!({})", has("post 31"))).await?;
    visit.page.wait_until(&has("post 3")).await?;
    visit.proxy.release();
    visit.shows("Caught up: 30 posts").await?;
    assert_eq!(visit.list().await?, posts(1..=31));
    Ok(())
}

#[tokio::test]
async fn a_killed_forum_gives_its_whole_list_anew() -> Result {
    let mut visit = Visit::begin().await?;
    visit.post_unanswered("unanswered").await?;
    visit.lose().await?;
    visit.post(2).await;
    visit.restart().await;
    visit.post(2).await;
    visit.proxy.calm();
    visit.page.wait_until(&has("post 5")).await?;
    let shown = ["post 5", "post 4", "post 3", "post 2", "unanswered", "post 1"];
    assert_eq!(visit.list().await?, shown);
    visit.page.wait_until(&format!("{BANNER}.hidden")).await?;
    // It is given back, in case that it is not there.
    visit.page.wait_until("document.querySelector('#body').value == 'unanswered'").await?;
    visit
        .page
        .wait_until(
            "document.querySelector('[data-error=body]').textContent.startsWith('No answer came')",
        )
        .await?;
    visit.post(1).await;
    visit.page.wait_until(&has("post 6")).await?;
    assert_eq!(visit.list().await?.len(), shown.len() + 1);
    Ok(())
}

#[tokio::test]
async fn who_misses_more_than_is_kept_has_the_newest_posts_each_once() -> Result {
    let mut visit = Visit::begin().await?;
    // All of it is on its way, and the server remembers 256 KiB of that.
    visit.proxy.freeze(Way::Down);
    let texts: Vec<_> = (0..160).map(|number| format!("{number:0>2000}")).collect();
    for text in &texts {
        visit.say(text).await;
    }
    visit.lose().await?;
    visit.proxy.calm();
    visit.page.wait_until(&has(&texts[159])).await?;
    let newest: Vec<_> = texts[60..].iter().rev().cloned().collect();
    assert!(visit.list().await? == newest, "the newest hundred");
    visit.page.wait_until(&format!("{BANNER}.hidden")).await?;
    visit.post(1).await;
    visit.page.wait_until(&has("post 2")).await?;
    assert_eq!(visit.list().await?.len(), 101);
    Ok(())
}
