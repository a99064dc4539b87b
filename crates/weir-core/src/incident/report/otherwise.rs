//! The chapter on what other rules and other code would have done.

use super::document::Block;
use super::{Otherwise, Story};
use crate::config::choices::Language;
use crate::incident::otherwise::Replayed;
use crate::incident::price::grouped;
use crate::simulator::{Outcome, Rule};

/// The rules that are told of; the others are for comparing rules.
const TOLD: [Rule; 4] = [Rule::Fifo, Rule::FifoSecond, Rule::Killer, Rule::Weir];

/// What there is to tell; nothing where nothing was recorded.
pub(super) fn blocks(story: &Story, language: Language) -> Vec<Block> {
    match &story.otherwise {
        Otherwise::NotRecorded => Vec::new(),
        Otherwise::NotPlayed => vec![Block::Paragraph(elsewhere(story, language))],
        Otherwise::Played(replayed) => played(replayed, language),
    }
}

/// Who has the time to play it.
fn elsewhere(story: &Story, language: Language) -> String {
    let command = format!("weir incident report {}", story.incident.id);
    match language {
        Language::En => format!(
            "This incident had too many requests to be played again while a page loads: \
             `{command}` takes the time, where there is a state directory."
        ),
        Language::Zh => {
            format!("请求太多，无法在加载页面时重放：请用 `{command}`（需要状态目录）。")
        }
    }
}

/// What was played, and what came of it.
fn played(replayed: &Replayed, language: Language) -> Vec<Block> {
    let (claims, refused) = replayed.recorded;
    let (claims, refused) = (grouped(claims.into()), grouped(refused.into()));
    let introduction = match language {
        Language::En => format!(
            "The minutes of the incident, as the ledger recorded them ({claims} claims, {refused} \
             refused), played again in the simulator. Each figure is the share of requests begun \
             in the incident that had a connection within a second, and were served."
        ),
        Language::Zh => format!(
            "按账本记录（{claims} 次请求连接，{refused} 次被拒绝）在模拟器中重放事件。数值为事件期间\
             一秒内获得连接并成功的请求比例。"
        ),
    };
    let head = [
        language.pick("code", "代码"),
        language.pick("rule", "策略"),
        language.pick("innocent routes", "无关接口"),
        language.pick("all", "全部"),
        language.pick("refused", "被拒绝"),
    ];
    let as_it_was = language.pick("as it was", "原样");
    let outside = language.pick("call outside of the transaction", "调用移出事务");
    let told = |code: &str, all: &[(Rule, Outcome)]| -> Vec<Vec<String>> {
        let told = all.iter().filter(|(rule, _)| TOLD.contains(rule));
        told.map(|(rule, outcome)| row(code, *rule, outcome)).collect()
    };
    let mut rows = told(as_it_was, &replayed.as_it_was);
    rows.extend(told(outside, &replayed.call_outside));
    vec![Block::Paragraph(introduction), Block::table(head, rows)]
}

fn row(code: &str, rule: Rule, outcome: &Outcome) -> Vec<String> {
    let percent = |permille: u64| format!("{}.{} %", permille / 10, permille % 10);
    vec![
        code.to_owned(),
        rule.name().to_owned(),
        percent(outcome.innocent.soon_permille()),
        percent(outcome.all.soon_permille()),
        grouped(outcome.refused.into()),
    ]
}
