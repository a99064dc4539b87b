//! The server does not answer.

use std::time::Duration;

use crate::activity::{Contact, Picture};
use crate::diagnosis::{Cause, Confidence, Finding, Measure, Severity};

/// Fires when the server cannot be reached, or has not answered for longer than the limit.
pub(super) fn database_down(picture: &Picture) -> Vec<Finding> {
    let (silence, why) = match &picture.contact {
        Contact::Lost(time, why) => (*time, format!("The server cannot be reached: {why}.")),
        Contact::Silent(time) if *time > picture.thresholds.silence => (*time, hangs(*time)),
        Contact::Silent(_) | Contact::Up | Contact::Full(_) | Contact::Refused(_) => {
            return Vec::new();
        }
    };
    let finding = Finding::new(Cause::DatabaseDown, Severity::Critical, why)
        .confidence(Confidence::Certain)
        .figure(Measure::Silence, silence.as_secs_f64())
        .leads_to("Clients wait, and are refused when their time is over.")
        .helps(
            "Look whether host and port are right, whether PostgreSQL runs, starts up or recovers \
             (its log says so), and whether the network lets us through. Weir tries again by \
             itself.",
        );
    vec![finding]
}

fn hangs(time: Duration) -> String {
    format!("The server accepts connections but has not answered for {:.0} s.", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::rules::tests::{fires, holds, server};

    #[test]
    fn fires_when_it_is_gone_or_hangs() {
        let mut picture = server(Vec::new());
        picture.contact = Contact::Lost(Duration::from_secs(1), "connection refused".into());
        assert!(fires(database_down, &picture).summary.contains("connection refused"));
        picture.contact = Contact::Silent(Duration::from_secs(10));
        assert_eq!(fires(database_down, &picture).value(Measure::Silence), Some(10.0));
    }

    #[test]
    fn holds_for_a_short_pause_and_for_a_refusal() {
        let mut picture = server(Vec::new());
        for contact in [
            Contact::Up,
            Contact::Silent(Duration::from_secs(1)),
            Contact::Full("sorry".into()),
            Contact::Refused("password".into()),
        ] {
            picture.contact = contact;
            holds(database_down, &picture);
        }
    }
}
