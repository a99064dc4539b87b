//! What was done, on whom, why, and what became of it.

use std::time::Duration;

use super::{culprit, duration};
use crate::config::choices::Language;
use crate::diagnosis::Culprit;
use crate::healing::{Mode, Step, Verdict, Withheld};
use crate::incident::action::{Action, Effect, Lifted, Reason};

/// A step of the ladder in a few words.
#[must_use]
pub const fn step(step: Step, language: Language) -> &'static str {
    match step {
        Step::Shed => language.pick("refuse long waits early", "提前拒绝长等待的请求"),
        Step::Cap => language.pick("cap the slots", "限制连接数"),
        Step::Quarantine => language.pick("let in one at a time", "隔离，逐个放行"),
        Step::Evict => language.pick("roll back an idle transaction", "回滚空闲事务"),
        Step::Cancel => language.pick("cancel a statement", "取消语句"),
        Step::Close => language.pick("close a server connection", "关闭服务器连接"),
    }
}

/// Whether it was done.
#[must_use]
pub const fn verdict(verdict: Verdict, language: Language) -> &'static str {
    match verdict {
        Verdict::Done | Verdict::Only(Mode::Enforce) => language.pick("done", "已执行"),
        Verdict::Only(Mode::Observe) => language.pick("would have been done", "仅预测，未执行"),
        Verdict::Only(Mode::Warn) => language.pick("announced, not done", "仅告警，未执行"),
        Verdict::Withheld(Withheld::Frozen) => {
            language.pick("held back: an operator froze healing", "未执行：运维人员已冻结自愈")
        }
        Verdict::Withheld(Withheld::Breaker) => language
            .pick("held back: what was done lately did not help", "未执行：近期措施无效，已熔断"),
        Verdict::Withheld(Withheld::Budget) => {
            language.pick("held back: enough was ended this minute", "未执行：本分钟额度已用完")
        }
    }
}

/// Why.
#[must_use]
pub const fn reason(reason: Reason, language: Language) -> &'static str {
    match reason {
        Reason::HoldsLong => language.pick(
            "its transactions hold slots much longer than usual, others' do not",
            "其事务占用连接的时间远超平时，其他请求正常",
        ),
        Reason::HoldsMost => language.pick(
            "its transactions hold slots much longer than usual, others' do not, and it holds \
             more than half of the pool",
            "其事务占用连接的时间远超平时，其他请求正常，并且占用了一半以上的连接",
        ),
        Reason::AllSlow => {
            language.pick("all transactions take much longer than usual", "所有事务都远慢于平时")
        }
        Reason::Deserted => {
            language.pick("clients leave before they are served", "客户端在得到服务前已离开")
        }
        Reason::QueueTooLong => language.pick(
            "the queue is longer than can be served in the time allowed",
            "队列过长，无法在允许的时间内处理",
        ),
        Reason::Silent => {
            language.pick("its transaction waits for the application", "事务在等待应用")
        }
        Reason::LongStatement => language.pick("a statement runs for too long", "语句运行过久"),
        Reason::DeafToCancel => {
            language.pick("the statement was cancelled and runs on", "语句已被取消但仍在运行")
        }
        Reason::SlowReader => {
            language.pick("the client does not take its rows", "客户端不读取结果")
        }
        Reason::Repeated => {
            language.pick("its transactions had to be ended again and again", "其事务多次被迫终止")
        }
        Reason::Operator => language.pick("an operator ordered it", "运维人员的指令"),
        Reason::TakenBack => language.pick("an operator took it back", "运维人员已撤销"),
    }
}

/// On whom.
#[must_use]
pub fn target(who: &Culprit, language: Language) -> String {
    culprit(who, language).unwrap_or_else(|| language.pick("everybody", "全部").to_owned())
}

