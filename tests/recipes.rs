//! The recipes of the guides to browsers and to presence: these show them as they are here, they are of their types, and
//! they run.
//!
//! Needs Node; `npm ci --prefix tests` fetches the compilers and the libraries.

#[path = "recipes/presence/server.rs"]
mod presence;
#[path = "recipes/server.rs"]
mod server;

use server::{ClientEvent, Library, client_event::*, service};
use socketkit::{Events, Progress, Protocol, Routes, Server, Service, contract};
use std::{
    fs, future::pending, net::SocketAddr, os::unix::fs::symlink, path::Path, process::Command,
};
use tests::{
    browser::{Browser, Page, Result},
    chat::soon,
    node,
};
use tokio::sync::{mpsc, oneshot};

const RECIPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes");

/// Those of the other guide, which has a server of its own.
const PRESENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/presence");

/// Compiles a component as a bundler's plugin does.
const SVELTE: &str = r#"
    import { readFileSync, writeFileSync } from "node:fs";
    import { compile } from "svelte/compiler";
    const { js, warnings } = compile(readFileSync("Visitors.svelte", "utf8"), { filename: "Visitors.svelte" });
    if (warnings.length) throw new Error(warnings.join());
    writeFileSync("Visitors.js", js.code);
    writeFileSync("svelte.js", `
        import { mount } from "svelte";
        import Visitors from "./Visitors.js";
        mount(Visitors, { target: document.getElementById('app') });
    `);
"#;

/// The recipes of a guide, beside the types of their server.
fn folder<P: Protocol>(of: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let config = recipes(RECIPES).into_iter().filter(|(name, _)| name.ends_with("config.json"));
    for (name, text) in config.chain(recipes(of)) {
        fs::write(at(&name), text).unwrap();
    }
    fs::create_dir(at("types")).unwrap();
    fs::write(at("types/client.d.ts"), contract::<P>().to_typescript()).unwrap();
    let browser = concat!(env!("CARGO_MANIFEST_DIR"), "/../socketkit/src/browser/socketkit.d.ts");
    fs::copy(browser, at("types/socketkit.d.ts")).unwrap();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules"), at("node_modules")).unwrap();
    folder
}

fn recipes(of: &str) -> Vec<(String, String)> {
    let files = fs::read_dir(of).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.is_file());
    let read = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
    };
    files.map(read).collect()
}

#[test]
fn the_guides_show_them_as_they_are() {
    // This one adds to what the guide shows what the tests need.
    shows(include_str!("../socketkit/src/guide/browser.md"), RECIPES, &["tsconfig.json"]);
    shows(include_str!("../socketkit/src/guide/presence.md"), PRESENCE, &[]);
}

fn shows(guide: &str, of: &str, others: &[&str]) {
    // As documentation shows it: without the lines that are hidden.
    let is_shown = |line: &&str| *line != "#" && !line.starts_with("# ");
    let mut shown: Vec<_> = others.iter().map(|name| (*name).to_owned()).collect();
    for (number, block) in guide.split("```").enumerate().filter(|(number, _)| number % 2 == 1) {
        let (language, code) = block.split_once('\n').unwrap();
        let is_rust = language.is_empty();
        let lines = code.lines().filter(|line| !is_rust || is_shown(line));
        let code = lines.flat_map(|line| [line, "\n"]).collect::<String>();
        let recipe = recipes(of).into_iter().find(|(_, text)| *text == code);
        match recipe {
            Some((name, _)) => shown.push(name),
            None => assert!(matches!(language, "sh" | "text"), "block {number}: {code}"),
        }
    }
    shown.sort();
    let mut names: Vec<_> = recipes(of).into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(shown, names);
}

/// What the compiler says of a folder.
fn check(folder: &Path) -> String {
    let output = node::run("tsc", &["--project", ".", "--pretty", "false"], folder);
    String::from_utf8(output.stdout).unwrap()
}

