//! segue
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|command| command == "__supervise")
    {
        return segue::postgres::throwaway::supervise();
    }
    ExitCode::SUCCESS
}
