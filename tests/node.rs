//! Programs of `tests/node_modules`.

use std::{
    path::Path,
    process::{Command, Output},
};

/// Runs one in a folder until it ends.
///
/// # Panics
///
/// When it is not there.
pub fn run(program: &str, args: &[&str], folder: &Path) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules/.bin").join(program);
    Command::new(&path)
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `npm ci --prefix tests`", path.display()))
}
