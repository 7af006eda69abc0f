//! The types that a server writes for its pages: what serde writes fits them, and what does not is an
//! error that names the event.
//!
//! Needs Node; `npm ci --prefix tests` fetches the compiler.

#[path = "typescript/present.rs"]
mod present;
#[path = "typescript/shapes.rs"]
mod shapes;
#[path = "typescript/table.rs"]
mod table;

use serde_json::Value;
use shapes::*;
use socketkit::{Contract, Events, Protocol, contract};
use std::fmt::Write;
use tests::tsc::Project;

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
    #[event(reply = PostId)]
    Newest {
        of: UserId,
    },
    Delete(PostId),
}

#[derive(Debug, Events)]
enum ServerEvent {
    PostUpdate(Post),
    Told(External),
    Seen(Internal),
    #[event(reply = bool)]
    Confirm {
        id: u64,
    },
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Shapes;

/// Types with the names of others.
mod odd {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(rename = "URL")]
    pub(crate) struct Url {
        of: String,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct CallError {
        of: String,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(rename = "string")]
    pub(crate) struct Text {
        of: String,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(rename = "class")]
    pub(crate) struct Class {
        of: String,
    }

    #[derive(Debug, socketkit::Events)]
    pub(crate) enum Event {
        All(Url, CallError, Text, Class),
    }