/// The script of a component, with what stands in its markup: Svelte gives each store a twin with its
/// value.
fn script(component: &str) -> String {
    let (script, markup) = component
        .strip_prefix("<script lang=\"ts\">")
        .and_then(|text| text.split_once("</script>"))
        .unwrap();
    let expressions = markup.split('{').skip(1).map(|text| text.split_once('}').unwrap().0);
    let mut program = format!("import {{ get }} from \"svelte/store\";\n{script}\n");
    for expression in expressions.filter(|expression| !expression.starts_with('/')) {
        let expression = expression.trim_start_matches("#if ");
        let store = expression.split(|char: char| !char.is_alphanumeric() && char != '$').next();
        let store = store.and_then(|name| name.strip_prefix('$')).unwrap();
        program += &format!("{{ const ${store} = get({store}); void ({expression}); }}\n");
    }
    program
}

#[test]
fn they_are_of_their_types() {
    let folder = folder::<Library>(RECIPES);
    let component = fs::read_to_string(folder.path().join("Visitors.svelte")).unwrap();
    let script = script(&component);
    assert!(script.contains("get(visitors)") && script.contains("get(connection)"), "{script}");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("svelte.ts"), &script).unwrap();
    assert_eq!(check(folder.path()), "");
    // Each is looked at, and with the types of the server.
    fs::write(at("svelte.ts"), script.replace("online", "onlin")).unwrap();
    for (name, right, wrong) in [
        ("page.js", "visitors.online", "visitors.onlin"),
        ("react.tsx", "visitors?.online", "visitors?.onlin"),
        ("vue.ts", "(\"visitors\")", "(\"visitor\")"),
        ("upload.ts", "number, text }", "number }"),
        ("skew.ts", "removed.length", "removed.size"),
    ] {
        let text = fs::read_to_string(at(name)).unwrap();
        assert!(text.contains(right), "{name}");
        fs::write(at(name), text.replace(right, wrong)).unwrap();
    }
    let errors = check(folder.path());
    for name in ["page.js", "react.tsx", "svelte.ts", "vue.ts", "upload.ts", "skew.ts"] {
        assert!(errors.contains(&format!("{name}(")), "{name}\n{errors}");
    }
}

#[test]
fn those_of_presence_are_of_their_types() {
    let folder = folder::<presence::Wiki>(PRESENCE);
    assert_eq!(check(folder.path()), "");
    let file = folder.path().join("readers.ts");
    let text = fs::read_to_string(&file).unwrap();
    for (right, wrong) in [
        ("const page = 7", "const page = \"7\""),
        ("member.name", "member.nam"),
        ("presence?.members", "presence.members"),
    ] {
        assert!(text.contains(right), "{right}");
        fs::write(&file, text.replace(right, wrong)).unwrap();
        let errors = check(folder.path());
        assert!(errors.contains("readers.ts("), "{wrong}\n{errors}");
    }
}

/// The pages that are made of the recipes, to be served.
fn pages() -> tempfile::TempDir {
    let folder = folder::<Library>(RECIPES);
    let mut compile = Command::new("node");
    compile.args(["--input-type=module", "--eval", SVELTE]).current_dir(folder.path());
    let status = compile.status().expect("node");
    assert!(status.success());
    let options = "react.tsx vue.ts svelte.js upload.ts skew.ts --bundle --format=esm --outdir=. \
        --allow-overwrite --log-level=warning --external:/ws/client.js --conditions=svelte,browser \
        --alias:vue=vue/dist/vue.esm-bundler.js --define:process.env.NODE_ENV=\"production\" \
        --define:__VUE_OPTIONS_API__=true --define:__VUE_PROD_DEVTOOLS__=false \
        --define:__VUE_PROD_HYDRATION_MISMATCH_DETAILS__=false";
    let args: Vec<_> = options.split_whitespace().collect();
    let output = node::run("esbuild", &args, folder.path());
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    for name in ["react", "vue", "svelte"] {
        let page = format!(
            "<!doctype html><div id=\"app\"></div><script type=\"module\" src=\"{name}.js\"></script>"
        );
        fs::write(folder.path().join(format!("{name}.html")), page).unwrap();
    }
    fs::write(folder.path().join("favicon.ico"), "").unwrap();
    folder
}

