//! What operators order of the healing ladder. Each order can be tried first: the same lines come
//! back, and nothing is done.

use std::sync::Arc;

use weir_core::config::limits::EXEMPTIONS;
use weir_core::console::{Hit, Intervention, Victims};
use weir_core::healing::{
    Doing, Exempted, Holder, Limits, Order, Origin, Proposal, Step, Subject, Who, Work, propose,
};
use weir_core::ids::PoolId;

use crate::proxy::worker::{Worker, notice};

impl Worker {
    /// Does what is ordered, or says what it would do.
    pub(in crate::proxy::worker) fn intervene(
        &mut self,
        order: &Intervention,
        dry_run: bool,
    ) -> Vec<Hit> {
        match order {
            Intervention::Exempt { whom, off } => self.exempt(whom, *off, dry_run),
            Intervention::Cap { route, slots } => self.cap(route, *slots, dry_run),
            Intervention::Evict { whom, force } => self.evict_ordered(whom, *force, dry_run),
            Intervention::Quarantine { subject, off } => self.quarantine(subject, *off, dry_run),
            Intervention::Freeze => self.freeze(true, dry_run),
            Intervention::Unfreeze => self.freeze(false, dry_run),
        }
    }

    fn exempt(&mut self, whom: &Exempted, off: bool, dry_run: bool) -> Vec<Hit> {
        let exempted = &mut self.healing.exempted;
        let full = !off && exempted.len() >= EXEMPTIONS && !exempted.contains(whom);
        let outcome = match (full, off) {
            (true, _) => "refused: too many are exempt already",
            (false, false) => "never touched",
            (false, true) => "no longer exempt",
        };
        if !dry_run && off {
            exempted.remove(whom);
        } else if !dry_run && !full {
            exempted.insert(whom.clone());
        }
        let holders = self.slot_holders();
        let all = holders
            .into_iter()
            .flat_map(|(pool, some)| some.into_iter().map(move |one| (pool, one)));
        let meant: Vec<_> = all.filter(|(_, holder)| self.is_meant(whom, holder)).collect();
        meant.iter().map(|(pool, holder)| self.hit(*pool, holder, outcome, true)).collect()
    }

    fn is_meant(&self, whom: &Exempted, holder: &Holder) -> bool {
        let client = self.clients.get(holder.client.0);
        match whom {
            Exempted::User(name) => client.is_some_and(|client| **client.user() == **name),
            Exempted::Application(name) => {
                client.is_some_and(|client| *client.application == **name)
            }
            Exempted::Route(name) => *holder.route == **name,
        }
    }

    fn cap(&mut self, route: &str, slots: Option<u32>, dry_run: bool) -> Vec<Hit> {
        let mut hits = Vec::new();
        for pool in self.all_pools() {
            let named = |class: &weir_core::dispatch::ClassView| *self.class_label(class) == *route;
            let Some(class) = self.pools.classes(pool).find(named) else { continue };
            let outcome = match slots {
                Some(slots) => format!("holds at most {slots} slots"),
                None => "no limit by an operator".to_owned(),
            };
            let doing = format!("holds {}, {} waiting", class.held, class.waiting);
            hits.push(self.class_hit(pool, route, (doing, outcome)));
            if !dry_run {
                self.pools.cap(self.now, pool, class.class, slots);
                let freed = slots.map_or(0, |slots| class.held.saturating_sub(slots));
                let why = slots.map_or("CAP lifted".to_owned(), |slots| format!("CAP {slots}"));
                let about = (Step::Cap, slots.is_none(), Subject::Route(route.into()));
                self.note_order(pool, about, (freed, why));
            }
        }
        hits
    }

