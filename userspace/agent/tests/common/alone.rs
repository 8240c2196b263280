//! Tests that measure the memory of their process, each in a process of its own.

use std::{
    env,
    process::{Command, Stdio},
};

/// Tells a test that it runs alone; nobody sets it but these tests.
const ALONE: &str = "WEIR_TEST_ALONE";

/// Runs the test of this name in a process of its own, where no other test takes memory. True in
/// that process.
pub fn alone(test: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, "1")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(child.wait().unwrap().success(), "see what it said above");
    false
}
