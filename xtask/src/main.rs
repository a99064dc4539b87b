//! The project's own commands. `cargo xtask` lists them.

fn main() -> anyhow::Result<()> {
    anyhow::bail!("usage: cargo xtask <ci>")
}