    fn evict_ordered(&mut self, whom: &Victims, force: bool, dry_run: bool) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (pool, holders) in self.slot_holders() {
            let meant = holders.iter().filter(|holder| match whom {
                Victims::Client(id) => {
                    self.clients.get(holder.client.0).is_some_and(|client| client.id == *id)
                }
                Victims::Route(name) => *holder.route == **name,
            });
            let meant: Vec<Holder> = meant.cloned().collect();
            for holder in meant {
                let limits = Limits::ordered(force);
                let proposal = propose(self.now, std::slice::from_ref(&holder), &limits).pop();
                let left = self.is_evictable(holder.server).err();
                let fits = |one: &Proposal| one.step == Step::Evict && left.is_none();
                let Some(proposal) = proposal.filter(fits) else {
                    let why = left.map(|why| format!("spared: {why}"));
                    let why = why.unwrap_or_else(|| spared(&holder));
                    hits.push(self.hit(pool, &holder, &why, false));
                    continue;
                };
                let outcome = if dry_run { "would be rolled back" } else { "rolled back" };
                hits.push(self.hit(pool, &holder, outcome, true));
                if !dry_run {
                    self.evict_now(pool, &proposal);
                }
            }
        }
        hits
    }

    fn evict_now(&mut self, pool: PoolId, proposal: &Proposal) {
        let order =
            Order::end(proposal, (self.options.incidents.number(), self.who(&proposal.holder)));
        let pressure = self.pools.pressure(pool);
        let holders = [proposal.holder.clone()];
        let scene = self.scene(pool, pressure, &holders);
        self.healing.healer.order(self.now, scene, order);
        if let Err(why) = self.evict(proposal.holder.server, notice::evicted()) {
            // Its effect says the same: nothing came free.
            tracing::info!(route = %proposal.holder.route, "EVICT left it: {why}");
        }
    }

    fn quarantine(&mut self, subject: &Subject, off: bool, dry_run: bool) -> Vec<Hit> {
        let known = self.healing.door.wards().iter().any(|ward| ward.subject == *subject);
        let outcome = match (off, known) {
            (true, true) => "let in again",
            (true, false) => return Vec::new(),
            (false, true) => "is in quarantine already",
            (false, false) => "let in one at a time",
        };
        let name = subject.name();
        let hits = vec![Hit {
            database: Arc::default(),
            pool_user: Arc::default(),
            route: Arc::clone(&name),
            client: None,
            backend: None,
            doing: format!("{}, in all pools", subject.kind()),
            outcome: outcome.to_owned(),
            hit: off || !known,
        }];
        if dry_run || (known && !off) {
            return hits;
        }
        if off {
            self.healing.door.open(subject);
        } else {
            let why = (Origin::Operator, "an operator ordered it".to_owned());
            self.healing.door.close(self.now, (subject.clone(), None), why);
        }
        if let Some(pool) = self.all_pools().first().copied() {
            let why = if off { "QUARANTINE OFF" } else { "QUARANTINE" };
            let about = (Step::Quarantine, off, subject.clone());
            self.note_order(pool, about, (0, why.to_owned()));
        }
        hits
    }

    /// Stops everything at once, or lets it go on.
    fn freeze(&mut self, frozen: bool, dry_run: bool) -> Vec<Hit> {
        let mut hits = Vec::new();
        if frozen {
            for pool in self.all_pools() {
                let capped = self.pools.classes(pool).filter(|class| class.cap.is_some());
                for class in capped.collect::<Vec<_>>() {
                    let route = self.class_label(&class);
                    let doing = format!("capped, holds {}", class.held);
                    hits.push(self.class_hit(pool, &route, (doing, "cap lifted".to_owned())));
                }
            }
            let wards = self.healing.door.wards().iter();
            for ward in wards.filter(|ward| ward.origin == Origin::Healer) {
                let (name, outcome) = (ward.subject.name(), "quarantine lifted".to_owned());
                let doing = "in quarantine".to_owned();
                hits.push(self.class_hit(ward.pool.unwrap_or(PoolId(0)), &name, (doing, outcome)));
            }
        }
        if dry_run {
            return hits;
        }
        self.healing.healer.guard.freeze(frozen);
        if frozen {
            self.healing.door.lift();
        } else {
            self.healing.healer.guard.reset();
        }
        for pool in self.all_pools() {
            self.pools.freeze(self.now, pool, frozen);
        }
        hits
    }

    /// Records that an operator ended what a client holds.
    pub(in crate::proxy::worker) fn note_end(&mut self, step: Step, holder: Option<(Holder, Who)>) {
        let Some((holder, who)) = holder else { return };
        let Some(pool) = self.pool_of(holder.server) else { return };
        let lasted = self.now.since(holder.since);
        let proposal = Proposal { step, holder, lasted };
        let order = Order::end(&proposal, (self.options.incidents.number(), who));
        let holders = [proposal.holder];
        let scene = self.scene(pool, self.pools.pressure(pool), &holders);
        self.healing.healer.order(self.now, scene, order);
    }

    /// Records an order about a class, or that one is taken back.
    fn note_order(
        &mut self,
        pool: PoolId,
        (step, lifts, subject): (Step, bool, Subject),
        (slots, why): (u32, String),
    ) {
        let (route, who) = (subject.name(), Who::default());
        let number = self.options.incidents.number();
        let order = Order { number, step, lifts, subject, route, holder: None, slots, why, who };
        let scene = self.scene(pool, self.pools.pressure(pool), &[]);
        self.healing.healer.order(self.now, scene, order);
    }

    fn all_pools(&self) -> Vec<PoolId> {
        let mut all: Vec<PoolId> = self.by_key.values().copied().collect();
        all.sort_unstable();
        all
    }

    fn class_hit(&self, pool: PoolId, route: &str, (doing, outcome): (String, String)) -> Hit {
        let home = self.homes.get(pool.0 as usize);
        Hit {
            database: home.map(|home| Arc::clone(&home.key.database)).unwrap_or_default(),
            pool_user: home.map(|home| Arc::clone(&home.key.user)).unwrap_or_default(),
            route: route.into(),
            client: None,
            backend: None,
            doing,
            outcome,
            hit: true,
        }
    }

    fn hit(&self, pool: PoolId, holder: &Holder, outcome: &str, hit: bool) -> Hit {
        let who = self.who(holder);
        let lasted = self.now.since(holder.since).as_secs_f64();
        let doing =
            format!("{} for {lasted:.1} s, {}", holder.doing.as_str(), holder.work.as_str());
        Hit {
            client: who.client,
            backend: who.backend,
            hit,
            ..self.class_hit(pool, &holder.route, (doing, outcome.to_owned()))
        }
    }
}

/// Why an operator's EVICT leaves a holder alone.
fn spared(holder: &Holder) -> String {
    match (holder.shield, holder.doing) {
        (Some(shield), _) => format!("spared: {}", shield.as_str()),
        (None, Doing::Idle) if holder.work == Work::Wrote => {
            "spared: rows written; FORCE rolls it back".to_owned()
        }
        (None, doing) => format!("spared: it {}", doing.as_str()),
    }
}
