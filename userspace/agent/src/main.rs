//! The `weir` binary: the command line of [`weir_agent`].

use std::process::ExitCode;

fn main() -> ExitCode {
    weir_agent::cli::main()
}
