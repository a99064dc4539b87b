//! What is told of an incident, in which order.

use std::time::Duration;

use super::compare::{self, Part};
use super::document::{Block, Document};
use super::done::done;
use super::{Story, otherwise, picture, routes};
use crate::config::choices::Language;
use crate::incident::book::{Change, Counterfactual, Incident};
use crate::incident::price::grouped;
use crate::incident::suspects::Suspect;
use crate::incident::words;

pub(super) fn document(story: &Story, language: Language) -> Document {
    let incident = &story.incident;
    let title = format!("{} {}", language.pick("Incident", "事件"), incident.id);
    let heading =
        |english: &str, chinese: &str| Block::Heading(language.pick(english, chinese).to_owned());
    let mut blocks = vec![Block::Paragraph(summary(incident, language))];
    blocks.push(heading("Impact", "影响"));
    blocks.push(impact(story, language));
    blocks.push(heading("Cause", "原因"));
    blocks.extend(causes(incident, language));
    blocks.push(heading("Slots over time", "连接随时间的变化"));
    blocks.push(match picture::draw(story, language) {
        Some(svg) => Block::Picture(svg),
        None => Block::Paragraph(language.pick("Nothing was recorded.", "没有记录。").to_owned()),
    });
    blocks.push(compared(story, language));
    if !story.routes.is_empty() {
        blocks.push(heading("Routes while it lasted", "事件期间的路由"));
        blocks.push(routes::block(&story.routes, language));
    }
    blocks.push(heading("Timeline", "时间线"));
    blocks.push(timeline(story, language));
    blocks.push(heading("What was done", "处置措施"));
    blocks.extend(done(story, language));
    blocks.push(heading("What would have been enough", "反事实分析"));
    blocks.push(enough(story, language));
    let told = otherwise::blocks(story, language);
    if !told.is_empty() {
        blocks.push(heading("What would have happened otherwise", "假如当时"));
        blocks.extend(told);
    }
    blocks.push(heading("So that it does not come back", "预防措施"));
    blocks.push(prevention(incident, language));
    Document { title, blocks }
}

/// The whole story in a few sentences.
fn summary(incident: &Incident, language: Language) -> String {
    let impact = &incident.impact;
    let lasted = words::duration(Duration::from_millis(impact.lasted_ms), language);
    let lead = incident.lead().map(|suspect| words::finding(&suspect.finding, language));
    let (lost, all) = (impact.lost(), impact.requests.max(impact.lost()));
    let percent = (lost * 100).checked_div(all).unwrap_or(0);
    let (lost, all) = (grouped(lost.into()), grouped(all.into()));
    let (opened, users) = (incident.opened, grouped(impact.users.into()));
    let (actions, freed) = (incident.actions, incident.slots_freed);
    match language {
        Language::En => {
            let ends = match incident.closed {
                Some(closed) => format!("closed {}", closed.clock()),
                None => format!("now {}", words::state(incident.state, language)),
            };
            let users =
                if impact.users == 0 { String::new() } else { format!(" of {users} users") };
            let cause = lead.unwrap_or_else(|| "No cause was found.".into());
            let done = match actions {
                0 => "No action was taken.".into(),
                1 => format!("One action was taken or foretold; {freed} slots were freed by it."),
                _ => format!("{actions} actions were taken or foretold; they freed {freed} slots."),
            };
            format!(
                "Opened {opened}, {ends}. For {lasted}, {lost} of {all} requests ({percent} \
                 %){users} were refused or failed. {cause} {done}"
            )
        }
        Language::Zh => {
            let ends = match incident.closed {
                Some(closed) => format!("结束于 {}", closed.clock()),
                None => format!("当前状态：{}", words::state(incident.state, language)),
            };
            let users = if impact.users == 0 {
                String::new()
            } else {
                format!("，影响 {users} 个用户")
            };
            let cause = lead.unwrap_or_else(|| "未找到原因".into());
            let done = match actions {
                0 => "未采取措施".into(),
                _ => format!("共采取或预测 {actions} 项措施，释放 {freed} 个连接"),
            };
            format!(
                "触发时间 {opened}，{ends}。持续 {lasted}，{all} 个请求中有 {lost} 个（{percent}%）\
                 被拒绝或失败{users}。{cause}。{done}。"
            )
        }
    }
}

