//! Links the functions without what only unwinding needs: tables that are a fifth of a function, and a third of one
//! that zig links, which keeps those of what it drops. A panic ends a function's process (`shared::lambda`), so that
//! nothing unwinds.
//!
//! And with full RELRO: addresses are resolved at the start and read-only from then on. rustc would do so by itself, but
//! .cargo/config.toml tells it otherwise, for the sake of shorter calls.

use std::env;

const SCRIPT: &str = "without-unwinding.ld";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SCRIPT}");
    // Lambda's; a developer's macOS has another format.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        let directory = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{directory}/{SCRIPT}");
        println!("cargo::rustc-link-arg-bins=-Wl,-z,now");
    }
}
