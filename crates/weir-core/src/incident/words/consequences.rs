//! What a cause leads to while nothing is done.

use crate::config::choices::Language;
use crate::diagnosis::{Cause, Finding};

/// What the finding leads to: in English what its rule said of this one, in Chinese what is so of
/// each of its cause. Empty when the rule said nothing.
#[must_use]
pub fn consequence(finding: &Finding, language: Language) -> &str {
    let says = !finding.consequence.is_empty();
    let chinese = if says { in_chinese(finding.cause) } else { "" };
    language.pick(&finding.consequence, chinese)
}

const fn in_chinese(cause: Cause) -> &'static str {
    match cause {
        Cause::LongStatement => "语句结束前一直占用连接，新的请求得不到连接。",
        Cause::SlowRoute => "每条语句都会结束，但下一条立即补上；其他请求只能得到剩下的连接。",
        Cause::ApplicationAggregation => "应用计算多久，连接就被占用多久；数据越多，时间越长。",
        Cause::WaitsOnApplication => {
            "数据库没有在为它们工作，它们却占着连接和锁；对方越慢，被占的连接越多。"
        }
        Cause::LockChain => "每个等待者都占着连接，访问相同行的请求会继续加入等待。",
        Cause::Leak => "这些连接不会自行归还，连接和锁一直被占用，VACUUM 也无法清理。",
        Cause::DoubleCheckout => "各自占着一个连接又等待第二个，直到其中一个超时才能继续。",
        Cause::ConnectionStorm => "每个新连接都要新建进程并登录，拖慢所有请求，直到达到上限。",
        Cause::CancelStorm => "每个取消请求都要单独的连接，槽位要等它完成，反而挤占正常请求。",
        Cause::ArrivalSurge => "到达的请求超过槽位的处理能力，队列持续增长。",
        Cause::PoolTooSmall => "请求本身没有问题，客户端却要排队等待。",
        Cause::BudgetBeyondServer => "负载高时服务器拒绝连接，客户端等待永远不会有的槽位。",
        Cause::DirectConnections => "除服务器自身外没有任何限制，连接池得不到剩余的连接。",
        Cause::DatabaseSlow => "每个连接都被占用得更久，所有连接池一起耗尽，不是某个程序的责任。",
        Cause::DatabaseDown => "客户端等待，超时后被拒绝。",
        Cause::Pinning => "被固定的槽位只服务一个客户端，连接池实际变小。",
        Cause::DescriptorLimit => "用尽后不能接受新客户端，也不能连接服务器。",
        Cause::LimitNear => "再来的连接会被拒绝（53300）。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Severity;

    #[test]
    fn each_cause_has_a_consequence_of_its_own_in_chinese_where_its_rule_tells_one() {
        let of = |cause: Cause, consequence: &str| {
            Finding::new(cause, Severity::Warning, "seen").leads_to(consequence)
        };
        let mut said: Vec<String> = Cause::ALL
            .iter()
            .map(|&cause| consequence(&of(cause, "worse"), Language::Zh).to_owned())
            .collect();
        assert!(said.iter().all(|text| text.ends_with('。')));
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), Cause::ALL.len());
        assert_eq!(consequence(&of(Cause::Leak, "worse"), Language::En), "worse");
        assert_eq!(consequence(&of(Cause::Leak, ""), Language::Zh), "");
    }
}
