//! A plan from what the ledger's history recorded: who asked how often, how long their statements
//! and their waits for the application were, before a trouble, in it, and after it.
//!
//! What cannot be known is left as it was: statements that were slow stay as slow, and attempts
//! that clients repeated come as often as they came.

use std::time::Duration;

use super::plan::{ClassPlan, EventPlan, Expectation, Plan, PlanError};
use crate::dispatch::Criticality;
use crate::incident::Wall;
use crate::ledger::{ClassKind, ClassSums, FrameClass, Phase, Summary};

/// How much is played from before the trouble, and from after it.
const AROUND: Duration = Duration::from_secs(120);

/// Routes by name; the rest is one class.
const CLASSES_MAX: usize = 12;

/// Changes of each class's rate.
const STEPS_MAX: usize = 60;

/// How long a client waits of whom none was seen to give up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a plan is from.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// The history, the oldest first.
    pub stretches: &'a [Summary],
    /// When the trouble began.
    pub from: Wall,
    /// When it was over.
    pub until: Wall,
    /// The route that is to blame; without it the one that held most in the trouble.
    pub culprit: Option<&'a str>,
}

/// A route in one part of the time.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    /// Nanoseconds of a transaction in which PostgreSQL worked, or its answer was on the way.
    sql: u128,
    /// Nanoseconds in which the transaction waited for its application.
    call: u128,
}

impl Times {
    /// What one transaction took, of a class that did this.
    fn of(sums: &ClassSums) -> Self {
        // Where none ended, those that were asked for are still at it.
        let count = if sums.transactions > 0 { sums.transactions } else { sums.claims };
        let count = u128::from(count.max(1));
        let call = sums.times[Phase::IdleInTransaction];
        Self { sql: (sums.times.held() - call) / count, call: call / count }
    }
}

/// The three parts of the time.
struct Parts<'a> {
    before: &'a [Summary],
    trouble: &'a [Summary],
    after: &'a [Summary],
}

impl Recorded<'_> {
    /// The plan, with the code as it was.
    ///
    /// # Errors
    /// When the history says nothing of that time, or has more requests than can be played.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let nothing = || PlanError::Text("the ledger's history says nothing of that time".into());
        let parts = self.parts();
        let all = [parts.before, parts.trouble, parts.after].concat();
        let trouble = Summary::whole(parts.trouble).ok_or_else(nothing)?;
        let start = all.first().ok_or_else(nothing)?.from;
        let names = names(&trouble);
        let since = |wall: Wall| wall.0.saturating_sub(start.0);
        let end_ms = all.last().map_or(0, |last| since(last.until));
        let (from_ms, to_ms) = (since(trouble.from), since(trouble.until));
        let trouble_s = [from_ms / 1_000, to_ms.div_ceil(1_000).max(from_ms / 1_000 + 1)];
        let mut plan = Plan {
            about: "As the ledger recorded it.".into(),
            seed: 1,
            seconds: end_ms.div_ceil(1_000).max(trouble_s[1] + 1),
            trouble: trouble_s,
            slots: trouble.slots.max(1),
            proxies: 1,
            workers: None,
            knee: None,
            classes: Vec::new(),
            events: Vec::new(),
            expect: Expectation::default(),
        };
        let culprit = self.culprit.filter(|name| names.iter().any(|known| known == name));
        let culprit = culprit.unwrap_or(&names[0]).to_owned();
        for name in &names {
            let class = Class { name, names: &names, start };
            class.add(&mut plan, &all, &parts, (from_ms, to_ms));
        }
        if plan.classes.is_empty() {
            return Err(nothing());
        }
        let half = plan.slots.div_ceil(2);
        for class in plan.classes.iter_mut().filter(|class| class.name == culprit) {
            (class.culprit, class.bulkhead) = (true, Some(half));
        }
        plan.check().map_err(PlanError::Number)?;
        Ok(plan)
    }

    fn parts(&self) -> Parts<'_> {
        let around = u64::try_from(AROUND.as_millis()).unwrap_or(u64::MAX);
        let at = |wall: u64| self.stretches.partition_point(|one| one.until.0 <= wall);
        let upto = |wall: u64| self.stretches.partition_point(|one| one.from.0 < wall);
        // Each end is held to its neighbour: after a clock was set back they could cross.
        let from = at(self.from.0);
        let first = at(self.from.0.saturating_sub(around)).min(from);
        let until = upto(self.until.0).max(from);
        let last = upto(self.until.0.saturating_add(around)).max(until);
        Parts {
            before: &self.stretches[first..from],
            trouble: &self.stretches[from..until],
            after: &self.stretches[until..last],
        }
    }
}

