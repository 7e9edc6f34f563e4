//! The `vitrine` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    vitrine::main()
}
