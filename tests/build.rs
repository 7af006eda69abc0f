//! Writes the types of `random_types.rs`.

#[path = "random_types/fields.rs"]
mod fields;
#[path = "random_types/program.rs"]
mod program;
#[path = "random_types/types.rs"]
mod types;

use std::{env, fs, path::Path};

/// Other types: `RANDOM_TYPES=7 cargo test -p tests --test random_types`.
const SEED: &str = "RANDOM_TYPES";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["fields", "program", "types"] {
        println!("cargo:rerun-if-changed=random_types/{name}.rs");
    }
    println!("cargo:rerun-if-env-changed={SEED}");
    let seed = env::var(SEED).map_or(1, |seed| seed.parse().expect("a seed is a number"));
    let program = program::Program::write(seed, 20, 25);
    let folder = env::var_os("OUT_DIR").expect("cargo names a folder");
    fs::write(Path::new(&folder).join("random_types.rs"), program).expect("it can be written");
    println!("cargo:rustc-env={SEED}={seed}");
}
