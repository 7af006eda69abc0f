//! The types that a server writes for its pages: what serde writes fits them, and what does not is an
//! error that names the event.
//!
//! Needs Node; `npm ci --prefix tests` fetches the compiler.

#[path = "typescript/shapes.rs"]
mod shapes;

use serde_json::json;
use shapes::*;
use socketkit::{Events, Protocol, contract};
use std::{fmt::Write, fs};
use tests::node;

#[derive(Debug, Events)]
enum ClientEvent {
    /// Publish a post; answered with its id.
    #[event(reply = Id)]
    SubmitPost {
        /// Who it is of.
        author: String,
        body: String,
        #[serde(default)]
        tags: Vec<String>,
    },
    Watch(u64),
    #[event(volatile)]
    Typing,
    #[event(reply = Post)]
    Change(Post),
}

#[derive(Debug, Events)]
enum ServerEvent {
    PostUpdate(Post),
    Ids(Vec<Id>),
    PairOf(Pair),
    Pages(Page<Post>),
    ExternalOne(External),
    InternalOne(Internal),
    AdjacentOne(Adjacent),
    UntaggedOne(Untagged),
    FlatOne(Flat),
    StrictOne(Strict),
    ManyOfThem(Many),
    Trees(Tree),
    #[event(reply = bool)]
    Confirm {
        id: u64,
    },
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Shapes;

/// A folder with what a server of the protocol serves, and with the programs of a test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let served =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../socketkit/src/browser/socketkit.d.ts");
        fs::copy(served, folder.path().join("socketkit.d.ts")).unwrap();
        fs::write(folder.path().join("client.d.ts"), contract::<Shapes>().to_typescript()).unwrap();
        Self(folder)
    }

    /// What the compiler says of a program.
    fn check(&self, program: &str) -> String {
        fs::write(self.0.path().join("program.ts"), program).unwrap();
        let options = "--strict --noEmit --target es2022 --module nodenext --lib es2022,dom \
            --exactOptionalPropertyTypes --skipLibCheck false --pretty false";
        let mut args: Vec<_> = options.split_whitespace().collect();
        args.extend(["--types", "", "program.ts"]);
        let output = node::run("tsc", &args, self.0.path());
        String::from_utf8(output.stdout).unwrap()
    }
}

fn posts() -> [Post; 2] {
    let bare =
        Post { id: 1, author: "ada".into(), tags: vec![], parent: None, edited: None, reply: None };
    let full = Post {
        tags: vec!["a".into()],
        parent: Some(3),
        edited: Some("now".into()),
        reply: Some(Box::new(bare.clone())),
        ..bare.clone()
    };
    [bare, full]
}

/// Values of every form.
fn values() -> Vec<ServerEvent> {
    use ServerEvent as E;
    let place = || Place { x: 0.5, y: -1.0 };
    let many = Many {
        map: [("a".into(), 1)].into(),
        by_number: [(1, "a".into())].into(),
        set: [1, 2].into(),
        three: [1, 2, 3],
        tuple: (1, "a".into(), None),
        nested: Some(None),
        unit: (),
        letter: 'a',
        text: "a".into(),
        large: 5,
        small: -5,
        any: json!({ "a": [null, 1] }),
        pages: Page { items: vec![Page { items: vec![Id(1)], next: None }], next: Some(2) },
    };
    let mut values: Vec<_> = posts().into_iter().map(E::PostUpdate).collect();
    values.extend([
        E::Ids(vec![Id(1), Id(2)]),
        E::PairOf(Pair(1, "a".into())),
        E::Pages(Page { items: posts().into(), next: None }),
        E::FlatOne(Flat {
            name: "a".into(),
            place: place(),
            rest: [("b".into(), json!([1]))].into(),
        }),
        E::StrictOne(Strict { only: 1 }),
        E::ManyOfThem(many),
        E::Trees(Tree::Node(vec![Tree::Leaf(1), Tree::Node(vec![])])),
        E::Confirm { id: 1 },
    ]);
    values.extend(
        [
            External::UnitOne,
            External::NewType(1),
            External::TwoOf(1, "a".into()),
            External::WithFields { a_b: true },
        ]
        .map(E::ExternalOne),
    );
    values.extend(
        [Internal::Nothing, Internal::Text { body: "a".into() }, Internal::Inner(place())]
            .map(E::InternalOne),
    );
    values.extend(
        [Adjacent::Nothing, Adjacent::Number(0.5), Adjacent::Both(1, 2), Adjacent::Named { x: 1 }]
            .map(E::AdjacentOne),
    );
    values.extend(
        [
            Untagged::Number(0.5),
            Untagged::Text("a".into()),
            Untagged::Place(place()),
            Untagged::Nothing,
        ]
        .map(E::UntaggedOne),
    );
    values
}

