//! Evidence in both languages.

use crate::config::choices::Language;
use crate::diagnosis::{Figure, Measure, Unit};

/// A figure with its name and unit.
#[must_use]
pub fn figure(figure: &Figure, language: Language) -> String {
    if language == Language::En {
        return figure.to_string();
    }
    let (label, value) = (chinese(figure.measure), figure.value);
    match figure.unit {
        Unit::Count => format!("{label} {value:.0}"),
        Unit::Seconds if value > 0.0 && value < 0.95 => {
            format!("{label} {:.0} 毫秒", value * 1000.0)
        }
        Unit::Seconds => format!("{label} {value:.1} 秒"),
        Unit::Percent => format!("{label} {value:.0}%"),
        Unit::PerSecond => format!("{label} 每秒 {value:.1}"),
        Unit::Times => format!("{label} {value:.1} 倍"),
    }
}

const fn chinese(measure: Measure) -> &'static str {
    match measure {
        Measure::ConnectionsUsed => "已用连接",
        Measure::ConnectionsLimit => "可用连接上限",
        Measure::ConnectionsPercent => "连接使用率",
        Measure::UntilFull => "预计耗尽时间",
        Measure::Explained => "涉及会话",
        Measure::LongStatements => "长语句数",
        Measure::TimeLimit => "时间阈值",
        Measure::OldestStatement => "最长语句",
        Measure::MedianStatement => "语句时长中位数",
        Measure::IdleInTransaction => "事务内空闲会话",
        Measure::IdleInTransactionPercent => "事务内空闲占比",
        Measure::OldestSilence => "最长等待应用",
        Measure::MedianSilence => "等待应用中位数",
        Measure::Blocked => "被阻塞会话",
        Measure::ChainDepth => "锁链深度",
        Measure::RootTransaction => "根事务已开启",
        Measure::BlockedOnClient => "等待慢客户端的会话",
        Measure::RowsPerTransaction => "每事务行数",
        Measure::Slots => "连接池大小",
        Measure::SlotsHeld => "占用的连接",
        Measure::SlotsExecuting => "执行中的连接",
        Measure::SlotsNeeded => "需要的连接",
        Measure::Waiting => "等待的客户端",
        Measure::SlotsAllowed => "允许占用的连接",
        Measure::HeldFor => "已持续",
        Measure::HoldTime => "每事务占用时间",
        Measure::HoldUsual => "平时占用时间",
        Measure::WaitAllowed => "允许的最长等待",
        Measure::OldestWait => "最长等待",
        Measure::IdleSessions => "空闲会话",
        Measure::SessionsOfOrigin => "同一来源的会话",
        Measure::ConnectionRate => "新建连接",
        Measure::YoungSessions => "新会话",
        Measure::TransactionRate => "事务",
        Measure::RowsRead => "服务器读取的行",
        Measure::UsualRate => "平时速率",
        Measure::CancelRate => "取消请求",
        Measure::CancelsUnderWay => "处理中的取消请求",
        Measure::Inflation => "占用时间相对平时",
        Measure::PeerInflation => "其他路由占用时间相对平时",
        Measure::RoutesCompared => "对比的路由数",
        Measure::Pinned => "被固定的客户端",
        Measure::PinsAllowed => "允许固定数",
        Measure::DescriptorsUsed => "已打开描述符",
        Measure::DescriptorsLimit => "描述符上限",
        Measure::DirectSessions => "直连会话",
        Measure::SlotsOfAllPools => "所有连接池之和",
        Measure::ActiveStatements => "活动语句",
        Measure::WaitingInServer => "在服务器内等待的语句",
        Measure::DifferentStatements => "不同语句数",
        Measure::AnswerTime => "服务器响应时间",
        Measure::Silence => "无响应时间",
    }
}
