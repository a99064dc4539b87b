//! The project's own commands. `cargo xtask` lists them.

mod generated;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("gen") => generated::write(),
        Some(_) | None => anyhow::bail!("usage: cargo xtask gen"),
    }
}