/// The call that is made inside of transactions is made outside of them: it takes no slot.
#[must_use]
pub fn call_outside(mut plan: Plan) -> Plan {
    let culprits: Vec<String> =
        plan.classes.iter().filter(|one| one.culprit).map(|one| one.name.clone()).collect();
    for class in plan.classes.iter_mut().filter(|class| class.culprit) {
        class.call_ms = 0;
    }
    let theirs = |event: &EventPlan| event.class.as_ref().is_some_and(|it| culprits.contains(it));
    for event in plan.events.iter_mut().filter(|event| theirs(event)) {
        event.call_ms = event.call_ms.map(|_| 0);
        event.call_to_ms = None;
    }
    plan.about = format!(
        "The same with the call of {} outside of the transaction.",
        culprits.join(" and of ")
    );
    plan
}

/// The routes that held most in the trouble, and what the others are called together.
fn names(trouble: &Summary) -> Vec<String> {
    let mut classes: Vec<&FrameClass> = trouble
        .classes
        .iter()
        .filter(|class| is_somebody(class) && class.sums.claims > 0)
        .collect();
    classes.sort_by_key(|class| std::cmp::Reverse(class.sums.times.held()));
    let mut names: Vec<String> = Vec::new();
    for class in classes {
        let name = class.label.to_string();
        if names.len() < CLASSES_MAX - 1 && !names.contains(&name) && !is_rest(class) {
            names.push(name);
        }
    }
    names.push(ClassKind::Other.as_str().to_owned());
    names
}

fn is_somebody(class: &FrameClass) -> bool {
    class.kind != ClassKind::Nobody
}

fn is_rest(class: &FrameClass) -> bool {
    class.kind == ClassKind::Other
}

/// One class of the plan.
struct Class<'a> {
    name: &'a str,
    names: &'a [String],
    start: Wall,
}