fn impact(story: &Story, language: Language) -> Block {
    let impact = &story.incident.impact;
    let count = |number: u64| grouped(number.into());
    let unknown = || language.pick("not known", "未知").to_owned();
    let users = match (impact.users, impact.users_at_least) {
        (0, _) => unknown(),
        (users, true) => format!("{} {}", language.pick("at least", "至少"), count(users)),
        (users, false) => count(users),
    };
    let loss = story.price.as_ref().map(|price| price.times(impact.lost()).to_string());
    let connections = impact.connections_max.map(|(used, limit)| format!("{used} / {limit}"));
    let time = |millis| words::duration(Duration::from_millis(millis), language);
    let too_few = language.pick("not known: too few requests", "未知：请求太少");
    let percent = impact.failure_percent_max.map(|percent| format!("{percent} %"));
    let peak = percent.unwrap_or_else(|| too_few.to_owned());
    let rows = [
        ("Duration", "持续时间", time(impact.lasted_ms)),
        ("Requests", "请求数", count(impact.requests)),
        ("Refused", "被拒绝", count(impact.refused)),
        ("Failed", "失败", count(impact.failed)),
        ("Users hit", "影响用户数", users),
        ("Peak failure rate", "失败率峰值", peak),
        ("Longest wait for a slot", "最长等待连接", time(impact.wait_ms_max)),
        ("Connections used, at most", "连接使用峰值", connections.unwrap_or_else(unknown)),
        ("Estimated loss", "业务损失估算", loss.unwrap_or_else(unknown)),
    ];
    Block::table(
        [language.pick("what", "项目"), language.pick("how much", "数值")],
        rows.into_iter().map(|(en, zh, value)| vec![language.pick(en, zh).to_owned(), value]),
    )
}

fn causes(incident: &Incident, language: Language) -> Vec<Block> {
    if incident.suspects.is_empty() {
        let none = language.pick("No cause was found.", "未找到原因。");
        return vec![Block::Paragraph(none.to_owned())];
    }
    let each = incident.suspects.iter().enumerate();
    each.flat_map(|(index, suspect)| one_cause(index + 1, suspect, language)).collect()
}

fn one_cause(rank: usize, suspect: &Suspect, language: Language) -> Vec<Block> {
    let finding = &suspect.finding;
    let name = words::cause(finding.cause, language);
    let sure = words::confidence(finding.confidence, language);
    let head = match language {
        Language::En => format!("{rank}. {name} ({sure}): {}", finding.summary),
        Language::Zh => format!("{rank}. {name}（{sure}）"),
    };
    let mut items = Vec::new();
    let mut say = |english: &str, chinese: &str, words: String| match language {
        Language::En => items.push(format!("{english}: {words}")),
        Language::Zh => items.push(format!("{chinese}：{words}")),
    };
    if let Some(who) = words::place(&finding.culprit, language) {
        say("who", "来源", who);
    }
    // A gap begins with its statement.
    if let (Some(statement), None) = (&finding.culprit.statement, &finding.culprit.gap) {
        say("statement", "语句", format!("`{statement}`"));
    }
    if let Some(edge) = &finding.culprit.gap {
        say("gap", "间隙", words::gap(edge, language));
    }
    let figures = finding.evidence.iter().map(|figure| words::figure(figure, language));
    say("evidence", "证据", figures.collect::<Vec<_>>().join(language.pick(", ", "，")));
    if let Some(scope) = words::scope(finding.scope, language) {
        say("local or common", "局部或全局", scope.to_owned());
    }
    let consequence = words::consequence(finding, language);
    if !consequence.is_empty() {
        say("leads to", "后果", consequence.to_owned());
    }
    say("seen", "观察到", format!("{} – {} UTC", suspect.first.clock(), suspect.last.clock()));
    vec![Block::Paragraph(head), Block::List(items)]
}

fn compared(story: &Story, language: Language) -> Block {
    let parts = compare::parts(&story.flight);
    let line = |english, chinese, value: &dyn Fn(&Part) -> String| {
        let cell = |part: Option<Part>| part.as_ref().map_or_else(|| "–".to_owned(), value);
        let name: &str = language.pick(english, chinese);
        vec![name.to_owned(), cell(parts.before), cell(parts.during), cell(parts.after)]
    };
    let rows = [
        line("requests a second", "每秒请求数", &|part| format!("{:.1}", part.requests)),
        line("refused or failed", "拒绝或失败比例", &|part| {
            format!("{:.1} %", part.lost_percent)
        }),
        line("slots in use, mean", "占用连接（平均）", &|part| format!("{:.1}", part.held)),
        line("of those, waiting for the application", "其中等待应用", &|part| {
            format!("{:.1}", part.in_transaction)
        }),
        line("clients waiting, most", "排队客户端（最多）", &|part| {
            format!("{:.0}", part.waiting_max)
        }),
        line("longest wait", "最长等待", &|part| format!("{:.2} s", part.wait_max)),
    ];
    let head = [
        "",
        language.pick("before", "之前"),
        language.pick("during", "期间"),
        language.pick("after", "之后"),
    ];
    Block::table(head, rows)
}

