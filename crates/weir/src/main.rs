//! The program: sockets, TLS, clock, files and the command line around the decisions of
//! `weir-core`.

pub mod proxy;

fn main() -> anyhow::Result<()> {
    anyhow::bail!("usage: weir up|demo|config")
}
