//! The visitor counter, end to end: the built example in real browser windows.

use std::path::Path;
use tests::browser::{Browser, Page, Result};
use tests::process::Example;

fn start(listen: &str, folder: &Path) -> Example {
    Example::start("visitor_counter", listen, &folder.join("visitors.json"))
}

async fn visit(browser: &Browser, counter: &Example) -> Result<Page> {
    let page = browser.stranger().await?;
    page.goto(&counter.url("/")).await?;
    Ok(page)
}

fn shows(id: &str, number: u32) -> String {
    format!("document.getElementById('{id}').value == '{number}'")
}

#[tokio::test]
async fn the_number_rises_and_falls_with_the_windows_that_are_open() -> Result {
    let folder = tempfile::tempdir().expect("a folder");
    let (counter, browser) = (start("127.0.0.1:0", folder.path()), Browser::launch().await?);
    let first = visit(&browser, &counter).await?;
    first.wait_until(&shows("online", 1)).await?;
    let second = visit(&browser, &counter).await?;
    for page in [&first, &second] {
        page.wait_until(&shows("online", 2)).await?;
        page.wait_until(&shows("total", 2)).await?;
    }
    second.close().await?;
    first.wait_until(&shows("online", 1)).await?;
    first.wait_until(&shows("peak", 2)).await?;
    assert_eq!(first.complaints(), [] as [&str; 0]);
    Ok(())
}

#[tokio::test]
async fn the_tabs_of_one_browser_are_one_visitor_who_may_load_them_again() -> Result {
    let folder = tempfile::tempdir().expect("a folder");
    let (counter, browser) = (start("127.0.0.1:0", folder.path()), Browser::launch().await?);
    let (first, second) = (browser.window().await?, browser.window().await?);
    for page in [&first, &second] {
        page.goto(&counter.url("/")).await?;
        page.wait_until(&shows("online", 1)).await?;
    }
    let other = visit(&browser, &counter).await?;
    other.wait_until(&shows("online", 2)).await?;
    other.goto(&counter.url("/")).await?;
    for page in [&first, &second, &other] {
        page.wait_until(&shows("online", 2)).await?;
        page.wait_until(&shows("total", 2)).await?;
        page.wait_until(&shows("peak", 2)).await?;
    }
    second.close().await?;
    other.close().await?;
    first.wait_until(&shows("online", 1)).await?;
    Ok(())
}

#[tokio::test]
async fn the_total_survives_a_restart_and_the_pages_recover() -> Result {
    let folder = tempfile::tempdir().expect("a folder");
    let (counter, browser) = (start("127.0.0.1:0", folder.path()), Browser::launch().await?);
    let (first, second) = (visit(&browser, &counter).await?, visit(&browser, &counter).await?);
    first.wait_until(&shows("total", 2)).await?;
    let address = counter.address().to_owned();
    drop(counter);
    first.wait_until("!document.getElementById('banner').hidden").await?;
    let _counter = start(&address, folder.path());
    for page in [&first, &second] {
        page.wait_until("document.getElementById('banner').hidden").await?;
        page.wait_until(&shows("online", 2)).await?;
        page.wait_until(&shows("total", 4)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_plot_grows_by_the_second() -> Result {
    let folder = tempfile::tempdir().expect("a folder");
    let (counter, browser) = (start("127.0.0.1:0", folder.path()), Browser::launch().await?);
    let page = visit(&browser, &counter).await?;
    page.viewport(320, 640).await?;
    page.wait_until(
        "document.querySelector('#plot .line').getAttribute('d')?.split('L').length >= 3",
    )
    .await?;
    page.wait_until("document.querySelector('#range').textContent.endsWith(' to 1')").await?;
    let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(page.eval(fits).await?, true);
    Ok(())
}