/// Serves pages until it is told to stop.
async fn serve<P: Protocol>(
    service: Service<P>,
    pages: &Path,
    addr: SocketAddr,
) -> (SocketAddr, oneshot::Sender<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, address) = oneshot::channel();
    let serve = Routes::new().at("/ws", service).public(pages).listen(addr).until(stopped);
    let serve = serve.linger(std::time::Duration::ZERO);
    tokio::spawn(serve.ready(move |address| _ = ready.send(address)).into_future());
    (soon(address).await.unwrap(), stop)
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[tokio::test]
async fn pages_show_a_number_as_it_changes_and_that_the_connection_is_lost() -> Result {
    let (service, folder) = (service(), pages());
    let (addr, stop) = serve(service.clone(), folder.path(), anywhere()).await;
    let browser = Browser::launch().await?;
    let mut open = Vec::new();
    for (count, name) in ["page", "react", "vue", "svelte"].into_iter().enumerate() {
        let page = browser.window().await?;
        page.goto(&format!("http://{addr}/{name}.html")).await?;
        page.wait_until(&online(count + 1)).await?;
        open.push((name, page));
    }
    let other = soon(service.local()).await;
    for (_, page) in &open {
        page.wait_until(&online(5)).await?;
    }
    soon(other.close()).await;
    for (name, page) in &open {
        page.wait_until(&online(4)).await?;
        assert_eq!(page.complaints(), [] as [&str; 0], "{name}");
    }
    stop.send(()).unwrap();
    for (_, page) in &open[1..] {
        page.wait_until(&format!("{TEXT} == '4 online, reconnecting'")).await?;
    }
    Ok(())
}

/// What is to be read on a page.
const TEXT: &str = "document.body.textContent.trim()";

fn online(online: usize) -> String {
    format!("{TEXT} == '{online} online'")
}

/// Imports a file as a visitor does.
async fn import(page: &Page, text: &str) -> Result {
    page.eval(&format!(
        "{{ const chosen = new DataTransfer(); chosen.items.add(new File([{text}], 'a.txt'));
        document.querySelector('input').files = chosen.files; }}"
    ))
    .await?;
    page.click("button").await
}

#[tokio::test]
async fn a_text_of_any_letters_is_imported_in_pieces() -> Result {
    let folder = pages();
    let (addr, _stop) = serve(service(), folder.path(), anywhere()).await;
    let browser = Browser::launch().await?;
    let page = browser.window().await?;
    page.goto(&format!("http://{addr}/upload.html")).await?;
    page.eval(
        "steps = []; new MutationObserver(() => steps.push(document.querySelector('progress').value))
        .observe(document.querySelector('progress'), { attributes: true }); 0",
    )
    .await?;
    // Letters of two units where pieces are cut, and such as are longest in JSON.
    import(&page, "'a' + '😀'.repeat(20_000) + '\\n' + '\\u0001'.repeat(20_000) + '\\nlast\\n'")
        .await?;
    let says = |text: &str| format!("document.querySelector('output').value == '{text}'");
    page.wait_until(&says("3 lines")).await?;
    page.wait_until("steps.length > 5 && steps.at(-1) == 1").await?;
    let rise = "steps.every((step, at) => !at || step > steps[at - 1])";
    assert_eq!(page.eval(rise).await?, true);
    import(&page, "'one\\ntwo\\0'").await?;
    page.wait_until(&says("CallError: this is no text")).await?;
    import(&page, "''").await?;
    page.wait_until(&says("0 lines")).await?;
    assert_eq!(page.complaints(), [] as [&str; 0]);
    Ok(())
}

