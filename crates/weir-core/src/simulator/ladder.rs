//! The healing ladder in a simulated world: the same healer and the same quarantines that a worker
//! has, with every step enforced. Transactions count as having written no rows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use weir_wire::sql::Fingerprint;

use crate::healing::{
    Decision, Doing, Door, Healer, Holder, Knock, Mode, Origin, Pass, ProbeEnd, Rules, Scene, Step,
    Who, Work,
};
use crate::ids::ClientId;
use crate::pool::{Pressure, Release, ServerView, State};
use crate::time::Instant;

use super::attempt::Stage;
use super::engine::Simulation;
use super::rule::{KILLER_IDLE, Rule};

/// A probe that holds its slot no longer is well.
const WELL: Duration = Duration::from_secs(1);

/// The ladder of one proxy.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    healer: Healer,
    door: Door,
    /// What it has yet to see, while it sees everything late.
    late: Option<Sight>,
    /// When it saw something last.
    saw: Instant,
}

/// What a healer sees of a pool.
#[derive(Debug)]
struct Sight {
    holders: Vec<Holder>,
    pressure: Pressure,
    /// Routes that wait.
    routes: BTreeSet<Arc<str>>,
}

/// The rules with every step enforced, and the idle killer's limit.
pub(super) fn enforcing() -> Rules {
    let mut rules = Rules::default();
    rules.limits.idle = KILLER_IDLE;
    for step in Step::ALL {
        rules.ladder.set(step, Mode::Enforce);
    }
    rules
}

impl Simulation<'_> {
    /// The ladder looks at each pool.
    pub(super) fn heal(&mut self) {
        if self.rule != Rule::Ladder {
            return;
        }
        for proxy in 0..self.proxies.len() {
            self.ladders[proxy].door.look(self.now);
            for decision in self.consider(proxy) {
                match decision {
                    Decision::End(proposal) => self.end(proposal.holder.client.0),
                    Decision::Quarantine(subject, why) => {
                        let pool = self.proxies[proxy].pool;
                        let door = &mut self.ladders[proxy].door;
                        door.close(self.now, (subject, Some(pool)), (Origin::Healer, why));
                    }
                }
            }
        }
    }

    /// What is there to be seen now.
    fn sight(&self, proxy: usize) -> Sight {
        let one = &self.proxies[proxy];
        let waiting = one.pools.classes(one.pool).filter(|class| class.waiting > 0);
        let routes = waiting.filter_map(|class| self.routes.get(class.class.0 as usize - 1));
        Sight {
            holders: one.pools.servers(one.pool).filter_map(|view| self.holder(&view)).collect(),
            pressure: one.pools.pressure(one.pool),
            routes: routes.cloned().collect(),
        }
    }

    /// What the healer of a proxy sees now: none when nothing comes, else what is there; or what
    /// was there when it saw something last, while it sees everything late.
    fn seen(&mut self, proxy: usize) -> Option<Sight> {
        let Some(late) = self.plan.lateness(self.now) else {
            self.ladders[proxy].late = None;
            return Some(self.sight(proxy));
        };
        if self.now.since(self.ladders[proxy].saw) < late {
            return None;
        }
        let fresh = self.sight(proxy);
        let ladder = &mut self.ladders[proxy];
        ladder.saw = self.now;
        ladder.late.replace(fresh)
    }

    fn consider(&mut self, proxy: usize) -> Vec<Decision> {
        let Some(Sight { holders, pressure, routes }) = self.seen(proxy) else {
            return Vec::new();
        };
        let scene = Scene {
            pool: self.proxies[proxy].pool,
            holders: &holders,
            waiting: pressure.waiting,
            oldest: pressure.since.map(|since| self.now.since(since)).unwrap_or_default(),
            classes: (pressure.eligible == 0).then_some(&routes),
        };
        let healer = &mut self.ladders[proxy].healer;
        let decisions = healer.consider(self.now, scene, &self.rules, |_| (0, Who::default()));
        while healer.poll_news().is_some() {}
        decisions
    }

    fn holder(&self, view: &ServerView) -> Option<Holder> {
        let client = view.holder.filter(|_| view.state == State::Active)?;
        let attempt = &self.attempts[client.0 as usize];
        let doing = match attempt.stage {
            Stage::Calling | Stage::Nesting(_) => Doing::Idle,
            Stage::Executing | Stage::Locked => Doing::Executing,
            Stage::Outside | Stage::Waiting(_) | Stage::Over => return None,
        };
        let route = &self.routes[self.journeys[attempt.journey as usize].class];
        Some(Holder {
            server: view.server,
            client,
            route: Arc::clone(route),
            class: Arc::clone(route),
            fingerprint: Fingerprint(0),
            first: true,
            doing,
            since: attempt.since,
            began: attempt.since,
            work: Work::NoRows,
            shield: None,
        })
    }

    /// An attempt is rolled back or cancelled; its client gets an error and keeps its connection.
    fn end(&mut self, index: u32) {
        if self.attempts[index as usize].stage != Stage::Over {
            self.outcome.killed += 1;
            self.fail(index);
        }
    }

    /// Asks at the door. True when the attempt is refused there.
    pub(super) fn is_turned_away(&mut self, index: u32) -> bool {
        let proxy = self.proxy_of(index);
        if self.ladders[proxy].door.is_open() {
            return false;
        }
        let class = self.journeys[self.attempts[index as usize].journey as usize].class;
        let knock = Knock {
            client: ClientId(index),
            pool: self.proxies[proxy].pool,
            route: &self.routes[class],
            fingerprint: Some(Fingerprint(0)),
            allowed: WELL,
        };
        matches!(self.ladders[proxy].door.knock(self.now, &knock), Pass::Turned(_))
    }

    /// An attempt has its server connection.
    pub(super) fn probe_granted(&mut self, index: u32) {
        let proxy = self.proxy_of(index);
        self.ladders[proxy].door.granted(self.now, ClientId(index));
    }

    /// An attempt is over.
    pub(super) fn probe_ended(&mut self, index: u32, ghost: bool, how: Release) {
        let end = if ghost || how == Release::Broken { ProbeEnd::Gone } else { ProbeEnd::Released };
        let proxy = self.proxy_of(index);
        self.ladders[proxy].door.ended(self.now, ClientId(index), end);
    }
}
