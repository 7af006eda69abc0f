//! Whom a new version of a protocol breaks: `cargo run --example contract -- check old.json new.json`.
//!
//! The files are what servers serve as `/ws/contract.json`. That of the released version belongs beside the
//! source; in CI `show` writes that of the present one.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs, unreachable_pub)]

#[path = "forum/events.rs"]
#[allow(dead_code)]
mod events;

use clap::{Parser, Subcommand, ValueEnum};
use examples::{Failure, about};
use socketkit::{Breaks, Change, Contract};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Whom a new version of a protocol breaks
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print what changed, and end with 1 if that breaks somebody; with 2 if a file cannot be read
    Check {
        /// The contract that is in use
        old: PathBuf,
        /// The contract that is to be
        new: PathBuf,
        /// Whose break is a failure
        #[arg(long, value_enum, default_value = "any")]
        fail_on: FailOn,
    },
    /// Print the contract of the forum
    Show,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum FailOn {
    /// Old clients at new servers, or new clients at old servers
    Any,
    /// Old clients at new servers: enough where no client is newer than its server
    OldClients,
}

impl FailOn {
    fn counts(self, change: &Change) -> bool {
        match change.breaks {
            Breaks::OldClients | Breaks::Both => true,
            Breaks::OldServers => self == Self::Any,
            _ => false,
        }
    }
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure:?}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let Command::Check { old, new, fail_on } = command else {
        println!("{}", serde_json::to_string_pretty(&socketkit::contract::<events::Forum>())?);
        return Ok(ExitCode::SUCCESS);
    };
    let changes = read(&old)?.compare(&read(&new)?);
    print(&changes);
    let is_broken = changes.iter().any(|change| fail_on.counts(change));
    Ok(if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(path: &Path) -> Result<Contract, Failure> {
    let text = about(path.display(), fs::read(path))?;
    about(path.display(), serde_json::from_slice(&text))
}

/// Prints the changes by what they break.
fn print(changes: &[Change]) {
    if changes.is_empty() {
        println!("no change");
    }
    for (breaks, title) in [
        (Breaks::Both, "breaks old clients, and new ones at old servers:"),
        (Breaks::OldClients, "breaks old clients:"),
        (Breaks::OldServers, "breaks new clients at old servers:"),
        (Breaks::Unknown, "cannot be judged:"),
        (Breaks::Nobody, "breaks nobody:"),
    ] {
        let changes: Vec<_> = changes.iter().filter(|change| change.breaks == breaks).collect();
        if !changes.is_empty() {
            println!("{title}");
            changes.iter().for_each(|change| println!("  {change}"));
        }
    }
}
