//! The order service as a program of its own.

use std::io::Write as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match orders::command::run(std::env::args().skip(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One message, and no backtrace that would push it out of sight.
            let _ = writeln!(std::io::stderr(), "orders: {error:#}");
            ExitCode::FAILURE
        }
    }
}