pub(super) fn acted(action: &Action, language: Language) -> String {
    let (number, slots) = (action.number, action.prediction.slots);
    let what = step(action.step, language);
    let done = verdict(action.verdict, language);
    let (who, why) = (target(&action.target, language), reason(action.reason, language));
    let frees = match (slots, language) {
        (0, _) => String::new(),
        (1, Language::En) => "; expected to free 1 slot".into(),
        (_, Language::En) => format!("; expected to free {slots} slots"),
        (_, Language::Zh) => format!("；预计释放 {slots} 个连接"),
    };
    if action.reason == Reason::TakenBack {
        return match language {
            Language::En => format!("Taken back by an operator: {what}, {who}"),
            Language::Zh => format!("运维人员撤销：{what}，{who}"),
        };
    }
    match language {
        Language::En => format!("Action {number} ({done}): {what}, {who}; {why}{frees}"),
        Language::Zh => format!("措施 {number}（{done}）：{what}，{who}；{why}{frees}"),
    }
}

pub(super) fn worked(effect: &Effect, language: Language) -> String {
    let Effect { number, slots_freed, waiting_before, waiting_after } = effect;
    let slots = if *slots_freed == 1 { "slot" } else { "slots" };
    match language {
        Language::En => format!(
            "Effect of action {number}: {slots_freed} {slots} freed, clients waiting \
             {waiting_before} before and {waiting_after} after"
        ),
        Language::Zh => format!(
            "措施 {number} 的效果：释放 {slots_freed} 个连接，等待的客户端由 {waiting_before} 变为 \
             {waiting_after}"
        ),
    }
}

pub(super) fn lifted(lifted: &Lifted, language: Language) -> String {
    let Lifted { number, lasted_ms, refused } = lifted;
    let lasted = duration(Duration::from_millis(*lasted_ms), language);
    match language {
        Language::En => {
            let refused = match refused {
                0 => String::new(),
                _ => format!("; requests of it refused meanwhile: {refused}"),
            };
            format!("Action {number} ended after {lasted}{refused}")
        }
        Language::Zh => {
            let refused = match refused {
                0 => String::new(),
                _ => format!("，期间拒绝其请求 {refused} 个"),
            };
            format!("措施 {number} 已解除，历时 {lasted}{refused}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::healing::Prediction;

    fn cap(verdict: Verdict, slots: u32) -> Action {
        Action {
            number: 2,
            step: Step::Cap,
            verdict,
            target: Culprit { route: Some("bulk".into()), ..Culprit::default() },
            reason: Reason::HoldsLong,
            evidence: Vec::new(),
            prediction: Prediction { slots, waiting: 30, waiting_after: 16 },
        }
    }

    #[test]
    fn an_action_is_told_with_its_reason_and_prediction() {
        assert_eq!(
            acted(&cap(Verdict::Done, 14), Language::En),
            "Action 2 (done): cap the slots, route bulk; its transactions hold slots much longer \
             than usual, others' do not; expected to free 14 slots"
        );
        assert_eq!(
            acted(&cap(Verdict::Only(Mode::Observe), 0), Language::Zh),
            "措施 2（仅预测，未执行）：限制连接数，路由 bulk；其事务占用连接的时间远超平时，其他请求正常"
        );
    }

    #[test]
    fn what_an_operator_takes_back_is_not_told_as_done() {
        let action = Action { reason: Reason::TakenBack, ..cap(Verdict::Done, 0) };
        assert_eq!(
            acted(&action, Language::En),
            "Taken back by an operator: cap the slots, route bulk"
        );
        assert_eq!(acted(&action, Language::Zh), "运维人员撤销：限制连接数，路由 bulk");
    }

    #[test]
    fn an_end_says_how_long_it_lasted_and_what_it_refused() {
        let mut end = Lifted { number: 2, lasted_ms: 61_000, refused: 0 };
        assert_eq!(lifted(&end, Language::En), "Action 2 ended after 1 min 1 s");
        end.refused = 7;
        assert_eq!(
            lifted(&end, Language::Zh),
            "措施 2 已解除，历时 1 分钟 1 秒，期间拒绝其请求 7 个"
        );
    }
}
