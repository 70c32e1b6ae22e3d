//! Links the functions with mold where that is installed.
//!
//! What Rust links with by default, lld, keeps the exception tables of every function that it drops: half of a binary.

use std::env;
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();
    // cargo-lambda brings a linker of its own, zig, which takes no other and not the same arguments.
    let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
    println!("cargo::rerun-if-env-changed={linker}");
    let is_given = env::var_os(linker).is_some() || env::var_os("RUSTC_LINKER").is_some();
    let native = env::var_os("HOST").is_some_and(|host| *host == *target);
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
