//! The command `datadog-sidecar-injector`.

use std::process::ExitCode;

fn main() -> ExitCode {
    datadog_sidecar_injector::cli::main()
}
