//! The command `datadog-sidecar-injector`.

use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    datadog_sidecar_injector::cli::main()
}
