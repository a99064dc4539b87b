//! What the dispatch does by itself, for the records: caps that it sets and clients that it begins
//! to refuse.

use weir_core::dispatch::{ClassView, Explanation};
use weir_core::healing::{Mode, Rules, Scene, Sign, Step};

use crate::proxy::worker::Worker;

/// What was recorded of a class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Signalled {
    /// The cap.
    cap: Option<u32>,
    /// Its clients are refused early.
    sheds: bool,
    /// The modes of both: what was only shown and is done from now on is recorded again.
    modes: Option<[Mode; 2]>,
}

impl Worker {
    /// Records what is new since the last look: a cap, or one that fell to half of what was
    /// recorded; early refusals.
    pub(super) fn signal(&mut self, scene: Scene<'_>, rules: &Rules) {
        let classes: Vec<ClassView> = self.pools.classes(scene.pool).collect();
        for class in classes {
            let key = (scene.pool, class.class);
            let sheds = class.deadline.is_some();
            if class.cap.is_none() && !sheds {
                self.healing.signalled.remove(&key);
                continue;
            }
            let label = self.class_label(&class);
            let modes = Some([Step::Cap, Step::Shed].map(|step| rules.ladder.mode(&label, step)));
            let known = self.healing.signalled.get(&key).filter(|known| known.modes == modes);
            let known = known.copied().unwrap_or_default();
            let lower = match (class.cap, known.cap) {
                (Some(cap), Some(before)) => cap * 2 <= before,
                (Some(_), None) => true,
                (None, _) => false,
            };
            if lower {
                self.sign(scene, rules, (Step::Cap, &class));
            }
            if sheds && !known.sheds {
                self.sign(scene, rules, (Step::Shed, &class));
            }
            let cap = if lower { class.cap } else { class.cap.and(known.cap) };
            self.healing.signalled.insert(key, Signalled { cap, sheds, modes });
        }
    }

    fn sign(&mut self, scene: Scene<'_>, rules: &Rules, (step, class): (Step, &ClassView)) {
        let slots = match (step, class.cap) {
            (Step::Cap, Some(cap)) => class.held.saturating_sub(cap),
            (_, _) => 0,
        };
        let (number, route) = (self.options.incidents.number(), self.class_label(class));
        let sign = Sign { number, step, route, slots, why: explained(class) };
        self.healing.healer.sign(self.now, scene, rules, sign);
    }
}

/// The numbers behind what the dispatch does about a class.
fn explained(view: &ClassView) -> String {
    let (class, verdict, cap) = (view.class, view.verdict, view.cap);
    let (why, waited) = (verdict.why, std::time::Duration::ZERO);
    Explanation { class, verdict, why, waited, predicted: None, cap, top: None }.to_string()
}
