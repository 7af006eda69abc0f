//! The client as files that a program writes: as an npm package, with types, under Node.
//!
//! Needs Node; `npm ci --prefix tests` fetches the compiler.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tests::{
    node,
    process::{Example, build},
};

/// A forum that has written its client, and the folder of a program that has installed that.
struct Stage {
    forum: Example,
    folder: tempfile::TempDir,
}

fn start(folder: &Path) -> Example {
    let mut forum = Command::new(build("forum"));
    forum.args(["--listen", "127.0.0.1:0", "--types", "client", "--data", "forum.redb"]);
    forum.current_dir(folder);
    Example::run(forum)
}

impl Stage {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Self { forum: start(folder.path()), folder };
        fs::write(stage.path("package.json"), r#"{ "private": true, "type": "module" }"#).unwrap();
        let installed =
            stage.run("npm", &["install", "--offline", "--no-audit", "--no-fund", "./client"]);
        assert!(installed.status.success(), "{}", said(&installed));
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        Command::new(program).args(args).current_dir(self.folder.path()).output().expect(program)
    }

    /// What the compiler says of a program.
    fn check(&self, program: &str) -> String {
        fs::write(self.path("program.ts"), program).unwrap();
        let options =
            "--strict --noEmit --target es2022 --module nodenext --lib es2022,dom --types";
        let mut args: Vec<_> = options.split_whitespace().collect();
        args.extend(["", "--pretty", "false", "program.ts"]);
        said(&node::run("tsc", &args, self.folder.path()))
    }

    /// What a program says that runs under Node.
    fn node(&self, program: &str) -> Output {
        fs::write(self.path("program.js"), program).unwrap();
        // In Node 20 what later ones have without it.
        self.run("node", &["--experimental-websocket", "program.js", &self.forum.url("/ws")])
    }
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

const PROGRAM: &str = r#"
    import { connect, CallError } from "forum-client";
    const forum = connect(process.argv[2]);
    forum.on("post_update", post => {
      console.log(post.id, post.author, post.body);
      forum.close();
    });
    console.log(await forum.call("submit_post", { author: "ada", body: "hello" }));
"#;

#[test]
fn what_a_program_writes_is_installed_checked_and_run() {
    let stage = Stage::open();
    let program = format!("declare const process: {{ argv: string[] }};\n{PROGRAM}");
    assert_eq!(stage.check(&program), "");
    let wrong = stage.check(&program.replace("post.author", "post.autor"));
    assert!(wrong.contains("Property 'autor' does not exist on type 'Post'"), "{wrong}");
    let output = stage.node(PROGRAM);
    assert!(output.status.success(), "{}", said(&output));
    let mut lines: Vec<_> = said(&output).lines().map(str::to_owned).collect();
    lines.retain(|line| !line.contains("Warning") && !line.contains("--trace-warnings"));
    lines.sort();
    assert_eq!(lines, ["1", "1 ada hello"]);
}

#[test]
fn a_program_that_names_no_server_is_told_so() {
    let stage = Stage::open();
    let output = stage.node(r#"import { connect } from "forum-client"; connect();"#);
    assert!(!output.status.success());
    let said = said(&output);
    assert!(said.contains("TypeError: no server: file:///"), "{said}");
}

#[test]
fn the_package_has_another_version_where_the_contract_is_another() {
    let stage = Stage::open();
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(stage.path("client").join(name)).unwrap()).unwrap()
    };
    let (package, contract) = (read("package.json"), read("contract.json"));
    let hash = contract["hash"].as_str().unwrap();
    assert_eq!(hash.len(), 16);
    assert_eq!(package["name"], "forum-client");
    assert_eq!(package["version"], format!("0.0.0-contract-{hash}"));
}

#[test]
fn what_is_there_already_is_left_alone_and_what_is_not_the_same_is_written() {
    let stage = Stage::open();
    let changed =
        |name: &str| fs::metadata(stage.path("client").join(name)).unwrap().modified().unwrap();
    let names = [
        "client.js",
        "client.d.ts",
        "socketkit.js",
        "session.js",
        "socketkit.d.ts",
        "package.json",
    ];
    let before = names.map(changed);
    fs::write(stage.path("client/client.d.ts"), "export {};").unwrap();
    fs::write(stage.path("client/own.js"), "").unwrap();
    let stale = changed("client.d.ts");
    // On another file of posts: the first has its own open.
    let mut forum = Command::new(build("forum"));
    forum.args(["--listen", "127.0.0.1:0", "--types", "client", "--data", "other.redb"]);
    let _forum = Example::run({
        forum.current_dir(stage.folder.path());
        forum
    });
    let after = names.map(changed);
    assert!(
        fs::read_to_string(stage.path("client/client.d.ts")).unwrap().contains("interface Post")
    );
    assert!(after[1] >= stale);
    for at in [0, 2, 3, 4, 5] {
        assert_eq!(after[at], before[at], "{}", names[at]);
    }
    assert!(stage.path("client/own.js").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("client"), "a file").unwrap();
    let mut forum = Command::new(build("forum"));
    forum.args(["--listen", "127.0.0.1:0", "--types", "client", "--data", "forum.redb"]);
    let output = forum.current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("client: "), "{}", said(&output));
}