impl Class<'_> {
    /// What it did in some stretches.
    fn sums(&self, stretches: &[Summary]) -> ClassSums {
        let classes = stretches.iter().flat_map(|stretch| &stretch.classes);
        let mine = classes.filter(|class| is_somebody(class) && self.is_mine(class));
        mine.fold(ClassSums::default(), |sum, class| sum.plus(&class.sums))
    }

    fn is_mine(&self, class: &FrameClass) -> bool {
        let named = !is_rest(class) && self.names.iter().any(|name| *name == *class.label);
        if named { *class.label == *self.name } else { self.name == ClassKind::Other.as_str() }
    }

    fn add(&self, plan: &mut Plan, all: &[Summary], parts: &Parts<'_>, trouble: (u64, u64)) {
        let sums = self.sums(all);
        if sums.claims == 0 {
            return;
        }
        let steps: Vec<(u64, u64, u64)> = self.steps(all, plan.seconds * 1_000);
        let rate = steps.iter().map(|&(.., rate)| rate.div_ceil(100)).max().unwrap_or(1).max(1);
        let three = [
            (0, trouble.0, parts.before),
            (trouble.0, trouble.1, parts.trouble),
            (trouble.1, plan.seconds * 1_000, parts.after),
        ];
        let times = |stretches| Some(self.sums(stretches)).filter(|sums| sums.claims > 0);
        let three = three
            .map(|(from, to, stretches)| (from, to, Times::of(&times(stretches).unwrap_or(sums))));
        let most = three.iter().map(|(.., times)| times.sql).max().unwrap_or(0);
        let sql_ms = millis(most).max(1);
        plan.classes.push(ClassPlan {
            name: self.name.to_owned(),
            rate,
            sql_ms,
            call_ms: millis(Times::of(&sums).call),
            even: false,
            rounds: 1,
            culprit: false,
            patience_ms: patience_ms(&sums),
            retries: 0,
            retry_ms: 1_000,
            back_off_ms: None,
            lock: None,
            leak_percent: 0,
            nested: false,
            bulkhead: None,
            criticality: Criticality::Normal,
        });
        let event = |from_ms, to_ms| EventPlan {
            from_ms,
            to_ms,
            class: Some(self.name.to_owned()),
            rate_percent: 100,
            sql_percent: 100,
            call_ms: None,
            call_to_ms: None,
            poses_as: None,
            down: false,
            restart: false,
            late_ms: None,
        };
        plan.events.extend(steps.iter().map(|&(from, to, per_100_s)| EventPlan {
            rate_percent: (per_100_s + rate / 2) / rate,
            ..event(from, to)
        }));
        plan.events.extend(three.map(|(from, to, times)| EventPlan {
            sql_percent: percent(times.sql, sql_ms),
            call_ms: Some(millis(times.call)),
            ..event(from, to)
        }));
    }

    /// From when until when it asked how often: milliseconds, and requests in 100 s.
    fn steps(&self, all: &[Summary], end_ms: u64) -> Vec<(u64, u64, u64)> {
        let per_step = all.len().div_ceil(STEPS_MAX).max(1);
        let chunks: Vec<&[Summary]> = all.chunks(per_step).collect();
        let begins =
            |chunk: &[Summary]| chunk.first().map(|one| one.from.0.saturating_sub(self.start.0));
        let mut steps = Vec::new();
        for (at, chunk) in chunks.iter().enumerate() {
            let from = begins(chunk).unwrap_or(0);
            let to = chunks.get(at + 1).and_then(|next| begins(next)).unwrap_or(end_ms);
            let span: u64 = chunk.iter().map(|one| one.until.0.saturating_sub(one.from.0)).sum();
            let claims = self.sums(chunk).claims;
            steps.push((from, to, claims.saturating_mul(100_000) / span.max(1)));
        }
        steps
    }
}

