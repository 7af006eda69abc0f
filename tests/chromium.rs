//! The browser does for the tests what it says it does.

use tests::browser::{Browser, Result};
use tests::stage::Stage;

const PAGE: &str = r##"<!doctype html><title>one</title>
<link rel=icon href="data:,">
<form><label>Name <input id="name" value="old"></label><button>Send</button></form>
<output></output>
<script>
  document.forms[0].onsubmit = event => {
    event.preventDefault();
    document.querySelector("output").textContent = document.querySelector("#name").value + event.isTrusted;
  };
  addEventListener("pageshow", event => window.restored = event.persisted);
</script>"##;

async fn stage() -> Stage {
    Stage::open([
        ("/", PAGE),
        ("/other", "<!doctype html><title>other</title><link rel=icon href='data:,'>"),
    ])
    .await
}

#[tokio::test]
async fn windows_are_visible_and_a_tab_hides_the_one_below() -> Result {
    let (stage, browser) = (stage().await, Browser::launch().await?);
    let (one, two) = (browser.window().await?, browser.window().await?);
    for page in [&one, &two] {
        page.goto(&stage.url("/")).await?;
        page.wait_until("document.visibilityState == 'visible'").await?;
    }
    let tab = browser.tab().await?;
    tab.wait_until("document.visibilityState == 'visible'").await?;
    two.wait_until("document.hidden").await?;
    two.show().await?;
    two.wait_until("!document.hidden").await?;
    tab.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_visitor_types_and_clicks_with_real_input() -> Result {
    let (stage, browser) = (stage().await, Browser::launch().await?);
    let page = browser.window().await?;
    page.goto(&stage.url("/")).await?;
    page.fill("#name", "ada").await?;
    page.click("button").await?;
    page.wait_until("document.querySelector('output').textContent == 'adatrue'").await?;
    page.fill("#name", "bob").await?;
    page.press("Enter").await?;
    page.wait_until("document.querySelector('output').textContent == 'bobtrue'").await?;
    assert_eq!(page.complaints(), [] as [&str; 0]);
    Ok(())
}

#[tokio::test]
async fn exceptions_and_the_console_are_told() -> Result {
    let (stage, browser) = (stage().await, Browser::launch().await?);
    let page = browser.window().await?;
    page.goto(&stage.url("/")).await?;
    assert_eq!(
        page.eval("Promise.resolve([1, { two: 2 }])").await?.to_string(),
        r#"[1,{"two":2}]"#
    );
    let error = page.eval("Promise.reject(new TypeError('no'))").await.expect_err("it rejects");
    assert!(error.to_string().starts_with("TypeError: no"), "{error}");
    page.eval("console.log('said', 1); setTimeout(() => { throw new Error('loud') })").await?;
    let complaints = page.complained(1).await?;
    assert!(complaints[0].starts_with("exception: Error: loud"), "{complaints:?}");
    assert_eq!(page.console()[0], "log: said 1");
    Ok(())
}

#[tokio::test]
async fn offline_fails_new_websockets_until_it_is_over() -> Result {
    let (mut stage, browser) = (stage().await, Browser::launch().await?);
    let page = browser.window().await?;
    page.goto(&stage.url("/")).await?;
    page.offline(true).await?;
    page.wait_until("!navigator.onLine").await?;
    page.eval("new Promise(done => (dial = () => new WebSocket('/ws'))().onclose = done)").await?;
    assert!(!stage.is_wanted());
    page.offline(false).await?;
    page.wait_until("navigator.onLine").await?;
    page.eval("socket = dial(); 0").await?;
    let _peer = stage.accept().await;
    page.wait_until("socket.readyState == 1").await?;
    Ok(())
}

#[tokio::test]
async fn back_restores_the_page_from_the_cache() -> Result {
    let (stage, browser) = (stage().await, Browser::launch().await?);
    let page = browser.window().await?;
    page.goto(&stage.url("/")).await?;
    page.eval("window.kept = 7").await?;
    page.goto(&stage.url("/other")).await?;
    page.wait_until("document.title == 'other' && !window.kept").await?;
    page.back().await?;
    page.wait_until("window.kept == 7 && window.restored === true").await?;
    page.forward().await?;
    page.wait_until("document.title == 'other'").await?;
    Ok(())
}

#[tokio::test]
async fn a_page_is_narrow_or_dark_and_has_its_picture_taken() -> Result {
    let (stage, browser) = (stage().await, Browser::launch().await?);
    let page = browser.stranger().await?;
    page.goto(&stage.url("/")).await?;
    page.viewport(320, 640).await?;
    page.wait_until("innerWidth == 320").await?;
    page.dark(true).await?;
    page.wait_until("matchMedia('(prefers-color-scheme: dark)').matches").await?;
    page.dark(false).await?;
    page.wait_until("matchMedia('(prefers-color-scheme: light)').matches").await?;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.png");
    page.screenshot(&file).await?;
    assert_eq!(&std::fs::read(file).expect("a file")[..8], b"\x89PNG\r\n\x1a\n");
    Ok(())
}
