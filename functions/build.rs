//! Links the functions with mold where that is installed.
//!
//! What Rust links with by default, lld, keeps the exception tables of every function that it drops: half of a binary.

use std::env;
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // cargo-lambda brings a linker of its own, zig, which takes no other and not the same arguments.
    let is_given = env::var_os("RUSTC_LINKER").is_some();
    // Cargo does not see that one change, but the variable that it comes from.
    let target = env::var("TARGET").unwrap_or_default().to_uppercase().replace('-', "_");
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_{target}_LINKER");
    let native = env::var_os("TARGET") == env::var_os("HOST");
    if native && !is_given && cfg!(target_os = "linux") && is_installed("mold") {
        println!("cargo::rustc-link-arg-bins=-fuse-ld=mold");
        // No program in Rust may rely on two functions having two addresses: equal ones become one, for a twentieth less.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

fn is_installed(program: &str) -> bool {
    let mut version = Command::new(program);
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