/// The mean wait of those who gave up.
fn patience_ms(sums: &ClassSums) -> u64 {
    let left = sums.left;
    match left.nanos.checked_div(u128::from(left.count)) {
        Some(mean) => millis(mean).max(1),
        None => u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Rounded up, so that what took time takes some.
fn millis(nanos: u128) -> u64 {
    u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn percent(nanos: u128, of_ms: u64) -> u64 {
    let percent = nanos * 100 / (u128::from(of_ms.max(1)) * 1_000_000);
    u64::try_from(percent).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::PhaseTimes;
    use crate::simulator::{Rule, play};

    /// What a route did in one second: claims, milliseconds of statements, milliseconds of calls.
    fn class(label: &str, claims: u64, sql_ms: u64, call_ms: u64) -> FrameClass {
        let mut sums = ClassSums { claims, transactions: claims, ..ClassSums::default() };
        sums.times.charge(Phase::Executing, sql_ms * 1_000_000);
        sums.times.charge(Phase::IdleInTransaction, call_ms * 1_000_000);
        FrameClass { label: label.into(), kind: ClassKind::Tag, sums }
    }

    fn second(number: u64, classes: Vec<FrameClass>) -> Summary {
        Summary {
            from: Wall(1_000_000 + number * 1_000),
            until: Wall(1_001_000 + number * 1_000),
            slots: 10,
            waiting: 0,
            open_nanos: 0,
            times: PhaseTimes::default(),
            pools: Vec::new(),
            classes,
            gaps: Vec::new(),
        }
    }

    /// A shop whose payments call a service that hangs from second 10 to 25.
    fn shop() -> Vec<Summary> {
        let seconds = 0..40;
        seconds
            .map(|number| {
                let hangs = (10..25).contains(&number);
                let call = if hangs { 20 * 2_000 } else { 20 * 50 };
                second(number, vec![class("/pay", 20, 100, call), class("/page", 100, 500, 0)])
            })
            .collect()
    }

    fn recorded(stretches: &[Summary]) -> Recorded<'_> {
        Recorded { stretches, from: Wall(1_010_000), until: Wall(1_025_000), culprit: None }
    }

    #[test]
    fn a_plan_says_what_was_recorded() {
        let stretches = shop();
        let plan = recorded(&stretches).plan().unwrap();
        assert_eq!((plan.slots, plan.trouble, plan.seconds), (10, [10, 25], 40));
        let names: Vec<&str> = plan.classes.iter().map(|class| &*class.name).collect();
        assert_eq!(names, ["/pay", "/page"]);
        assert_eq!(Plan::parse(&plan.to_toml().unwrap()), Ok(plan.clone()));
        assert_eq!(plan.classes.iter().map(|one| one.culprit).collect::<Vec<_>>(), [true, false]);
        for (second, call) in [(5, 50), (15, 2_000), (30, 50)] {
            let at = crate::time::Instant::from_millis(second * 1_000);
            let pay = plan.present(at, 0);
            assert_eq!((pay.rate, pay.call), (2_000, Duration::from_millis(call)), "{second}");
            assert_eq!(pay.sql, Duration::from_millis(5), "{second}");
            assert_eq!(plan.present(at, 1).rate, 10_000);
        }
    }

    #[test]
    fn another_policy_and_another_code_do_better_than_what_was() {
        let stretches = shop();
        let plan = recorded(&stretches).plan().unwrap();
        let fifo = play(&plan, Rule::Fifo);
        assert!(fifo.innocent.soon_permille() < 500, "{fifo:?}");
        let weir = play(&plan, Rule::Weir);
        assert!(weir.innocent.soon_permille() > 900, "{weir:?}");
        let outside = call_outside(plan);
        let mended = play(&outside, Rule::Fifo);
        assert_eq!(mended.all.soon, mended.all.asked, "{mended:?}");
        assert!(outside.about.contains("/pay"), "{}", outside.about);
    }

    #[test]
    fn a_call_that_never_ends_in_the_record_is_as_long_as_what_is_seen_of_it() {
        let mut stretches = shop();
        for stretch in &mut stretches[10..25] {
            stretch.classes[0].sums.transactions = 0;
        }
        let plan = recorded(&stretches).plan().unwrap();
        let present = plan.present(crate::time::Instant::from_millis(15_000), 0);
        assert_eq!(present.call, Duration::from_secs(2));
    }

    #[test]
    fn many_routes_and_a_long_time_are_bounded_and_lose_no_request() {
        let routes = |number: u64| (0..40).map(move |n| class(&format!("/{n}"), n + 1, n, number));
        let stretches: Vec<Summary> =
            (0..200).map(|number| second(number, routes(number).collect())).collect();
        let recorded = Recorded {
            stretches: &stretches,
            from: Wall(1_050_000),
            until: Wall(1_150_000),
            culprit: Some("/39"),
        };
        let plan = recorded.plan().unwrap();
        assert_eq!(plan.classes.len(), CLASSES_MAX);
        assert!(plan.events.len() <= CLASSES_MAX * (STEPS_MAX + 3), "{}", plan.events.len());
        let at = crate::time::Instant::from_millis(90_000);
        let rate: u64 = (0..CLASSES_MAX).map(|class| plan.present(at, class).rate).sum();
        let expected = (1..=40).sum::<u64>() * 100;
        assert!(rate.abs_diff(expected) <= expected / 100, "{rate} in 100 s, not {expected}");
        assert!(plan.classes.iter().any(|one| one.culprit && one.name == "/39"));
    }

    #[test]
    fn a_time_of_which_nothing_is_known_is_no_plan() {
        let stretches = shop();
        let later = Recorded { from: Wall(9_000_000), until: Wall(9_001_000), ..recorded(&[]) };
        assert!(later.plan().is_err());
        let later = Recorded { stretches: &stretches, ..later };
        assert!(later.plan().unwrap_err().to_string().contains("says nothing"));
    }
}
