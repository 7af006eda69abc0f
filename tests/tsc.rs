//! Programs in TypeScript, and what its compiler says of them.

use crate::node;
use std::{fs, path::Path};

/// A folder with what servers serve.
#[derive(Debug)]
pub struct Project(tempfile::TempDir);

impl Project {
    /// One that has `socketkit.d.ts`, and these files.
    ///
    /// # Panics
    ///
    /// When they cannot be written.
    pub fn new(files: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let served =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../socketkit/src/browser/socketkit.d.ts");
        fs::copy(served, folder.path().join("socketkit.d.ts")).expect("it is there");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("it can be written");
        }
        Self(folder)
    }

    /// What the compiler says of a program: nothing, if nothing is wrong.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn check(&self, program: &str) -> String {
        fs::write(self.0.path().join("program.ts"), program).expect("it can be written");
        let options = "--strict --noEmit --target es2022 --module nodenext --lib es2022,dom \
            --exactOptionalPropertyTypes --skipLibCheck false --pretty false";
        let mut args: Vec<_> = options.split_whitespace().collect();
        args.extend(["--types", "", "program.ts"]);
        let output = node::run("tsc", &args, self.0.path());
        String::from_utf8(output.stdout).expect("it writes text")
    }
}
