//! Sends the metrics to an OpenTelemetry collector: OTLP over HTTP, as JSON.
//!
//! It runs on the login threads and asks workers by letters. One export is under way at a time,
//! within `otlp.timeout`; one that fails is dropped, which is said once until one succeeds again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use weir_core::alert::Request;
use weir_core::config::settings::{Otlp, Secret};
use weir_core::console::{Period, otlp};

use crate::alert::Web;
use crate::proxy::console::Gathered;
use crate::proxy::mail::Detail;
use crate::proxy::threads::House;

/// How much of a refusal is repeated in the log.
const REASON_CHARS: usize = 200;

/// Begins to export, where there is a collector.
///
/// # Errors
/// When the certificates of its issuers cannot be read.
pub fn start(settings: &Otlp, runtime: &Runtime, house: Arc<House>) -> Result<()> {
    let Some(address) = settings.address.clone() else { return Ok(()) };
    let web = Web::new(address, settings.ca.as_deref()).context("otlp.url cannot be used")?;
    let exporter = Exporter { settings: settings.clone(), web, house, start_nanos: unix_nanos() };
    runtime.spawn(exporter.run());
    Ok(())
}

struct Exporter {
    settings: Otlp,
    web: Web,
    house: Arc<House>,
    start_nanos: u64,
}

impl Exporter {
    async fn run(self) {
        let every = self.settings.every;
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            match self.export().await {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("metrics are exported again");
                    }
                }
                Err(why) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!("metrics are not exported: {why:#}");
                    }
                }
            }
        }
    }

    async fn export(&self) -> Result<()> {
        let gathered = Gathered::new(&self.house, Detail::Ledger).await?;
        let period = Period { start_nanos: self.start_nanos, now_nanos: unix_nanos() };
        let body = otlp(&gathered.view(), &self.settings.instance, period).to_string();
        let sent = timeout(self.settings.timeout, self.web.exchange(&self.request(body))).await;
        let (status, _, answer) = sent.context("the collector took too long")??;
        if (200..300).contains(&status) {
            return Ok(());
        }
        let reason: String = String::from_utf8_lossy(&answer).chars().take(REASON_CHARS).collect();
        bail!("the collector answered with status {status}: {}", reason.trim())
    }

    fn request(&self, body: String) -> Request {
        let token = self.settings.token.as_ref();
        let bearer =
            token.map(|token| ("authorization", Secret::new(format!("Bearer {}", token.reveal()))));
        Request {
            path: String::new(),
            query: String::new(),
            headers: bearer.into_iter().collect(),
            content_type: "application/json",
            body,
        }
    }
}

fn unix_nanos() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
