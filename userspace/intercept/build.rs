//! Takes the compiled eBPF object into the crate.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=WEIR_EBPF_OBJECT");
    let object = match env::var_os("WEIR_EBPF_OBJECT") {
        Some(path) => PathBuf::from(path),
        None => {
            PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../target/ebpf/weir-programs.o")
        }
    };
    println!("cargo::rerun-if-changed={}", object.display());
    let into = PathBuf::from(env::var("OUT_DIR")?).join("weir-programs.o");
    if let Err(error) = fs::copy(&object, &into) {
        println!(
            "cargo::error=no eBPF programs at {} ({error}): run cargo xtask build-ebpf",
            object.display()
        );
    }
    Ok(())
}
