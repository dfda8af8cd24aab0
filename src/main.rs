//! segue: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    segue::cli::main()
}
