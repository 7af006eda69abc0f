//! The forum, end to end: the built example in real browser windows.

#[path = "forum/missed.rs"]
mod missed;
#[path = "forum/resume.rs"]
mod resume;

use tests::browser::{Browser, Page, Result};
use tests::process::Example;

struct Stage {
    forum: Option<Example>,
    browser: Browser,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn open() -> Result<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let forum = Example::start("forum", "127.0.0.1:0", &folder.path().join("forum.redb"));
        Ok(Self { forum: Some(forum), browser: Browser::launch().await?, folder })
    }

    async fn visit(&self, name: &str) -> Result<Page> {
        let page = self.browser.stranger().await?;
        page.goto(&self.forum().url("/")).await?;
        page.wait_until("document.querySelector('#online').value > 0").await?;
        page.fill("#author", name).await?;
        Ok(page)
    }

    /// Kills the forum and starts it again at its address.
    fn restart(&mut self) {
        let address = self.forum().address().to_owned();
        // The old one is gone before the new one opens the file.
        drop(self.forum.take());
        let data = self.folder.path().join("forum.redb");
        self.forum = Some(Example::start("forum", &address, &data));
    }

    fn forum(&self) -> &Example {
        self.forum.as_ref().expect("it runs")
    }
}

async fn post(page: &Page, text: &str) -> Result {
    page.fill("#body", text).await?;
    page.click("#submit").await
}

/// Whether a confirmed post is on a page.
fn has(text: &str) -> String {
    format!(
        "[...document.querySelectorAll('#posts > article[data-id] > .body')].some(body => body.textContent == {text:?})"
    )
}

#[tokio::test]
async fn a_post_made_in_one_window_appears_in_the_other() -> Result {
    let stage = Stage::open().await?;
    let (ada, bob) = (stage.visit("ada").await?, stage.visit("bob").await?);
    ada.wait_until("document.querySelector('#online').value == 2").await?;
    post(&ada, "hello from ada").await?;
    for page in [&ada, &bob] {
        page.wait_until(&has("hello from ada")).await?;
    }
    post(&bob, "hello from bob").await?;
    for page in [&ada, &bob] {
        page.wait_until(&has("hello from bob")).await?;
        let count = page.eval("document.querySelectorAll('#posts > article').length").await?;
        assert_eq!(count, 2, "each post is there once");
        assert_eq!(page.complaints(), [] as [&str; 0]);
    }
    picture(&stage, &ada, &bob).await
}

