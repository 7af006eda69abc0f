//! Expansions as text, compared with `expected/*.rs`. `BLESS=1 cargo test` writes them anew.

use proc_macro2::TokenStream;
use std::{fs, path::Path};

fn pretty(expansion: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(expansion).expect("an expansion is a list of items"))
}

/// Compares with what was expected, or writes it.
fn check(name: &str, expansion: TokenStream) {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expected").join(format!("{name}.rs"));
    let text = pretty(expansion);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
        return;
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(text == expected, "{name} expands to\n{text}\nBLESS=1 accepts it");
}

fn events(name: &str, input: &str) {
    let input = input.parse().expect("tokens");
    check(name, crate::events::derive(input).expect("a good enum"));
}

macro_rules! snapshots {
    ($($name:ident: $input:literal,)+) => {
        $(#[test]
        fn $name() {
            events(stringify!($name), $input);
        })+
    };
}

snapshots! {
    unit: "pub enum ClientEvent { /// The user is typing.\n Typing }",
    newtype: "pub enum ClientEvent { Watch(u64) }",
    tuple: "enum ClientEvent { Move(f32, f32) }",
    structure: "pub(crate) enum ClientEvent { Submit { author: String, #[serde(default)] body: String } }",
    reply: "pub enum ClientEvent { #[event(reply = Vec<Post>)] Read(u64) }",
    policies: "pub enum ServerEvent { #[event(volatile)] Blink, #[event(latest)] Count(usize) }",
    policies_with_values: "pub enum ServerEvent { #[event(max = \"4KiB\", rate = \"5/s\")] Post(Post), \
        #[event(latest = \"id, r#type\", rate = \"1/min\", burst = 3)] Moved { id: u32, r#type: u8, at: f32 }, \
        #[event(latest = \"id\")] Seen(Seen), #[event(latest = \"1\")] Pair(f32, u8), Typing }",
    alias: "pub enum ClientEvent { #[event(rename = \"post.watch\", alias = \"watch\")] Watch(u64) }",
    raw_identifier: "pub enum ClientEvent { r#type { r#fn: u8 } }",
    transparent: "pub enum ClientEvent { #[event(transparent)] Submit(Post) }",
    links: "pub enum ClientEvent { /// Not [`Self::Typing`], see [there](Self::Typing).\n Watch(u64), Typing }",
    clash: "pub enum ClientEvent { Submit(Submit), String(String), Own(self::Own), Up(super::Up) }",
    empty: "pub enum ClientEvent {}",
}

#[test]
fn protocol() {
    let input = "#[protocol(client = ClientEvent, room = u64)] pub struct Forum;";
    let expansion = crate::protocol::derive(input.parse().expect("tokens"));
    check("protocol", expansion.expect("a good struct"));
}

#[test]
fn mistakes_leave_a_stub_with_every_struct() {
    let input = "pub enum ClientEvent { #[event(volatle)] Typing, Watch(u64) }";
    let errors = crate::events::derive(input.parse().expect("tokens"));
    check("mistakes", errors.unwrap_or_else(syn::Error::into_compile_error));
}
