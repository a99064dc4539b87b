//! What a sample can say.

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    Cpu,
    CpuUser,
    CpuSystem,
    Calls,
    Instructions,
    Tps,
    P50,
    P99,
    P999,
    Tail,
    Rise,
    FirstServed,
    AllServed,
    Jain,
    Busiest,
    Capacity,
    Logins,
    LoginCpu,
    Megabytes,
    GigabyteCpu,
    ActiveClient,
    IdleClient,
    Memory,
}

impl Metric {
    /// All of them, in the order of the page.
    pub(crate) const ALL: [Self; 23] = [
        Self::Cpu,
        Self::CpuUser,
        Self::CpuSystem,
        Self::Calls,
        Self::Instructions,
        Self::Tps,
        Self::P50,
        Self::P99,
        Self::P999,
        Self::Tail,
        Self::Rise,
        Self::FirstServed,
        Self::AllServed,
        Self::Jain,
        Self::Busiest,
        Self::Capacity,
        Self::Logins,
        Self::LoginCpu,
        Self::Megabytes,
        Self::GigabyteCpu,
        Self::ActiveClient,
        Self::IdleClient,
        Self::Memory,
    ];

    /// Its name in the JSON; the unit comes last.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Cpu => "cpu_us",
            Self::CpuUser => "cpu_user_us",
            Self::CpuSystem => "cpu_system_us",
            Self::Calls => "system_calls",
            Self::Instructions => "user_instructions",
            Self::Tps => "tps",
            Self::P50 => "p50_ms",
            Self::P99 => "p99_ms",
            Self::P999 => "p999_ms",
            Self::Tail => "p99_over_p50",
            Self::Rise => "p99_rise_ms",
            Self::FirstServed => "first_served_s",
            Self::AllServed => "all_served_s",
            Self::Jain => "jain",
            Self::Busiest => "busiest_thread",
            Self::Capacity => "capacity_tps",
            Self::Logins => "logins_per_s",
            Self::LoginCpu => "login_cpu_us",
            Self::Megabytes => "mb_per_s",
            Self::GigabyteCpu => "cpu_s_per_gb",
            Self::ActiveClient => "active_client_kib",
            Self::IdleClient => "idle_client_kib",
            Self::Memory => "memory_mib",
        }
    }

    /// Its title on the page.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Cpu => "Processor time of the proxy, µs a transaction (seconds a million)",
            Self::CpuUser => "… of it in user mode, µs",
            Self::CpuSystem => "… of it in the kernel, µs",
            Self::Calls => "System calls a transaction, under strace",
            Self::Instructions => "User instructions a transaction, under callgrind",
            Self::Tps => "Transactions a second",
            Self::P50 => "Median latency, ms",
            Self::P99 => "Latency that 1 in 100 exceeds, ms",
            Self::P999 => "Latency that 1 in 1000 exceeds, ms",
            Self::Tail => "The 99th percentile over the median",
            Self::Rise => "How much the storm adds to the 99th percentile, ms",
            Self::FirstServed => "First answer after the server's return, s",
            Self::AllServed => "Every client answered after the server's return, s",
            Self::Jain => "Fairness between clients (Jain's index, 1 is best)",
            Self::Busiest => "Share of the processor time that the busiest thread used",
            Self::Capacity => {
                "Transactions a second that the busiest thread has time for, a core to itself"
            }
            Self::Logins => "Logins with one transaction each, a second",
            Self::LoginCpu => "Processor time of the proxy, µs a login with one transaction",
            Self::Megabytes => "Bulk transfer, MB/s",
            Self::GigabyteCpu => "Processor time of the proxy, seconds a GB",
            Self::ActiveClient => "Memory of an active client, KiB",
            Self::IdleClient => "Memory of an idle client, KiB",
            Self::Memory => "Memory of the proxy with them, MiB",
        }
    }
}
