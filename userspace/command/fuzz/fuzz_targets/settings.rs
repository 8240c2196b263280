//! The options of a startup packet.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weir_command_fuzz::settings(data));
