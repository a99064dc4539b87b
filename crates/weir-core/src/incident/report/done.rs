//! What was done, and what it changed.

use std::collections::BTreeMap;

use super::Story;
use super::document::Block;
use crate::config::choices::Language;
use crate::incident::action::{Action, Effect, Lifted};
use crate::incident::event::EventKind;
use crate::incident::moment::Wall;
use crate::incident::words;

/// One action and all that is known of it.
struct Known<'a> {
    at: Wall,
    action: &'a Action,
    effect: Option<&'a Effect>,
    lifted: Option<&'a Lifted>,
}

/// Each action with its reason, what was expected of it and what it changed.
pub(super) fn done(story: &Story, language: Language) -> Vec<Block> {
    let actions = actions(story);
    if actions.is_empty() {
        let none = language.pick("Nothing: no action was taken.", "未采取任何措施。");
        return vec![Block::Paragraph(none.to_owned())];
    }
    actions.values().flat_map(|known| told(known, language)).collect()
}

fn actions(story: &Story) -> BTreeMap<u64, Known<'_>> {
    let mut actions: BTreeMap<u64, Known<'_>> = BTreeMap::new();
    for event in &story.events {
        match &event.kind {
            EventKind::Action(action) => {
                let known = Known { at: event.at, action, effect: None, lifted: None };
                actions.insert(action.number, known);
            }
            EventKind::Effect(effect) => {
                if let Some(known) = actions.get_mut(&effect.number) {
                    known.effect = Some(effect);
                }
            }
            EventKind::Lifted(lifted) => {
                if let Some(known) = actions.get_mut(&lifted.number) {
                    known.lifted = Some(lifted);
                }
            }
            EventKind::FirstDeviation { .. }
            | EventKind::FirstWait { .. }
            | EventKind::FirstRefusal { .. }
            | EventKind::FirstFailure { .. }
            | EventKind::LimitReached { .. }
            | EventKind::FailureRate { .. }
            | EventKind::Offender { .. }
            | EventKind::ServerLost
            | EventKind::ServerBack { .. }
            | EventKind::ConfigChanged { .. }
            | EventKind::State { .. }
            | EventKind::Recovered { .. }
            | EventKind::Interrupted
            | EventKind::LeftOut { .. } => {}
        }
    }
    actions
}

fn told(known: &Known<'_>, language: Language) -> [Block; 2] {
    let Known { at, action, effect, lifted } = known;
    let what = words::step(action.step, language);
    let verdict = words::verdict(action.verdict, language);
    let (number, clock) = (action.number, at.clock());
    let head = match language {
        Language::En => format!("{number}. {clock} UTC: {what} ({verdict})"),
        Language::Zh => format!("{number}. {clock} UTC：{what}（{verdict}）"),
    };
    let mut items = Vec::new();
    let mut say = |english: &str, chinese: &str, words: String| match language {
        Language::En => items.push(format!("{english}: {words}")),
        Language::Zh => items.push(format!("{chinese}：{words}")),
    };
    say("on whom", "对象", words::target(&action.target, language));
    say("why", "原因", words::reason(action.reason, language).to_owned());
    if !action.evidence.is_empty() {
        let figures = action.evidence.iter().map(|one| words::figure(one, language));
        say("evidence", "证据", figures.collect::<Vec<_>>().join(language.pick(", ", "，")));
    }
    say("expected", "预期", change(expected(action), language));
    let measured = effect.map_or_else(
        || language.pick("not measured", "未测量").to_owned(),
        |effect| change(Some(measured(effect)), language),
    );
    say("measured", "实测", measured);
    if let Some(lifted) = lifted {
        say("end", "结束", words::event(&EventKind::Lifted(**lifted), language));
    }
    [Block::Paragraph(head), Block::List(items)]
}

/// Slots freed, clients waiting before and after.
type Change = (u32, u32, u32);

fn expected(action: &Action) -> Option<Change> {
    let one = action.prediction;
    Some((one.slots, one.waiting, one.waiting_after)).filter(|&(slots, ..)| slots > 0)
}

const fn measured(effect: &Effect) -> Change {
    (effect.slots_freed, effect.waiting_before, effect.waiting_after)
}

fn change(change: Option<Change>, language: Language) -> String {
    match (change, language) {
        (None, Language::En) => "frees no slot by itself".into(),
        (None, Language::Zh) => "本身不释放连接".into(),
        (Some((freed, before, after)), Language::En) => {
            format!("slots freed {freed}; clients waiting {before} before, {after} after")
        }
        (Some((freed, before, after)), Language::Zh) => {
            format!("释放连接 {freed}；等待的客户端由 {before} 变为 {after}")
        }
    }
}