fn timeline(story: &Story, language: Language) -> Block {
    let head = [
        language.pick("time (UTC)", "时间 (UTC)"),
        language.pick("severity", "级别"),
        language.pick("what happened", "描述"),
    ];
    let rows = story.events.iter().map(|event| {
        let severity = words::severity(event.severity, language).to_owned();
        vec![event.at.clock(), severity, words::event(&event.kind, language)]
    });
    Block::table(head, rows)
}

fn enough(story: &Story, language: Language) -> Block {
    let known = &story.incident.counterfactuals;
    let estimate = compare::estimate(&compare::parts(&story.flight));
    let all = known.iter().map(|one| sentence(one, language));
    let items: Vec<String> = match (known.is_empty(), estimate) {
        (true, Some(estimate)) => vec![sentence(&estimate, language)],
        (true, None) | (false, _) => all.collect(),
    };
    if items.is_empty() {
        let none = language.pick(
            "The record does not say: slots were not held by anything that could be left out.",
            "记录中没有可以省去的占用。",
        );
        return Block::Paragraph(none.to_owned());
    }
    Block::List(items)
}

fn sentence(one: &Counterfactual, language: Language) -> String {
    let (now, then) = (one.needed.ceil(), one.needed_then.ceil());
    let what = match (&one.change, language) {
        (Change::NoWaitInTransaction, Language::En) => {
            "If no transaction had waited for its application".to_owned()
        }
        (Change::NoWaitInTransaction, Language::Zh) => "若事务中不等待应用".to_owned(),
        (Change::NoGap { route, before }, Language::En) => {
            format!("With what {route} does after `{before}` moved out of the transaction")
        }
        (Change::NoGap { route, before }, Language::Zh) => {
            format!("若 {route} 在 `{before}` 之后的操作移出事务")
        }
        (Change::IdleLimit { millis }, Language::En) => {
            format!("With a limit of {millis} ms on silence in a transaction")
        }
        (Change::IdleLimit { millis }, Language::Zh) => {
            format!("若事务内空闲超时设为 {millis} 毫秒")
        }
        (Change::DeferredBegin, Language::En) => {
            "Had slots been taken with the first statement after BEGIN".to_owned()
        }
        (Change::DeferredBegin, Language::Zh) => "若在 BEGIN 后的第一条语句才占用连接".to_owned(),
        (Change::NoSlowReader, Language::En) => "With readers that read".to_owned(),
        (Change::NoSlowReader, Language::Zh) => "若没有慢客户端".to_owned(),
    };
    match language {
        Language::En => {
            let slots = if then > 1.0 { "slots" } else { "slot" };
            format!("{what}, {then:.0} {slots} would have been enough, not {now:.0}.")
        }
        Language::Zh => format!("{what}，只需要 {then:.0} 个连接，而不是 {now:.0} 个。"),
    }
}

/// What helps against each cause, and the checker's rules that find it in code.
fn prevention(incident: &Incident, language: Language) -> Block {
    let mut items: Vec<String> = Vec::new();
    for suspect in &incident.suspects {
        let cause = suspect.finding.cause;
        let mut item = match language {
            Language::En if !suspect.finding.remedy.text.is_empty() => {
                suspect.finding.remedy.text.clone()
            }
            Language::En | Language::Zh => words::advice(cause, language).to_owned(),
        };
        let checks: Vec<String> = cause.checks().iter().map(|rule| format!("`{rule}`")).collect();
        if !checks.is_empty() {
            let label = language.pick("found in code by", "代码检查规则");
            item.push_str(&format!(" ({label}: {})", checks.join(", ")));
        }
        item.push_str(&format!(" docs/{}", cause.page()));
        if !items.contains(&item) {
            items.push(item);
        }
    }
    if items.is_empty() {
        let none = "Find the cause first: `weir check` while it lasts.";
        items.push(language.pick(none, "先找到原因：事件期间运行 `weir check`。").to_owned());
    }
    Block::List(items)
}
