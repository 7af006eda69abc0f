//! What must not compile, and what the compiler then says.
//!
//! `TRYBUILD=overwrite cargo test -p tests --test ui` writes the `.stderr` files anew.

use std::process::Command;

#[test]
fn wrong_programs_are_refused_with_the_reason() {
    if !on_the_pinned_toolchain() {
        // Other compilers use other words.
        return;
    }
    let tests = trybuild::TestCases::new();
    tests.compile_fail("ui/*.rs");
}

fn on_the_pinned_toolchain() -> bool {
    let pinned = include_str!("../rust-toolchain.toml");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc runs").stdout;
    let version = String::from_utf8(version).expect("a version is text");
    version.split(' ').nth(1).is_some_and(|version| pinned.contains(&format!("\"{version}\"")))
}
