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

#[test]
fn the_client_is_at_most_5500_bytes_minified_and_gzipped() {
    let client = format!("{BROWSER}/socketkit.js");
    let minified = output("esbuild", &["--bundle", "--minify", "--format=esm", &client]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("socketkit.min.js");
    std::fs::write(&file, &minified).expect("a file");
    let gzip = Command::new("gzip")
        .arg("-9")
        .stdin(File::open(file).expect("the file"))
        .output()
        .expect("gzip");
    assert!(gzip.status.success());
    let size = gzip.stdout.len();
    assert!((1..=5500).contains(&size), "{size} bytes");
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
    let [module, session, client, global] =
        ["socketkit.js", "session.js", "client.js", "global.js"]
            .map(|name| std::fs::read_to_string(format!("{BROWSER}/{name}")).expect(name));
    let (names, body) = session
        .strip_suffix(" };\n")
        .and_then(|text| text.rsplit_once("\nexport { "))
        .map(|(body, names)| (names, body))
        .expect("the lines that the server takes away");
    let script = module
        .strip_suffix("const script = import.meta.url;\nexport { connect, CallError };\n")
        .expect("the lines that the server replaces");
    let import = format!("\nimport {{ {names} }} from \"./session.js\";\n");
    let (before, after) = script.split_once(&import).expect("the line that the server takes away");
    for part in [body, before, after] {
        for word in ["import.meta", "\nexport ", "\nimport "] {
            assert!(!part.contains(word), "nothing else is for modules only: {word:?}");
        }
    }
    for file in [client, global] {
        assert_eq!(file.matches("\"__CONTRACT__\"").count(), 1);
    }
}