/// Both windows beside each other, as the README shows them: `SCREENSHOT=1` writes it anew.
async fn picture(stage: &Stage, ada: &Page, bob: &Page) -> Result {
    if std::env::var_os("SCREENSHOT").is_none() {
        return Ok(());
    }
    ada.wait_until("document.querySelector('#who').textContent == 'Here: ada and bob'").await?;
    let chapter = "The chapter on pinning is the best explanation so far.";
    post(ada, chapter).await?;
    ada.wait_until(&has(chapter)).await?;
    ada.click("#posts > article [data-action=thread]").await?;
    ada.fill("#posts > article textarea", "Agreed, I finally got it.").await?;
    ada.click("#posts > article [data-action=reply]").await?;
    ada.wait_until("document.querySelector('.replies > *')").await?;
    bob.dark(true).await?;
    bob.fill("#body", "Is there a second edi").await?;
    ada.wait_until("document.querySelector('#typing').textContent").await?;
    bob.click("#drawer > summary").await?;
    let mut images = String::new();
    for (name, page) in [("ada", ada), ("bob", bob)] {
        page.viewport(560, 760).await?;
        page.eval("document.getAnimations().forEach(moving => moving.finish()); scrollTo(0, 0)")
            .await?;
        let file = stage.folder.path().join(format!("{name}.png"));
        page.screenshot(&file).await?;
        images += &format!(
            "<img src='{name}.png' style='border-radius:12px;box-shadow:0 4px 24px #0004'>"
        );
    }
    let html = format!(
        "<body style='margin:0;padding:24px;background:#8d857c;display:flex;gap:24px'>{images}"
    );
    let file = stage.folder.path().join("both.html");
    std::fs::write(&file, html).expect("a file");
    let both = stage.browser.window().await?;
    both.viewport(560 * 2 + 72, 760 + 48).await?;
    both.goto(&format!("file://{}", file.display())).await?;
    both.screenshot(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/forum/two-windows.png")).await
}

#[tokio::test]
async fn a_refused_post_says_why_beside_the_field_at_fault() -> Result {
    let stage = Stage::open().await?;
    let page = stage.visit("ada").await?;
    post(&page, "   ").await?;
    page.wait_until("document.querySelector('[data-error=body]').textContent == 'Post is missing'")
        .await?;
    post(&page, &"x".repeat(2_001)).await?;
    page.wait_until("document.querySelector('[data-error=body]').textContent.includes('2000')")
        .await?;
    assert_eq!(
        page.eval("document.querySelector('#body').value.length").await?,
        2_001,
        "nothing typed is lost"
    );
    page.fill("#author", "").await?;
    post(&page, "fine").await?;
    page.wait_until(
        "document.querySelector('[data-error=author]').textContent == 'Name is missing'",
    )
    .await?;
    assert_eq!(
        page.eval("document.querySelector('#author').getAttribute('aria-invalid')").await?,
        "true"
    );
    assert_eq!(page.eval("document.querySelectorAll('#posts > article').length").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_error_goes_with_the_next_try() -> Result {
    let stage = Stage::open().await?;
    let page = stage.visit("ada").await?;
    post(&page, "   ").await?;
    page.wait_until("!document.querySelector('[data-error=body]').hidden").await?;
    page.eval("document.querySelector('#body').value = 'fine'; 0").await?;
    page.click("#submit").await?;
    page.wait_until(&has("fine")).await?;
    page.wait_until("document.querySelector('[data-error=body]').hidden").await?;
    assert!(
        page.eval("document.querySelector('#body').getAttribute('aria-invalid')").await?.is_null()
    );
    Ok(())
}

#[tokio::test]
async fn a_reply_in_the_making_survives_whatever_came_while_the_server_was_away() -> Result {
    let mut stage = Stage::open().await?;
    let page = stage.visit("ada").await?;
    post(&page, "the first").await?;
    page.wait_until(&has("the first")).await?;
    page.click("[data-id='1'] [data-action=thread]").await?;
    page.fill("[data-id='1'] textarea", "in the making").await?;
    page.eval("document.querySelector(\"[data-id='1'] textarea\").setSelectionRange(3, 6); 0")
        .await?;
    page.offline(true).await?;
    let mut other =
        tests::raw::Plain::greeted(stage.forum().address().parse().expect("an address")).await;
    for number in 0..110 {
        other.send(format!(r#"{{"event":"submit_post","id":{number},"data":{{"author":"bob","body":"{number}"}}}}"#)).await;
        while other.next().await["reply"] != number {}
    }
    stage.restart();
    page.offline(false).await?;
    page.wait_until(&has("109")).await?;
    page.wait_until(
        "(field => field == document.activeElement && field.value == 'in the making' && field.selectionStart == 3)
         (document.querySelector(\"[data-id='1'] textarea\"))",
    )
    .await?;
    let order = page
        .eval("[...document.querySelectorAll('#posts > article')].map(post => +post.dataset.id)")
        .await?;
    let ids: Vec<u64> = serde_json::from_value(order).expect("ids");
    assert!(ids.is_sorted_by(|one, other| one > other), "newest first: {ids:?}");
    Ok(())
}

#[tokio::test]
async fn markup_in_a_post_stays_text() -> Result {
    let stage = Stage::open().await?;
    let page = stage.visit("<b>ada</b>").await?;
    let evil = "<script>document.title = 'broken'</script><img src=x onerror=alert(1)>";
    post(&page, evil).await?;
    page.wait_until(&has(evil)).await?;
    assert_eq!(
        page.eval("document.querySelectorAll('#posts :is(script, img, b)').length").await?,
        0
    );
    assert_eq!(page.eval("document.title").await?, "Forum");
    assert_eq!(page.complaints(), [] as [&str; 0]);
    Ok(())
}

#[tokio::test]
async fn replies_reach_those_who_follow_the_thread() -> Result {
    let stage = Stage::open().await?;
    let (ada, bob) = (stage.visit("ada").await?, stage.visit("bob").await?);
    post(&ada, "a question").await?;
    for page in [&ada, &bob] {
        page.wait_until(&has("a question")).await?;
        page.click("[data-action=thread]").await?;
    }
    bob.fill(".thread textarea", "an answer").await?;
    bob.click("[data-action=reply]").await?;
    for page in [&ada, &bob] {
        page.wait_until(
            "document.querySelector('.replies > [data-id] > .body')?.textContent == 'an answer'",
        )
        .await?;
        assert_eq!(page.eval("document.querySelectorAll('.replies > *').length").await?, 1);
    }
    ada.click("[data-action=thread]").await?;
    ada.wait_until("document.querySelector('.thread').hidden").await?;
    ada.click("[data-action=thread]").await?;
    ada.wait_until("document.querySelector('.replies > *')").await?;
    Ok(())
}

#[tokio::test]
async fn somebody_who_types_is_shown_to_the_others() -> Result {
    let stage = Stage::open().await?;
    let (ada, bob) = (stage.visit("ada").await?, stage.visit("bob").await?);
    bob.fill("#body", "hm").await?;
    ada.wait_until("document.querySelector('#typing').textContent == 'bob is typing…'").await?;
    assert_eq!(bob.eval("document.querySelector('#typing').textContent").await?, "");
    ada.wait_until("document.querySelector('#typing').textContent == ''").await?;
    Ok(())
}

#[tokio::test]
async fn the_names_of_those_who_are_here_are_shown_once_each() -> Result {
    let stage = Stage::open().await?;
    let (ada, bob) = (stage.visit("ada").await?, stage.visit("bob").await?);
    let who = |names: &str| format!("document.querySelector('#who').textContent == {names:?}");
    for page in [&ada, &bob] {
        page.wait_until(&who("Here: ada and bob")).await?;
        page.wait_until("document.querySelector('#online').value == 2").await?;
    }
    // Another tab of hers is not another person, and neither is the page after it is loaded again.
    bob.goto(&stage.forum().url("/")).await?;
    bob.wait_until(&who("Here: ada and bob")).await?;
    let stranger = stage.browser.stranger().await?;
    stranger.goto(&stage.forum().url("/")).await?;
    for page in [&ada, &bob, &stranger] {
        page.wait_until(&who("Here: ada, bob, and somebody else")).await?;
    }
    ada.fill("#author", "lovelace").await?;
    bob.wait_until(&who("Here: bob, lovelace, and somebody else")).await?;
    stranger.close().await?;
    ada.close().await?;
    bob.wait_until(&who("Here: bob")).await?;
    assert_eq!(bob.complaints(), [] as [&str; 0]);
    Ok(())
}

#[tokio::test]
async fn both_pages_recover_when_the_server_is_killed_and_started_again() -> Result {
    let mut stage = Stage::open().await?;
    let (ada, bob) = (stage.visit("ada").await?, stage.visit("bob").await?);
    post(&ada, "before").await?;
    bob.wait_until(&has("before")).await?;
    bob.click("[data-action=thread]").await?;
    stage.restart();
    for page in [&ada, &bob] {
        page.wait_until("document.querySelector('#banner').hidden && document.querySelector('#online').value == 2").await?;
        page.wait_until(&has("before")).await?;
    }
    post(&ada, "after").await?;
    for page in [&ada, &bob] {
        page.wait_until(&has("after")).await?;
        assert_eq!(page.eval("document.querySelectorAll('#posts > article').length").await?, 2);
    }
    // The open thread is followed on the new connection as well.
    ada.click("article:last-child [data-action=thread]").await?;
    ada.fill("article:last-child textarea", "still here").await?;
    ada.click("article:last-child [data-action=reply]").await?;
    bob.wait_until("document.querySelector('.replies > *')").await?;
    Ok(())
}

#[tokio::test]
async fn a_page_that_went_through_the_back_forward_cache_comes_back_alive() -> Result {
    let stage = Stage::open().await?;
    let (ada, bob) = (stage.visit("ada").await?, stage.visit("bob").await?);
    ada.eval("addEventListener('pageshow', event => window.restored = event.persisted)").await?;
    ada.goto(&stage.forum().url("/icon.svg")).await?;
    bob.wait_until("document.querySelector('#online').value == 1").await?;
    ada.back().await?;
    ada.wait_until("window.restored === true").await?;
    bob.wait_until("document.querySelector('#online').value == 2").await?;
    post(&bob, "welcome back").await?;
    ada.wait_until(&has("welcome back")).await?;
    Ok(())
}

#[tokio::test]
async fn a_page_shows_that_it_is_offline_and_comes_back() -> Result {
    let stage = Stage::open().await?;
    let (ada, bob) = (stage.visit("ada").await?, stage.visit("bob").await?);
    ada.offline(true).await?;
    ada.wait_until("!document.querySelector('#banner').hidden").await?;
    post(&bob, "you missed this").await?;
    bob.wait_until(&has("you missed this")).await?;
    ada.offline(false).await?;
    ada.wait_until("document.querySelector('#banner').hidden").await?;
    ada.wait_until(&has("you missed this")).await?;
    Ok(())
}

#[tokio::test]
async fn a_hidden_page_counts_what_it_missed_in_its_title() -> Result {
    let stage = Stage::open().await?;
    let ada = stage.browser.window().await?;
    ada.goto(&stage.forum().url("/")).await?;
    ada.wait_until("document.querySelector('#online').value > 0").await?;
    let over = stage.browser.tab().await?;
    ada.wait_until("document.hidden").await?;
    let bob = stage.visit("bob").await?;
    post(&bob, "one").await?;
    post(&bob, "two").await?;
    ada.wait_until("document.title == '(2) Forum'").await?;
    over.close().await?;
    ada.show().await?;
    ada.wait_until("document.title == 'Forum'").await?;
    Ok(())
}

#[tokio::test]
async fn it_fits_a_narrow_screen_and_shows_the_frames_that_pass() -> Result {
    let stage = Stage::open().await?;
    let page = stage.visit("ada").await?;
    page.viewport(320, 640).await?;
    post(&page, &"long".repeat(100)).await?;
    page.wait_until(&has(&"long".repeat(100))).await?;
    let overflow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(page.eval(overflow).await?, true, "nothing is wider than the screen");
    let frames = "[...document.querySelectorAll('#frames li')].map(line => line.dataset.direction + line.textContent.slice(0, 22))";
    let frames = page.eval(frames).await?.to_string();
    assert!(frames.contains(r#"out{\"event\":\"submit_post\""#), "{frames}");
    assert!(frames.contains(r#"in{\"event\":\"post_update\""#), "{frames}");
    Ok(())
}

#[tokio::test]
async fn an_interrupted_forum_ends_cleanly() -> Result {
    let mut stage = Stage::open().await?;
    let page = stage.visit("ada").await?;
    assert!(stage.forum.take().expect("it runs").interrupt().success());
    page.wait_until("!document.querySelector('#banner').hidden").await?;
    Ok(())
}
