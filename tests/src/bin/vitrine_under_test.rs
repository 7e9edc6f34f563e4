//! The `vitrine` command, as the tests start it.

fn main() -> std::process::ExitCode {
    vitrine::main()
}