const IMPORTS: &str = "import { connect, ClientEvents, ServerEvents, Post, PostInput } from \"./client.js\";\nconst socket = connect();\n";

#[test]
fn what_serde_writes_is_of_its_type() {
    let mut program = IMPORTS.to_owned();
    for (at, value) in values().into_iter().enumerate() {
        let (event, mut data) = (value.name(), Vec::new());
        value.encode(&mut data).unwrap();
        let data = String::from_utf8(data).unwrap();
        let _ = writeln!(program, "const value{at}: ServerEvents[\"{event}\"][\"data\"] = {data};");
    }
    assert_eq!(Folder::new().check(&program), "");
}

#[test]
fn what_is_read_may_lack_what_has_a_default() {
    let program = IMPORTS.to_owned()
        + r#"
        socket.emit("submit_post", { author: "ada", body: "hello" });
        socket.emit("submit_post", { author: "ada", body: "hello", tags: ["a"] });
        const input: PostInput = { id: 1, author: "ada" };
        const output: Post = { id: 1, author: "ada", tags: [], edited: null, "in-reply-to": null };
        socket.call("change", input).then(post => post.tags.length);
        socket.emit("typing");
        socket.on("confirm", ({ id }) => id > 3);
        socket.on("external_one", one => one === "unitOne" ? 0 : "newType" in one ? one.newType : 1);
        socket.on("internal_one", one => one.type === "Text" ? one.body.length : 0);
        "#;
    assert_eq!(Folder::new().check(&program), "");
}

#[test]
fn mistakes_are_errors_that_name_the_event_or_the_field() {
    let folder = Folder::new();
    for (line, said) in [
        (r#"socket.emit("sumbit_post", { author: "ada", body: "" });"#, "\"sumbit_post\""),
        (
            r#"socket.emit("submit_post", { author: 1, body: "" });"#,
            "'number' is not assignable to type 'string'",
        ),
        (r#"socket.emit("submit_post");"#, "\"submit_post\""),
        (r#"socket.emit("submit_post", { author: "ada" });"#, "Property 'body' is missing"),
        (r#"socket.emit("typing", 1);"#, "\"typing\""),
        (r#"socket.on("post_updat", () => {});"#, "\"post_updat\""),
        (
            r#"socket.on("post_update", (post: string) => {});"#,
            "'Post' is not assignable to type 'string'",
        ),
        (r#"socket.on("confirm", () => 1);"#, "'boolean | Promise<boolean>'"),
        (
            r#"socket.call("submit_post", { author: "", body: "" }).then(id => id.length);"#,
            "'length' does not exist",
        ),
    ] {
        let errors = folder.check(&format!("{IMPORTS}{line}\n"));
        assert!(errors.contains(said), "{line}\n{errors}");
    }
}

#[test]
fn documentation_is_there_where_an_editor_shows_it() {
    let types = contract::<Shapes>().to_typescript();
    for part in [
        "/**\n * A post.\n *\n * With *many* fields; and a comment that would end: *\\/\n */\nexport interface Post {",
        "  /** Its number. */\n  id: number;",
        "  /** Publish a post; answered with its id. */\n  submit_post: { data: {\n    /** Who it is of. */\n",
    ] {
        assert!(types.contains(part), "{part}\n{types}");
    }
}
