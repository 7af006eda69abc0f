//! The files that the server hands to browsers, as text: their size, and their types.
//!
//! Needs Node; `npm ci --prefix tests` fetches the compilers.

use std::fs::File;
use std::path::Path;
use std::process::Command;

const BROWSER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../socketkit/src/browser");

/// The standard output of a program of `tests/node_modules`.
fn output(program: &str, args: &[&str]) -> Vec<u8> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = tests.join("node_modules/.bin").join(program);
    let output =
        Command::new(&path).args(args).current_dir(tests).output().unwrap_or_else(|error| {
            panic!("{}: {error}; run `npm ci --prefix tests`", path.display())
        });
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}\n{text}{errors}");
    output.stdout
}

#[test]
fn the_client_is_at_most_4096_bytes_minified_and_gzipped() {
    let minified =
        output("esbuild", &["--minify", "--format=esm", &format!("{BROWSER}/socketkit.js")]);
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
    assert!((1..=4096).contains(&size), "{size} bytes");
}

#[test]
fn pages_are_checked_against_the_contract() {
    output("tsc", &["--project", "types"]);
}

#[test]
fn the_script_for_pages_without_modules_differs_in_its_last_lines() {
    let module = std::fs::read_to_string(format!("{BROWSER}/socketkit.js")).expect("the client");
    let script =
        module.strip_suffix("const script = import.meta.url;\nexport { connect, CallError };\n");
    let script = script.expect("the lines that the server replaces");
    assert!(
        !script.contains("import.meta") && !script.contains("\nexport "),
        "nothing else is for modules only"
    );
    let client = std::fs::read_to_string(format!("{BROWSER}/client.js")).expect("the entry module");
    let global = std::fs::read_to_string(format!("{BROWSER}/global.js")).expect("the last lines");
    for file in [client, global] {
        assert_eq!(file.matches("\"__CONTRACT__\"").count(), 1);
    }
}