    #[derive(Debug, socketkit::Protocol)]
    #[protocol(server = Event)]
    pub(crate) struct Protocol;
}

fn project() -> Project {
    Project::new(&[("client.d.ts".to_owned(), contract::<Shapes>().to_typescript())])
}

const IMPORTS: &str = "import { connect, ClientEvents, ServerEvents, Post, PostInput, PostId, UserId } from \"./client.js\";\nconst socket = connect();\n";

#[test]
fn each_form_of_a_type_is_the_same_in_json_in_its_schema_and_in_typescript() {
    let contract = contract::<table::Table>();
    let types = contract.to_typescript();
    let mut program = "import { ServerEvents } from \"./client.js\";\n".to_owned();
    for row in table::rows() {
        let event = row.values[0].0.name();
        let (schema, typescript) = described(&contract, &types, event);
        assert_eq!(schema, row.schema, "{event}");
        assert_eq!(typescript, row.typescript, "{event}");
        assert!(jsonschema::meta::is_valid(&schema), "{event}");
        for (value, expected) in row.values {
            let mut json = Vec::new();
            value.encode(&mut json).unwrap();
            let json = String::from_utf8(json).unwrap();
            assert_eq!(json, expected, "{event}");
            // A branded one is what the server says it is.
            let of = format!("ServerEvents[\"{event}\"][\"data\"]");
            let value =
                if typescript.contains("[brand]") { format!("{json} as {of}") } else { json };
            let _ = writeln!(program, "{{ const value: {of} = {value}; }}");
        }
    }
    let project = Project::new(&[("client.d.ts".to_owned(), types)]);
    assert_eq!(project.check(&program), "");
}

/// The schema of an event of the server and its type, or those that they refer to.
fn described(contract: &Contract, types: &str, event: &str) -> (Value, String) {
    let payload = contract.server[event].payload.clone().unwrap();
    let declared = |before: String, after: &str| {
        let (_, rest) = types.split_once(&before).unwrap_or_else(|| panic!("{before} in {types}"));
        let text = rest.split_once(after).unwrap().0;
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let Some(pointer) = payload["$ref"].as_str() else {
        let data = declared(format!("\n  {event}: {{ data: "), "; reply: null };");
        let fields = format!("export interface {data} ");
        let is_named = data.ends_with("Data") && types.contains(&fields);
        return (payload, if is_named { declared(fields, "\n}") + " }" } else { data });
    };
    let name = pointer.strip_prefix("#/write/").unwrap();
    let text = if types.contains(&format!("export interface {name} ")) {
        declared(format!("export interface {name} "), "\n}") + " }"
    } else {
        declared(format!("export type {name} = "), ";\n\n")
    };
    (contract.write[name].clone(), text)
}

#[test]
fn what_is_read_may_lack_what_has_a_default() {
    let program = IMPORTS.to_owned()
        + r#"
        socket.emit("submit_post", { author: "ada", body: "hello" });
        socket.emit("submit_post", { author: "ada", body: "hello", tags: ["a"] });
        const input: PostInput = { id: 1, author: "ada" };
        const output: Post = { id: 1, author: "ada", tags: [], "in-reply-to": null };
        socket.call("change", input).then(post => post.tags.length);
        socket.emit("typing");
        socket.on("confirm", ({ id }) => id > 3);
        socket.on("told", one => one === "unitOne" ? 0 : "newType" in one ? one.newType : 1);
        socket.on("seen", one => one.type === "Text" ? one.body.length : 0);
        "#;
    assert_eq!(project().check(&program), "");
}

#[test]
fn a_branded_id_is_of_its_own_type_alone() {
    let program = IMPORTS.to_owned()
        + r#"
        socket.call("newest", { of: "7" as UserId }).then(id => socket.emit("delete", id));
        const next: number = (1 as PostId) + 1;
        "#;
    assert_eq!(project().check(&program), "");
    for (line, said) in [
        (r#"socket.emit("delete", "7" as UserId);"#, ["'UserId'", "'PostId'"]),
        (r#"socket.emit("delete", 7);"#, ["'number'", "'PostId'"]),
        (r#"socket.call("newest", { of: 7 as PostId });"#, ["'PostId'", "'UserId'"]),
        (r#"const id: PostId = "7" as UserId;"#, ["'UserId'", "'PostId'"]),
    ] {
        let errors = project().check(&format!("{IMPORTS}{line}\n"));
        assert!(said.iter().all(|name| errors.contains(name)), "{line}\n{errors}");
    }
}

#[test]
fn mistakes_are_errors_that_name_the_event_or_the_field() {
    let project = project();
    for (line, said) in [
        (
            r#"socket.emit("sumbit_post", { author: "ada", body: "" });"#,
            r#"'"sumbit_post"' is not assignable to parameter of type '"change" | "delete" | "newest" | "submit_post" | "watch"'"#,
        ),
        (
            r#"socket.emit("submit_post", { author: 1, body: "" });"#,
            "'number' is not assignable to type 'string'",
        ),
        (r#"socket.emit("submit_post");"#, "\"submit_post\""),
        (
            r#"socket.emit("submit_post", { author: "ada" });"#,
            "Property 'body' is missing in type '{ author: string; }' but required in type 'SubmitPostData'",
        ),
        (
            r#"socket.emit("submit_post", { author: "ada", body: "", tag: "" });"#,
            "'tag' does not exist in type 'SubmitPostData'",
        ),
        (r#"socket.emit("typing", 1);"#, "\"typing\""),
        (
            r#"socket.on("post_updat", () => {});"#,
            r#"'"post_updat"' is not assignable to parameter of type '"confirm" | "post_update" | "seen" | "told"'"#,
        ),
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
        let errors = project.check(&format!("{IMPORTS}{line}\n"));
        assert!(errors.contains(said), "{line}\n{errors}");
    }
}

#[test]
fn rooms_and_who_is_present_are_of_the_types_of_the_contract() {
    let types = [
        ("meeting.d.ts".to_owned(), contract::<present::Meeting>().to_typescript()),
        ("counter.d.ts".to_owned(), contract::<present::Counter>().to_typescript()),
        ("client.d.ts".to_owned(), contract::<Shapes>().to_typescript()),
    ];
    let project = Project::new(&types);
    let imports = r#"
        import { connect as meet, Guest, Room } from "./meeting.js";
        import { connect as count } from "./counter.js";
        import { connect } from "./client.js";
        import { connect as untyped, Present, Presence, Store } from "./socketkit.js";
        const meeting = meet(), counter = count(), without = connect();
        "#;
    let program = r#"
        const room: Room = { table: 7 };
        const store: Store<Presence<Guest> | undefined> = meeting.presence(room);
        meeting.presence("hall").subscribe(presence => {
            if (!presence) return;
            const { members, joined, left } = presence;
            const all: Present<Guest>[] = [...members, ...joined, ...left];
            all.map(({ key, member, sockets }) => [key.length, member.name.length, member.glass?.full, sockets.length]);
        });
        counter.presence().value?.members[0]?.member.toFixed();
        counter.presence(null);
        untyped().presence({ any: "room" }).value?.members[0]?.member.anything;
        "#;
    assert_eq!(project.check(&format!("{imports}{program}")), "");
    for (line, said) in [
        (
            r#"meeting.presence("cellar");"#,
            r#"'"cellar"' is not assignable to parameter of type 'Room'"#,
        ),
        ("meeting.presence();", "Expected 1 arguments, but got 0"),
        (r#"meeting.presence({ table: "7" });"#, "'string' is not assignable to type 'number'"),
        (r#"meeting.presence("hall").subscribe(({ members }) => members);"#, "'members'"),
        (r#"meeting.presence("hall").value.members;"#, "possibly 'undefined'"),
        (
            r#"meeting.presence("hall").value?.members.map(({ member }) => member.nam);"#,
            "'nam' does not exist on type 'Guest'",
        ),
        ("counter.presence(7);", "'7' is not assignable to parameter of type 'null | undefined'"),
        (
            r#"without.presence("hall");"#,
            "'string' is not assignable to parameter of type 'NoPresence'",
        ),
        ("without.presence({});", "'\"the protocol has no presence\"' is missing"),
        ("without.presence();", "Expected 1 arguments, but got 0"),
    ] {
        let errors = project.check(&format!("{imports}{line}\n"));
        assert!(errors.contains(said), "{line}\n{errors}");
    }
}

#[test]
fn a_type_may_be_called_like_one_of_the_file_or_of_typescript() {
    let types = contract::<odd::Protocol>().to_typescript();
    let project = Project::new(&[("client.d.ts".to_owned(), types)]);
    let program = r#"
        import { CallError, connect } from "./client.js";
        connect(new URL("https://localhost/ws")).on("all", ([one, two, three, four]) => [
            one.of.length, two.of.length, three.of.length, four.of.length,
        ]);
        const code: string = new CallError("", "").code;
        "#;
    assert_eq!(project.check(program), "");
}

#[test]
fn documentation_is_there_where_an_editor_shows_it() {
    let types = contract::<Shapes>().to_typescript();
    for part in [
        "/**\n * A post.\n *\n * With *many* fields; and a comment that would end: *\\/\n */\nexport interface Post {",
        "  /** Its number. */\n  id: number;",
        "  /** Publish a post; answered with its id. */\n  submit_post: { data: SubmitPostData; reply: Id };\n",
        "/** What `submit_post` carries. */\nexport interface SubmitPostData {\n  /** Who it is of. */\n",
    ] {
        assert!(types.contains(part), "{part}\n{types}");
    }
}
