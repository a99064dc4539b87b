//! A staged cause: what is brought about, and what must be found first.

use weir_testkit::until;

use crate::scene::{Held, PATIENCE, QUICK, Scene, causes};

/// One line of the library.
pub(crate) struct Stage {
    /// What it is, in words.
    pub(crate) name: &'static str,
    /// Lines of `[guard]` over the quick ones.
    pub(crate) guard: &'static str,
    /// Brings it about.
    pub(crate) stage: fn(&Scene) -> Held,
    /// The causes that must be found: the first one first, the others anywhere.
    pub(crate) expected: &'static [&'static str],
}

/// Stages one after the other on the same server.
pub(crate) fn play(scene: &Scene, stages: &[Stage]) {
    for stage in stages {
        let held = (stage.stage)(scene);
        let guard = guard(stage.guard);
        let mut last = Vec::new();
        let found = until(stage.name, PATIENCE, || {
            last = causes(&scene.check(&guard));
            let first = last.first().map(String::as_str) == stage.expected.first().copied();
            let all = stage.expected.iter().all(|cause| last.iter().any(|found| found == cause));
            Ok((first && all).then_some(()))
        });
        assert!(found.is_ok(), "{}: expected {:?}, found {last:?}", stage.name, stage.expected);
        drop(held);
        scene.clear();
    }
}

/// The quick thresholds with some of them replaced: TOML knows no key twice.
pub(crate) fn guard(own: &str) -> String {
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let own_keys: Vec<String> = own.lines().map(key).collect();
    let kept = QUICK.lines().filter(|line| key(line).is_empty() || !own_keys.contains(&key(line)));
    let kept: Vec<&str> = kept.collect();
    format!("{}\n{own}", kept.join("\n"))
}
