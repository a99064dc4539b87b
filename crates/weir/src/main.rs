//! The program: sockets, TLS, clock, files and the command line around the decisions of
//! `weir-core`.

fn main() -> anyhow::Result<()> {
    anyhow::bail!("usage: weir up|demo|config")
}
