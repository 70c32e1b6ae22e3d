//! What a function's package holds, and what it does not. Of another system's binaries nothing is said here.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

const FUNCTION: &str = env!("CARGO_BIN_EXE_generate-tenant-id");

fn printed(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    output.stdout
}

fn readelf(option: &str) -> String {
    String::from_utf8(printed("readelf", &["--wide", option, FUNCTION])).unwrap()
}

#[test]
fn there_are_no_tables_for_unwinding() {
    let sections = readelf("--section-headers");
    assert!(sections.contains(" .text "), "{sections}");
    for section in [" .eh_frame ", " .eh_frame_hdr ", " .gcc_except_table "] {
        assert!(!sections.contains(section), "{section}: {sections}");
    }
}

#[test]
fn addresses_are_resolved_at_the_start_and_read_only_from_then_on() {
    let (segments, dynamic) = (readelf("--program-headers"), readelf("--dynamic"));
    assert!(segments.contains("GNU_RELRO"), "{segments}");
    assert!(dynamic.contains("BIND_NOW"), "{dynamic}");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_do_not_go_through_a_table() {
    let sections = readelf("--section-headers");
    let table = sections.lines().find_map(|line| line.split_once(" .got ")).unwrap().1;
    let size = u64::from_str_radix(table.split_whitespace().nth(3).unwrap(), 16).unwrap();
    // The standard library's own calls are compiled as they are.
    assert!(size < 8 << 10, "{size} bytes: are there RUSTFLAGS in the environment? They replace .cargo/config.toml");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "of an optimized build")]
fn no_package_has_more_than_3_mb() {
    let binaries = Path::new(FUNCTION).parent().unwrap();
    let names = fs::read_dir("src/bin").unwrap().map(|source| source.unwrap().path().with_extension(""));
    let functions = names.map(|name| binaries.join(name.file_name().unwrap()));
    let mut by_size: Vec<_> = functions.map(|path| (fs::metadata(&path).unwrap().len(), path)).collect();
    by_size.sort_unstable();
    for (_, function) in by_size.iter().rev().take(5) {
        // A zip is compressed as gzip does it.
        let package = printed("gzip", &["--stdout", function.to_str().unwrap()]).len();
        assert!(package <= 3_000_000, "{}: {package} bytes", function.display());
    }
}
