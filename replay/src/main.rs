//! The replay as a program of its own.

use clap::Parser;
use weir_replay::cli::Arguments;

#[derive(Parser)]
#[command(name = "weir-replay", about = "Replays the incident and prints the story's table")]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    weir_replay::cli::replay(Program::parse().arguments).await
}
