//! What the check that every event has one handler costs the compiler.
//!
//! `cargo run -p benches --bin slots` writes a crate with n events and n handlers, once registered at
//! a `Server` and once with the same bounds but no slots, and prints the shortest of five runs of
//! `cargo check` of each.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("events  with slots  without  ratio");
    for count in [10, 50, 64, 100, 200] {
        let (with, without) = (check(count, true)?, check(count, false)?);
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        println!("{count:>6}  {with:>10.2?}  {without:>7.2?}  {ratio:>5.2}");
    }
    Ok(())
}

/// The shortest time to check a crate with `count` events.
fn check(count: usize, slots: bool) -> Result<Duration, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join("target/slots");
    fs::create_dir_all(folder.join("src"))?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let manifest = "[package]\nname = \"slots\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
                    [dependencies]\nsocketkit = { path = \"../../socketkit\" }\n";
    fs::write(folder.join("Cargo.toml"), manifest)?;
    let source = folder.join("src/main.rs");
    let mut shortest = Duration::MAX;
    // The first run also checks what the crate depends on.
    for run in 0..6 {
        fs::write(&source, program(count, slots)?)?;
        let start = Instant::now();
        let checked =
            Command::new("cargo").args(["check", "--quiet"]).current_dir(&folder).status()?;
        if !checked.success() {
            return Err("the program does not compile".into());
        }
        if run > 0 {
            shortest = shortest.min(start.elapsed());
        }
    }
    Ok(shortest)
}

fn program(count: usize, slots: bool) -> Result<String, std::fmt::Error> {
    let mut out = String::from("use socketkit::*;\n#[derive(Events)]\npub enum ClientEvent {\n");
    for event in 0..count {
        writeln!(out, "    Event{event} {{ number: u32, text: String }},")?;
    }
    out += "}\n#[derive(Protocol)]\n#[protocol(client = ClientEvent)]\npub struct Many;\n";
    for event in 0..count {
        writeln!(
            out,
            "async fn event{event}(_: client_event::Event{event}, _: Socket<Many>) {{}}"
        )?;
    }
    if !slots {
        out += "struct Free;\nimpl Free {\n    fn on<E, Args, H>(self, _: H) -> Self\n    where\n        \
                H: Handler<E, Args>,\n        E: Event,\n        Args: FromContext<Context<Many, (), ()>> + 'static,\n        \
                H::Future: Future<Output: IntoReply<E::Reply>> + Send + 'static,\n    { self }\n}\n";
    }
    out += if slots {
        "fn main() {\n    drop(Server::<Many>::new()"
    } else {
        "fn main() {\n    drop(Free"
    };
    for event in 0..count {
        write!(out, "\n        .on(event{event})")?;
    }
    out += if slots { "\n        .build());\n}\n" } else { ");\n}\n" };
    Ok(out)
}
