//! The files that the server hands to browsers, as text: their size, and their types.
//!
//! Needs Node; `npm ci --prefix tests` fetches the compilers.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use tests::node;

const BROWSER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../socketkit/src/browser");

/// The standard output of a program of `tests/node_modules`.
fn output(program: &str, args: &[&str]) -> Vec<u8> {
    let output = node::run(program, args, Path::new(env!("CARGO_MANIFEST_DIR")));
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}\n{text}{errors}");
    output.stdout
}

/// Modules that a page loads when they are used.
const LATER: [&str; 3] = ["skew.js", "presence.js", "shared.js"];

/// What a worker runs, beside the client itself.
const WORKER: &str = "worker.js";

/// The bytes of a text after `gzip -9`.
fn gzipped(text: &[u8]) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("text");
    std::fs::write(&file, text).expect("a file");
    let input = File::open(file).expect("the file");
    let gzip = Command::new("gzip").arg("-9").stdin(input).output().expect("gzip");
    assert!(gzip.status.success());
    gzip.stdout.len()
}

/// A module, minified with those that it imports, but without those that it loads later.
fn minified(name: &str) -> Vec<u8> {
    let module = format!("{BROWSER}/{name}");
    let later = [&["socketkit.js", WORKER], &LATER[..]].concat();
    let later: Vec<_> = later.iter().map(|name| format!("--external:./{name}")).collect();
    let mut args = vec!["--bundle", "--minify", "--format=esm", &module];
    args.extend(later.iter().map(String::as_str));
    output("esbuild", &args)
}

#[test]
fn the_client_is_at_most_4096_bytes_minified_and_gzipped_and_few_more_as_they_are_used() {
    let first = gzipped(&minified("socketkit.js"));
    assert!((1..=4096).contains(&first), "{first} bytes are loaded at first");
    let later = LATER.map(|name| gzipped(&minified(name)));
    let [_, presence, shared] = later;
    let size = first + presence + shared;
    assert!(size <= 5500, "{size} bytes with presence and a shared connection");
    assert!(later.iter().all(|size| (1..=700).contains(size)), "{later:?} bytes");
    // No page loads it: it runs once for all of them.
    let worker = gzipped(&minified(WORKER));
    assert!((1..=1200).contains(&worker), "{worker} bytes in a worker");
    // Each file is counted, but for the contract, which stands before them.
    let known = ["socketkit.js", "session.js", "store.js", "client.js", "global.js"];
    for entry in std::fs::read_dir(BROWSER).expect("a folder") {
        let name = entry.expect("a file").file_name().into_string().expect("a name");
        let is_known = known.iter().chain(&LATER).chain(&[WORKER]).any(|known| *known == name);
        assert!(is_known || name == "socketkit.d.ts", "{name}");
    }
}

#[test]
fn a_session_holds_in_random_schedules_and_each_mutation_of_it_breaks_one() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/browser_client/session.mjs");
    let output = Command::new("node").arg(model).output().expect("node");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{errors}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn pages_are_checked_against_the_contract() {
    output("tsc", &["--project", "types"]);
}

#[test]
fn the_script_for_pages_without_modules_differs_in_how_its_parts_are_joined() {
    let read = |name: &str| std::fs::read_to_string(format!("{BROWSER}/{name}")).expect(name);
    let module = read("socketkit.js");
    let module = module
        .strip_suffix("const script = import.meta.url;\nexport { CallError, connect, create };\n")
        .expect("the lines that the server replaces");
    let (session, store) = (read("session.js"), read("store.js"));
    for (part, imports, exports) in [(module, 2, 0), (&session, 0, 1), (&store, 0, 1)] {
        // Whole lines, which the server takes away, and nothing else that is for modules only.
        let count = |start: &str, end: &str| {
            part.lines().filter(|line| line.starts_with(start) && line.ends_with(end)).count()
        };
        assert_eq!((count("import { ", ".js\";"), count("export { ", " };")), (imports, exports));
        assert_eq!((count("import", ""), count("export", "")), (imports, exports));
        assert!(!part.contains("import.meta"));
    }
    for file in [read("client.js"), read("global.js")] {
        assert_eq!(file.matches("\"__CONTRACT__\"").count(), 1);
    }
}
