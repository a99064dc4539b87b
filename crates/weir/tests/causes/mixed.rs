//! Two causes at once: the one that explains more comes first, the other is not forgotten.

use crate::scene::Scene;
use crate::stage::{Stage, play};

const SILENT: &str = "BEGIN; INSERT INTO stock VALUES ((random() * 1000000000)::int + 1000, 1)";
const SLEEP: &str = "SELECT pg_sleep(3600)";
const SEARCH: &str = "SELECT pg_sleep(3600) /*route='/search'*/";
const UPDATE: &str = "UPDATE stock SET n = n + 1 WHERE id = 1";

#[test]
fn two_at_once() {
    play(
        &Scene::new(),
        &[
            Stage {
                name: "a lock chain and silent transactions",
                guard: "",
                stage: |scene| {
                    let root = scene.after(1, &format!("BEGIN; {UPDATE}"));
                    root.and(scene.running(11, UPDATE)).and(scene.after(6, SILENT))
                },
                expected: &["lock-chain", "waits-on-application", "limit-near"],
            },
            Stage {
                name: "long statements and silent transactions",
                guard: "",
                stage: |scene| scene.running(12, SLEEP).and(scene.after(6, SILENT)),
                expected: &["long-statement", "waits-on-application", "limit-near"],
            },
            Stage {
                name: "one slow route and silent transactions",
                guard: "long_statement = \"1h\"\nslow_statement = \"100ms\"",
                stage: |scene| scene.running(11, SEARCH).and(scene.after(6, SILENT)),
                expected: &["slow-route", "waits-on-application", "limit-near"],
            },
            Stage {
                name: "connections that nobody uses and long statements",
                guard: "forgotten = \"100ms\"",
                stage: |scene| scene.running(5, SLEEP).and(scene.after(13, "SELECT 1")),
                expected: &["leak", "long-statement", "limit-near"],
            },
        ],
    );
}
