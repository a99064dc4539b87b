//! `weir alert test`: sends a message to each receiver and says what became of it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use weir_core::alert::{Message, Verdict};
use weir_core::config::Settings;
use weir_core::config::settings::Receiver;

use super::courier::{Courier, wall};

/// Tests the receivers of these names, or all. The exit code is 1 when one did not get its
/// message.
///
/// # Errors
/// When nothing can be printed.
pub fn test(settings: &Settings, names: &[String], out: &mut dyn Write) -> Result<ExitCode> {
    let unknown = names.iter().filter(|name| !settings.receivers.contains_key(*name));
    let mut failed = false;
    for name in unknown {
        writeln!(out, "{name}: there is no [alerts.{name}]")?;
        failed = true;
    }
    let chosen = |name: &String| names.is_empty() || names.contains(name);
    if settings.receivers.is_empty() && names.is_empty() {
        writeln!(out, "no [alerts.NAME] is configured: only the log is told")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (name, receiver) in settings.receivers.iter().filter(|(name, _)| chosen(name)) {
        let verdict = runtime.block_on(one(&settings.incidents.name, receiver));
        let said = match &verdict {
            Verdict::Delivered => "delivered".to_owned(),
            Verdict::Failed { why, .. } => format!("not delivered, a later try may: {why}"),
            Verdict::Refused { why } => format!("refused: {why}"),
        };
        failed |= verdict != Verdict::Delivered;
        writeln!(out, "{name} ({}): {said}", receiver.kind.as_str())?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn one(installation: &str, receiver: &Receiver) -> Verdict {
    match Courier::new(receiver) {
        Ok(courier) => courier.deliver(&Message::test(installation, wall())).await,
        Err(why) => Verdict::Refused { why: format!("{why:#}") },
    }
}
