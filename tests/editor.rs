//! What a developer sees who changes the type of a field in Rust: with no step but running the program
//! again, the page's JavaScript has an error where it uses that field.
//!
//! Needs Node; `npm ci --prefix tests` fetches the compiler.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};
use tests::{node, process::Example};

/// A copy of the examples in a workspace of their own, beside the library as it is.
struct Copy(PathBuf);

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

impl Copy {
    fn new() -> Self {
        // Always the same, so that what was built for an earlier run is built over.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("editor");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let copy = Self(folder);
        let read = |name: &str| fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
        let mut manifest = read("Cargo.toml");
        for (from, to) in [
            (
                r#"["socketkit", "socketkit-macros", "examples", "tests", "benches"]"#,
                r#"["examples"]"#,
            ),
            ("exclude = [\"fuzz\"]", ""),
            ("path = \"socketkit", &format!("path = \"{ROOT}/socketkit")),
        ] {
            assert!(manifest.contains(from), "{from}");
            manifest = manifest.replace(from, to);
        }
        copy.write("Cargo.toml", &manifest);
        // The same versions, all of which are there.
        copy.write("Cargo.lock", &read("Cargo.lock"));
        copy_folder(&Path::new(ROOT).join("examples"), &copy.path("examples"));
        // Its program stands beside that of the original.
        copy.edit("examples/Cargo.toml", "name = \"forum\"", "name = \"edited_forum\"");
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{from}");
        self.write(name, &text.replace(from, to));
    }

    /// Builds the forum and runs it with `--types`, until it serves.
    fn run(&self) {
        let test = env::current_exe().unwrap();
        let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--offline", "--example", "edited_forum"]);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        // From here, so that the toolchain is that of the workspace; what it depends on is built already.
        cargo.arg("--target-dir").arg(folder.parent().unwrap()).current_dir(ROOT);
        let built = cargo.arg("--manifest-path").arg(self.path("Cargo.toml")).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let mut program = Command::new(folder.join("examples/edited_forum"));
        program.args(["--listen", "127.0.0.1:0", "--types", "client", "--data", "forum.redb"]);
        program.current_dir(self.path("examples/forum"));
        drop(Example::run(program));
    }

    /// What is wrong with the page.
    fn check(&self) -> String {
        let args = ["--project", "jsconfig.json", "--pretty", "false"];
        let output = node::run("tsc", &args, &self.path("examples/forum"));
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_field_of_another_type_is_an_error_in_the_page_once_the_program_has_run() {
    let copy = Copy::new();
    copy.run();
    assert_eq!(copy.check(), "");
    copy.edit("examples/forum/events.rs", "pub at: u64,", "pub at: String,");
    copy.edit("examples/forum/store.rs", "at: now()", "at: now().to_string()");
    assert_eq!(copy.check(), "", "nothing has told the page yet");
    copy.run();
    let errors = copy.check();
    let page = copy.read("examples/forum/public/feed.js");
    let line = 1 + page.lines().position(|line| line.contains("showTime(find(\"time\"")).unwrap();
    for part in [
        &*format!("public/feed.js({line},"),
        "Argument of type 'string' is not assignable to parameter of type 'number'",
        "Types of property 'at' are incompatible",
    ] {
        assert!(errors.contains(part), "{part}\n{errors}");
    }
}
