//! The pages of the examples, plain JavaScript, checked against the types that their programs write.
//!
//! Needs Node; `npm ci --prefix tests` fetches the compiler.

use std::{fs, path::Path, process::Command};
use tests::{
    node,
    process::{Example, build},
};

/// A copy of an example's page, with its settings and the types that its program has written.
struct Page(tempfile::TempDir);

impl Page {
    fn of(example: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
        fs::create_dir(folder.path().join("public")).unwrap();
        let files = fs::read_dir(source.join("public")).unwrap();
        let files = files.map(|file| Path::new("public").join(file.unwrap().file_name()));
        for file in files.chain(["jsconfig.json".into()]) {
            fs::copy(source.join(&file), folder.path().join(&file)).unwrap();
        }
        let mut program = Command::new(build(example));
        program.args(["--listen", "127.0.0.1:0", "--types", "client", "--data", "data"]);
        program.current_dir(folder.path());
        drop(Example::run(program));
        Self(folder)
    }

    /// What the compiler says of it.
    fn check(&self) -> String {
        let args = ["--project", "jsconfig.json", "--pretty", "false"];
        let output = node::run("tsc", &args, self.0.path());
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
    }

    /// The scripts of the page.
    fn scripts(&self) -> Vec<String> {
        let files = fs::read_dir(self.0.path().join("public")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let scripts = files.filter(|path| path.extension().is_some_and(|of| of == "js"));
        scripts.map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let path = self.0.path().join("public").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
}

#[test]
fn the_pages_fit_the_types_that_their_programs_write() {
    for (example, count) in [("forum", 4), ("visitor_counter", 2)] {
        let page = Page::of(example);
        assert_eq!(page.check(), "");
        let scripts = page.scripts();
        assert_eq!(scripts.len(), count);
        for script in scripts {
            assert!(script.starts_with("// @ts-check\n"), "an editor checks it without settings");
        }
    }
}

#[test]
fn a_mistake_in_a_page_is_an_error() {
    for (example, file, from, to, error) in [
        ("forum", "app.js", "\"thread_update\"", "\"thread_updated\"", "\"thread_updated\""),
        (
            "forum",
            "app.js",
            "\"submit_post\", {",
            "\"submit_post\", { id: 1,",
            "'id' does not exist",
        ),
        ("forum", "app.js", "({ post, reply })", "({ post, replies })", "'replies' does not exist"),
        ("forum", "feed.js", "post.id)", "post.ids)", "'ids' does not exist"),
        ("visitor_counter", "app.js", "now.online", "now.onlin", "'onlin' does not exist"),
    ] {
        let page = Page::of(example);
        page.replace(file, from, to);
        let errors = page.check();
        assert!(errors.contains(error) && errors.contains(file), "{to}\n{errors}");
    }
}
