//! The proxy runs out of file descriptors: each client and each server connection needs one.

use crate::activity::Picture;
use crate::diagnosis::{Cause, Confidence, Finding, Measure, Severity};

/// Fires from the same percentages as the limit on connections.
pub(super) fn descriptor_limit(picture: &Picture) -> Vec<Finding> {
    let descriptors = picture.proxy.as_ref().and_then(|proxy| proxy.descriptors);
    let Some((used, limit)) = descriptors else { return Vec::new() };
    #[expect(clippy::cast_precision_loss, reason = "descriptors are few")]
    let (used, limit) = (used as f64, limit.max(1) as f64);
    let percent = 100.0 * used / limit;
    if percent < f64::from(picture.thresholds.near_percent) {
        return Vec::new();
    }
    let full = percent >= f64::from(picture.thresholds.full_percent);
    let severity = if full { Severity::Critical } else { Severity::Warning };
    let summary = format!("The proxy has {used:.0} of {limit:.0} file descriptors open.");
    let finding = Finding::new(Cause::DescriptorLimit, severity, summary)
        .confidence(Confidence::Certain)
        .figure(Measure::DescriptorsUsed, used)
        .figure(Measure::DescriptorsLimit, limit)
        .leads_to("When none is left, new clients are not accepted and servers not dialled.")
        .helps(
            "Raise the process's limit (LimitNOFILE= of its unit, ulimit -n), or lower \
             limits.clients_max so that clients are refused with a message.",
        );
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::proxy_with;
    use crate::diagnosis::rules::tests::{fires, holds, joined};

    #[test]
    fn fires_near_the_limit_and_is_critical_at_it() {
        let picture = |used| {
            let mut proxy = proxy_with(Vec::new());
            proxy.descriptors = Some((used, 1000));
            joined(Vec::new(), Some(proxy))
        };
        holds(descriptor_limit, &picture(700));
        assert_eq!(fires(descriptor_limit, &picture(800)).severity, Severity::Warning);
        assert_eq!(fires(descriptor_limit, &picture(990)).severity, Severity::Critical);
        holds(descriptor_limit, &joined(Vec::new(), None));
    }
}
