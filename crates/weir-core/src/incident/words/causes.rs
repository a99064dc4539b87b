//! Causes: their names in Chinese, and what keeps each from coming back.

use crate::config::choices::Language;
use crate::diagnosis::Cause;

/// A cause in a few words.
#[must_use]
pub const fn cause(cause: Cause, language: Language) -> &'static str {
    let chinese = match cause {
        Cause::LongStatement => "长时间运行的语句",
        Cause::SlowRoute => "单一路由变慢",
        Cause::ApplicationAggregation => "在应用中做聚合计算",
        Cause::WaitsOnApplication => "事务在等待应用",
        Cause::LockChain => "锁等待链",
        Cause::Leak => "连接泄漏",
        Cause::DoubleCheckout => "同一请求占用两个连接",
        Cause::ConnectionStorm => "连接风暴",
        Cause::CancelStorm => "取消请求风暴",
        Cause::ArrivalSurge => "请求突增",
        Cause::PoolTooSmall => "连接池过小",
        Cause::BudgetBeyondServer => "连接预算超过服务器容量",
        Cause::DirectConnections => "绕过代理的直连占用连接",
        Cause::DatabaseSlow => "数据库变慢",
        Cause::DatabaseDown => "数据库不可用",
        Cause::Pinning => "连接被会话状态固定",
        Cause::DescriptorLimit => "文件描述符耗尽",
        Cause::LimitNear => "连接数接近上限",
    };
    language.pick(cause.title(), chinese)
}

/// What prevents it next time, in a sentence.
#[must_use]
pub const fn advice(cause: Cause, language: Language) -> &'static str {
    language.pick(advice_in_english(cause), advice_in_chinese(cause))
}

const fn advice_in_english(cause: Cause) -> &'static str {
    match cause {
        Cause::LongStatement => {
            "Bound the result, add the index the statement misses, and set a statement limit."
        }
        Cause::SlowRoute => {
            "Make the route's statement quick, and give the route a ceiling of slots."
        }
        Cause::ApplicationAggregation => {
            "Let SQL do the sum: aggregate in one statement, bound it, cache the result."
        }
        Cause::WaitsOnApplication => {
            "Move calls to other services out of the transaction; commit first, call afterwards."
        }
        Cause::LockChain => {
            "Keep the transaction that takes the lock short, and take locks in one order."
        }
        Cause::Leak => "Give connections back on every path, and limit how long one may be idle.",
        Cause::DoubleCheckout => {
            "Use one connection for one request; hand it to the code that needs it."
        }
        Cause::ConnectionStorm => {
            "Reuse connections: a pool in the application, or the proxy in transaction mode."
        }
        Cause::CancelStorm => {
            "Give clients a limit that fits the work, and back off between tries."
        }
        Cause::ArrivalSurge => {
            "Cache with one computation for each key, and refuse early what cannot be served."
        }
        Cause::PoolTooSmall => {
            "Give the pool the slots that the work needs, where the server has them."
        }
        Cause::BudgetBeyondServer => {
            "Make the pools fit into what the server gives, all instances together."
        }
        Cause::DirectConnections => {
            "Send these programs through the proxy, or give their role a connection limit."
        }
        Cause::DatabaseSlow => {
            "Look at the server: disk, checkpoints, memory, a plan that changed."
        }
        Cause::DatabaseDown => "Find out why the server stopped; have a standby that takes over.",
        Cause::Pinning => {
            "Replace session state (advisory locks, temporary tables) by that of a transaction."
        }
        Cause::DescriptorLimit => "Raise the limit of open files for the proxy.",
        Cause::LimitNear => "Find out who holds the connections before the limit is raised.",
    }
}

const fn advice_in_chinese(cause: Cause) -> &'static str {
    match cause {
        Cause::LongStatement => "限制结果集大小，补上缺失的索引，并设置语句超时。",
        Cause::SlowRoute => "优化该路由的语句，并为其设置槽位上限。",
        Cause::ApplicationAggregation => "用一条 SQL 完成聚合，限制范围，并缓存结果。",
        Cause::WaitsOnApplication => "把外部调用移出事务：先提交，再调用；并设置事务内空闲超时。",
        Cause::LockChain => "缩短持锁事务，统一加锁顺序，并设置锁等待超时。",
        Cause::Leak => "在所有路径上归还连接，并限制连接最长空闲时间。",
        Cause::DoubleCheckout => "一个请求只用一个连接，把它传给需要的代码。",
        Cause::ConnectionStorm => "复用连接：在应用中使用连接池，或使用事务模式的代理。",
        Cause::CancelStorm => "为客户端设置合理的超时，重试之间要退避。",
        Cause::ArrivalSurge => "缓存并保证每个键只计算一次，尽早拒绝无法处理的请求。",
        Cause::PoolTooSmall => "在服务器允许的范围内，把连接池调到实际需要的大小。",
        Cause::BudgetBeyondServer => "让所有实例的连接池总和不超过服务器可提供的连接数。",
        Cause::DirectConnections => "让这些程序经过代理，或为其角色设置连接数限制。",
        Cause::DatabaseSlow => "检查服务器：磁盘、检查点、内存以及执行计划的变化。",
        Cause::DatabaseDown => "查明服务器停止的原因，并准备可接管的备库。",
        Cause::Pinning => "用事务级状态代替会话级状态（咨询锁、临时表）。",
        Cause::DescriptorLimit => "提高代理进程的文件描述符上限。",
        Cause::LimitNear => "在提高上限之前，先查清是谁占用了连接。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_words_of_its_own_in_both_languages() {
        for language in [Language::En, Language::Zh] {
            let mut said: Vec<&str> = Cause::ALL
                .iter()
                .flat_map(|&one| [cause(one, language), advice(one, language)])
                .collect();
            said.sort_unstable();
            said.dedup();
            assert_eq!(said.len(), 2 * Cause::ALL.len());
        }
    }
}