#[tokio::test]
async fn an_import_is_cancelled_by_its_button() -> Result {
    struct Guard(mpsc::UnboundedSender<()>);
    impl Drop for Guard {
        fn drop(&mut self) {
            _ = self.0.send(());
        }
    }
    let (ended, mut ends) = mpsc::unbounded_channel();
    let endless = async move |_: Import, progress: Progress<usize>| -> usize {
        let _guard = Guard(ended.clone());
        progress.report(40);
        pending().await
    };
    let service = Server::<Library>::new().on(async |_: Piece| {}).on(endless).build();
    let folder = pages();
    let (addr, _stop) = serve(service, folder.path(), anywhere()).await;
    let browser = Browser::launch().await?;
    let page = browser.window().await?;
    page.goto(&format!("http://{addr}/upload.html")).await?;
    import(&page, "'one\\ntwo'").await?;
    page.wait_until("document.querySelector('progress').value == 0.7").await?;
    page.click("button[type=button]").await?;
    page.wait_until("document.querySelector('output').value == 'cancelled'").await?;
    soon(ends.recv()).await.expect("its handler has ended");
    page.wait_until("document.querySelectorAll('button')[1].disabled").await?;
    assert_eq!(page.complaints(), [] as [&str; 0]);
    Ok(())
}

#[derive(Debug, Events)]
enum NewerEvent {
    Visitors { online: usize, peak: usize },
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = NewerEvent)]
struct Newer;

#[tokio::test]
async fn a_page_says_that_there_is_a_new_version_until_it_is_loaded_again() -> Result {
    let folder = pages();
    let (addr, stop) = serve(service(), folder.path(), anywhere()).await;
    let browser = Browser::launch().await?;
    let page = browser.window().await?;
    page.goto(&format!("http://{addr}/skew.html")).await?;
    page.wait_until("document.querySelector('button').onclick").await?;
    assert_eq!(page.eval("document.querySelector('p').hidden").await?, true);
    stop.send(()).unwrap();
    let newer = Server::<Newer>::new().fallback(async |_: ClientEvent| {}).build();
    let (_, _stop) = serve(newer, folder.path(), addr).await;
    page.wait_until("!document.querySelector('p').hidden").await?;
    page.eval("old = true").await?;
    page.click("button").await?;
    page.wait_until("!window.old && document.querySelector('button').onclick").await?;
    assert_eq!(page.eval("document.querySelector('p').hidden").await?, true);
    Ok(())
}

#[tokio::test]
async fn a_page_shows_who_reads_it_and_who_comes_and_goes() -> Result {
    let folder = folder::<presence::Wiki>(PRESENCE);
    let args = ["readers.ts", "--outfile=readers.js", "--log-level=warning"];
    assert!(node::run("esbuild", &args, folder.path()).status.success());
    fs::write(folder.path().join("favicon.ico"), "").unwrap();
    let (addr, _stop) = serve(presence::service(), folder.path(), anywhere()).await;
    let browser = Browser::launch().await?;
    let (ada, bob) = (browser.stranger().await?, browser.stranger().await?);
    let here = |names: &str| {
        format!("document.querySelector('output').value.split(', ').sort().join() == '{names}'")
    };
    let news =
        |text: &str| format!("document.querySelector('[role=status]').textContent == '{text}'");
    ada.goto(&format!("http://{addr}/readers.html")).await?;
    ada.wait_until(&here("somebody")).await?;
    ada.fill("input", "ada").await?;
    ada.press("Enter").await?;
    ada.wait_until(&here("ada")).await?;
    assert_eq!(ada.eval(&news("")).await?, true, "nobody has come but her");
    bob.goto(&format!("http://{addr}/readers.html")).await?;
    bob.wait_until(&here("ada,somebody")).await?;
    ada.wait_until(&news("somebody has come")).await?;
    for page in [&ada, &bob] {
        assert_eq!(page.complaints(), [] as [&str; 0]);
    }
    bob.goto("about:blank").await?;
    ada.wait_until(&news("somebody has gone")).await?;
    ada.wait_until(&here("ada")).await?;
    Ok(())
}
