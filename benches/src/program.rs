//! The programs of servers that are measured: built, or fetched.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Builds a server of this package, with features of it; where it is then.
///
/// # Errors
///
/// Why it cannot be.
pub fn build(bin: &str, features: &str) -> Result<PathBuf, String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "-p", "benches"]);
    command.args(["--features", features, "--bin", bin]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(_) => return Err("it does not build".into()),
        Err(error) => return Err(format!("cargo: {error}")),
    }
    let this = env::current_exe().map_err(|error| error.to_string())?;
    Ok(this.with_file_name(bin))
}

/// Fetches the packages of the scripts in `compare`, unless they are there.
///
/// # Errors
///
/// Why they cannot be.
pub fn fetch() -> Result<(), String> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("compare");
    if scripts.join("node_modules").exists() {
        return Ok(());
    }
    output(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(scripts))
        .map(drop)
}

/// What a command prints.
///
/// # Errors
///
/// Why it does not.
pub fn output(command: &mut Command) -> Result<String, String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    match command.stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().into())
        }
        Ok(output) => Err(format!("{name}: {}", output.status)),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
