//! What the healer does, and above all what it does not.

mod transitions;

use std::collections::BTreeSet;
use std::time::Duration;

use weir_wire::sql::Fingerprint;

use super::*;
use crate::ids::{ClientId, PoolId, ServerId};
use crate::time::Instant;

const fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

fn holder(server: u32, doing: Doing, work: Work) -> Holder {
    Holder {
        server: ServerId(server),
        client: ClientId(server),
        route: "/pay".into(),
        class: "/pay".into(),
        fingerprint: Fingerprint(7),
        first: true,
        doing,
        since: Instant::ZERO,
        began: Instant::ZERO,
        work,
        shield: None,
    }
}

/// A holder that has waited for its application since the beginning.
fn idle() -> Holder {
    holder(1, Doing::Idle, Work::ReadOnly)
}

/// The same, since another moment.
fn idle_since(server: u32, since: Instant) -> Holder {
    Holder { since, began: since, ..holder(server, Doing::Idle, Work::ReadOnly) }
}

fn all(mode: Mode) -> Rules {
    let mut rules = Rules::default();
    for step in Step::ALL {
        rules.ladder.set(step, mode);
    }
    rules
}

/// A healer, its rules, and a pool whose first client in the queue has waited for `oldest`.
struct World {
    healer: Healer,
    rules: Rules,
    oldest: Duration,
}

impl World {
    fn new(rules: Rules) -> Self {
        Self { healer: Healer::default(), rules, oldest: Duration::from_secs(1) }
    }

    fn enforcing() -> Self {
        Self::new(all(Mode::Enforce))
    }

    fn considers(&mut self, now: Instant, holders: &[Holder], waiting: u32) -> Vec<Decision> {
        let scene = Scene { pool: PoolId(0), holders, waiting, oldest: self.oldest, classes: None };
        self.healer.consider(now, scene, &self.rules, |_| (0, Who::default()))
    }

    /// How many transactions, statements and connections are ended.
    fn ends(&mut self, now: Instant, holders: &[Holder], waiting: u32) -> usize {
        let decisions = self.considers(now, holders, waiting);
        decisions.iter().filter(|one| matches!(one, Decision::End(_))).count()
    }

    fn verdicts(&self) -> Vec<Verdict> {
        self.healer.records().map(|record| record.verdict).collect()
    }

    fn done(&self) -> usize {
        self.verdicts().iter().filter(|verdict| **verdict == Verdict::Done).count()
    }
}

/// The victims in the order in which they come.
fn victims(holders: &[Holder], limits: &Limits) -> Vec<(Step, u32)> {
    let proposed = propose(at(100), holders, limits);
    proposed.iter().map(|one| (one.step, one.holder.server.0)).collect()
}

#[test]
fn who_lost_least_goes_first_and_writers_stay() {
    let holders = [
        holder(1, Doing::Idle, Work::Wrote),
        holder(2, Doing::Executing, Work::NoRows),
        holder(3, Doing::Idle, Work::NoRows),
        holder(4, Doing::Streaming, Work::ReadOnly),
        holder(5, Doing::Idle, Work::Nothing),
        holder(6, Doing::Idle, Work::ReadOnly),
        holder(7, Doing::Committing, Work::Wrote),
    ];
    let mild = [(Step::Evict, 5), (Step::Evict, 6), (Step::Evict, 3)];
    let hard = [(Step::Cancel, 2), (Step::Close, 4)];
    assert_eq!(victims(&holders, &Limits::default()), [&mild[..], &hard].concat());
    let writers = Limits { writers: true, ..Limits::default() };
    assert_eq!(victims(&holders, &writers), [&mild[..], &[(Step::Evict, 1)], &hard].concat());
}

#[test]
fn what_is_shielded_is_never_touched() {
    let shields = [
        Shield::TwoPhase,
        Shield::Replication,
        Shield::Autovacuum,
        Shield::Backup,
        Shield::Migration,
        Shield::Superuser,
        Shield::Exempt,
        Shield::Maintenance,
    ];
    for doing in [Doing::Idle, Doing::Executing, Doing::Cancelling, Doing::Streaming] {
        for shield in shields {
            let mut world = World::enforcing();
            let shielded = Holder { shield: Some(shield), ..holder(1, doing, Work::Nothing) };
            assert_eq!(world.considers(at(100), &[shielded], 9), []);
            assert_eq!(world.verdicts(), [], "not even a record");
        }
    }
}

#[test]
fn who_commits_is_never_touched() {
    let mut world = World::enforcing();
    world.rules.limits.writers = true;
    assert_eq!(world.ends(at(1_000), &[holder(1, Doing::Committing, Work::Wrote)], 9), 0);
}

#[test]
fn nothing_is_done_unless_somebody_waits() {
    let mut world = World::enforcing();
    assert_eq!(world.ends(at(100), &[idle()], 0), 0);
    assert_eq!(world.verdicts(), []);
    let many: Vec<_> = (0..9).map(|one| holder(one, Doing::Idle, Work::Nothing)).collect();
    assert_eq!(world.ends(at(100), &many, 2), 2, "no more than wait");
}

#[test]
fn a_slot_of_another_class_is_of_no_use_to_a_capped_one() {
    let mut world = World::enforcing();
    let want = BTreeSet::from(["/cart".into()]);
    let holders = [idle()];
    let scene = Scene {
        pool: PoolId(0),
        holders: &holders,
        waiting: 3,
        oldest: Duration::ZERO,
        classes: Some(&want),
    };
    assert_eq!(world.healer.consider(at(100), scene, &world.rules, |_| (0, Who::default())), []);
}

#[test]
fn by_default_work_is_only_ended_in_words() {
    let mut world = World::new(Rules::default());
    assert_eq!(world.ends(at(100), &[idle()], 1), 0);
    assert_eq!(world.verdicts(), [Verdict::Only(Mode::Warn)]);
    assert_eq!(world.ends(at(101), &[idle()], 1), 0);
    assert_eq!(world.verdicts().len(), 1, "it is said once");
    assert_eq!(world.rules.ladder.mode("/pay", Step::Cap), Mode::Enforce);
    world.rules.ladder.set_class("/pay", Step::Evict, Mode::Enforce);
    assert_eq!(world.ends(at(102), &[idle_since(1, at(50))], 1), 1);
    world.rules.ladder.set_class("/pay", Step::Evict, Mode::Observe);
    assert_eq!(world.ends(at(110), &[idle_since(2, at(60))], 1), 0);
}

#[test]
fn a_change_to_enforce_acts_on_what_was_only_told() {
    let mut world = World::new(all(Mode::Warn));
    assert_eq!(world.ends(at(100), &[idle()], 1), 0);
    world.rules = all(Mode::Enforce);
    assert_eq!(world.ends(at(101), &[idle()], 1), 1);
}

#[test]
fn what_the_dispatch_does_is_recorded_in_the_mode_of_the_class() {
    let mut world = World::enforcing();
    world.rules.ladder.set_class("/pay", Step::Cap, Mode::Observe);
    for (number, route) in [(1, "/pay"), (2, "/cart")] {
        let scene = Scene {
            pool: PoolId(0),
            holders: &[],
            waiting: 4,
            oldest: Duration::ZERO,
            classes: None,
        };
        let (route, why) = (route.into(), String::new());
        let sign = Sign { number, step: Step::Cap, route, slots: 2, why };
        world.healer.sign(at(1), scene, &world.rules, sign);
    }
    assert_eq!(world.verdicts(), [Verdict::Only(Mode::Observe), Verdict::Done]);
}

#[test]
fn the_effect_is_measured_also_of_what_was_not_done() {
    let mut world = World::new(Rules::default());
    world.considers(at(100), &[idle()], 5);
    assert!(world.healer.is_curious(), "it is to be measured although nobody waits");
    world.considers(at(101), &[], 2);
    assert!(!world.healer.is_curious());
    let record = world.healer.records().next().expect("there is one");
    assert_eq!(record.verdict, Verdict::Only(Mode::Warn));
    assert_eq!(record.prediction, Prediction { slots: 1, waiting: 5, waiting_after: 4 });
    let effect = record.effect.expect("it is measured");
    assert_eq!((effect.waiting, effect.freed, effect.helped), (2, true, true));
}

#[test]
fn an_action_that_left_its_target_where_it_was_did_not_help() {
    let mut world = World::enforcing();
    world.considers(at(100), &[idle()], 5);
    world.considers(at(101), &[idle()], 2);
    let effect = world.healer.records().next().and_then(|record| record.effect).unwrap();
    assert_eq!((effect.waiting, effect.freed, effect.helped), (2, false, false));
}

#[test]
fn the_summary_says_what_enforcing_would_have_saved() {
    let mut world = World::new(all(Mode::Warn));
    let millis = |ms: u64| Instant::from_millis(100_000 + ms);
    for look in 0..20 {
        world.considers(millis(look * 100), &[idle()], 3);
    }
    // Nobody waits any more: what is held from now on costs nobody anything.
    world.considers(millis(2_000), &[idle()], 0);
    world.considers(millis(9_000), &[idle()], 3);
    let sums = world.healer.week(millis(9_000));
    let sum = sums.get(Step::Evict, Tallied::Warned);
    assert_eq!((sum.count, sum.slots, sum.measured), (1, 1, 1));
    assert_eq!(sum.kept, Duration::from_millis(1_900));
    let told = "1 actions for 1 slots, 0 of 1 measured helped; slots were held on for 1.9 s while \
                others waited";
    assert_eq!(sum.told(Tallied::Warned), format!("{told}, which enforcing would have saved"));
    assert_eq!(sum.told(Tallied::Done), told);
    assert_eq!(sums.get(Step::Evict, Tallied::Done).count, 0);
    assert_eq!(world.healer.total(), &sums);
    let week_later = at(100 + 8 * 86_400);
    assert_eq!(world.healer.week(week_later), Sums::default(), "it is of seven days");
}

#[test]
fn the_breaker_stops_a_healer_that_does_not_help() {
    let mut world = World::enforcing();
    let mut opened = 0;
    for second in 0..10 {
        // Each finds the queue longer and slower than before.
        world.oldest = Duration::from_secs(second);
        let stuck = Holder { route: second.to_string().into(), ..idle() };
        let number = u32::try_from(second).expect("small");
        let stuck = Holder { server: ServerId(number), ..stuck };
        world.considers(at(100 + second * 2), &[stuck], 7 + number);
        while let Some(news) = world.healer.poll_news() {
            opened += u32::from(news == News::BreakerOpened);
        }
    }
    assert_eq!((world.done(), world.healer.guard.is_open(), opened), (3, true, 1));
    assert_eq!(world.verdicts().last(), Some(&Verdict::Withheld(Withheld::Breaker)));
    world.healer.guard.reset();
    assert_eq!(world.ends(at(200), &[idle_since(1, at(150))], 7), 1);
}

#[test]
fn the_budget_bounds_what_is_destroyed_in_a_minute() {
    let mut world = World::enforcing();
    let many: Vec<_> = (0..40)
        .map(|one| Holder {
            route: one.to_string().into(),
            ..holder(one, Doing::Idle, Work::Nothing)
        })
        .collect();
    assert_eq!(world.ends(at(100), &many, 40), 10);
    // All waiting clients are gone a second later: it helped, and the budget still holds.
    assert_eq!(world.ends(at(130), &many[10..], 5), 0);
    assert_eq!(world.ends(at(160), &many[10..], 5), 5);
    world.rules.envelope.destructive_per_minute = 0;
    assert_eq!(world.ends(at(300), &many[20..], 5), 0, "none is a budget, too");
}

#[test]
fn freeze_acts_at_once() {
    let mut world = World::enforcing();
    world.healer.guard.freeze(true);
    assert_eq!(world.ends(at(100), &[idle()], 5), 0);
    assert_eq!(world.healer.guard.withholds(at(100), Step::Cap), Some(Withheld::Frozen));
    world.healer.guard.freeze(false);
    assert_eq!(world.ends(at(100), &[idle()], 5), 1);
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::enforcing();
    assert_eq!(Healer::dry_run(at(100), &[idle()], &world.rules).len(), 1);
    assert_eq!(world.verdicts(), []);
}

#[test]
fn whose_work_is_ended_three_times_is_let_in_one_at_a_time() {
    let mut world = World::enforcing();
    let mut quarantined = Vec::new();
    for time in 0..3 {
        let one = idle_since(time, at(100 + u64::from(time) * 10));
        let decisions = world.considers(at(106 + u64::from(time) * 10), &[one], 2);
        quarantined.extend(decisions.into_iter().filter_map(|one| match one {
            Decision::Quarantine(subject, _) => Some(subject),
            Decision::End(_) => None,
        }));
    }
    assert_eq!(quarantined, [Subject::Route("/pay".into())]);
}

#[test]
fn statements_that_begin_transactions_are_quarantined_by_their_fingerprint() {
    let mut world = World::enforcing();
    let runs = |server| holder(server, Doing::Executing, Work::Nothing);
    let decisions = world.considers(at(100), &[runs(1), runs(2), runs(3)], 5);
    let wanted = Subject::Fingerprint(Fingerprint(7));
    let is_wanted = |one: &Decision| matches!(one, Decision::Quarantine(of, _) if *of == wanted);
    assert!(decisions.iter().any(is_wanted), "{decisions:?}");
}

#[test]
fn one_that_is_cancelled_and_then_closed_was_ended_once() {
    let mut world = World::enforcing();
    for (time, doing) in [(100, Doing::Executing), (120, Doing::Cancelling)] {
        for server in 0..2 {
            let one = holder(server, doing, Work::Nothing);
            let decisions = world.considers(at(time + u64::from(server)), &[one], 2);
            assert!(matches!(decisions[..], [Decision::End(_)]), "{time}: {decisions:?}");
        }
    }
}

#[test]
fn what_nobody_ended_is_no_reason_to_refuse_anybody() {
    // The default: eviction warns, quarantine is enforced.
    let mut world = World::new(Rules::default());
    for time in 0..3 {
        let one = idle_since(time, at(100 + u64::from(time) * 10));
        assert_eq!(world.considers(at(106 + u64::from(time) * 10), &[one], 2), []);
    }
    let last = world.healer.records().last().expect("there is one");
    assert_eq!((last.step, last.verdict), (Step::Quarantine, Verdict::Only(Mode::Warn)));
}

#[test]
fn a_quarantine_probes_and_ends_by_itself() {
    let mut one = Quarantine::new(at(0));
    assert_eq!(one.admit(at(0)), Admission::Refused(Duration::from_secs(1)));
    assert_eq!(one.admit(at(1)), Admission::Probe);
    assert!(matches!(one.admit(at(1)), Admission::Refused(_)), "one probe at a time");
    one.probed(at(3), false);
    assert_eq!(one.admit(at(4)), Admission::Refused(Duration::from_secs(1)), "twice as long");
    for probe in 0..3 {
        assert_eq!(one.admit(at(5 + probe)), Admission::Probe);
        one.probed(at(5 + probe), true);
    }
    assert_eq!(one.admit(at(9)), Admission::Free);
}

const PAY: &str = "/pay";

fn knock(client: u32, route: &str) -> Knock<'_> {
    Knock {
        client: ClientId(client),
        pool: PoolId(0),
        route,
        fingerprint: Some(Fingerprint(9)),
        allowed: Duration::from_secs(1),
    }
}

fn quarantined() -> Door {
    let mut door = Door::default();
    assert!(door.is_open());
    let whom = (Subject::Route(PAY.into()), Some(PoolId(0)));
    assert!(door.close(at(0), whom, (Origin::Healer, "of a test".into())));
    door
}

fn is_turned(pass: &Pass) -> bool {
    matches!(pass, Pass::Turned(_))
}

#[test]
fn a_door_lets_one_in_at_a_time_and_opens_by_itself() {
    let mut door = quarantined();
    assert!(is_turned(&door.knock(at(0), &knock(1, PAY))));
    assert_eq!(door.knock(at(0), &knock(1, "/cart")), Pass::Free, "others are not meant");
    let elsewhere = Knock { pool: PoolId(1), ..knock(1, PAY) };
    assert_eq!(door.knock(at(0), &elsewhere), Pass::Free, "nor other pools");
    for probe in 0..3 {
        let now = at(2 + probe);
        assert_eq!(door.knock(now, &knock(1, PAY)), Pass::Probe);
        assert!(is_turned(&door.knock(now, &knock(2, PAY))));
        door.granted(now, ClientId(1));
        door.ended(now, ClientId(2), ProbeEnd::Released);
        assert!(door.is_probing(), "the end of another is not that of the probe");
        door.ended(now, ClientId(1), ProbeEnd::Released);
    }
    assert!(door.is_open());
}

#[test]
fn a_probe_that_takes_long_or_is_lost_makes_the_quarantine_longer() {
    let ends = [(4, ProbeEnd::Released, "it took long"), (2, ProbeEnd::Gone, "it was lost")];
    for (second, how, why) in ends {
        let mut door = quarantined();
        assert_eq!(door.knock(at(2), &knock(1, PAY)), Pass::Probe);
        door.granted(at(2), ClientId(1));
        door.ended(at(second), ClientId(1), how);
        let Pass::Turned(turned) = door.knock(at(second), &knock(1, PAY)) else { panic!("{why}") };
        assert_eq!(turned.next, Duration::from_secs(2), "{why}");
    }
    let mut door = quarantined();
    assert_eq!(door.knock(at(2), &knock(1, PAY)), Pass::Probe);
    door.granted(at(2), ClientId(1));
    door.look(at(4));
    assert!(!door.is_probing(), "its end is not awaited");
}

#[test]
fn a_probe_without_a_slot_says_nothing() {
    let mut door = quarantined();
    assert_eq!(door.knock(at(2), &knock(1, PAY)), Pass::Probe);
    door.ended(at(3), ClientId(1), ProbeEnd::Gone);
    assert_eq!(door.knock(at(3), &knock(2, PAY)), Pass::Probe);
}

#[test]
fn what_operators_keep_out_stays_out_when_the_healer_is_frozen() {
    let mut door = quarantined();
    let whom = (Subject::Fingerprint(Fingerprint(9)), None);
    assert!(door.close(at(0), whom.clone(), (Origin::Operator, "of a test".into())));
    assert!(!door.close(at(0), whom.clone(), (Origin::Healer, "again".into())), "it is already");
    assert!(door.lift());
    assert!(is_turned(&door.knock(at(0), &knock(1, "/cart"))));
    assert!(door.open(&whom.0) && door.is_open());
}

#[test]
fn a_quarantine_that_nobody_needs_is_forgotten() {
    let mut door = quarantined();
    door.look(at(599));
    assert!(!door.is_open());
    door.look(at(600));
    assert!(door.is_open());
}

#[test]
fn exemptions_are_by_name_kind_and_statement() {
    let exempt = Exemptions { users: vec!["dba_*".into()], ..Exemptions::default() };
    let party = Party {
        user: "app",
        pool_user: "app",
        application: "web",
        route: "/pay",
        statement: "select ?",
        superuser: false,
    };
    let check = |party: Party<'_>, expected| {
        assert_eq!(exempt.shield(&party, &BTreeSet::new()), expected, "{party:?}");
    };
    check(party, None);
    check(Party { superuser: true, ..party }, Some(Shield::Superuser));
    check(Party { user: "dba_eve", ..party }, Some(Shield::Exempt));
    check(Party { pool_user: "dba_pool", ..party }, Some(Shield::Exempt));
    check(Party { application: "pg_dump", ..party }, Some(Shield::Backup));
    check(Party { application: "pgBackRest [backup]", ..party }, Some(Shield::Backup));
    check(Party { application: "maintenance: nightly", ..party }, Some(Shield::Maintenance));
    check(Party { application: "pg_dumper", ..party }, None);
    check(Party { application: "flyway 9", ..party }, Some(Shield::Migration));
    check(Party { route: "maintenance/nightly", ..party }, Some(Shield::Maintenance));
    check(Party { statement: "alter table t add c int", ..party }, Some(Shield::Migration));
    check(Party { statement: "create temp table t(c int)", ..party }, None);
    check(Party { statement: "vacuum", ..party }, Some(Shield::Maintenance));
    let lax = Exemptions { superusers: false, ..Exemptions::default() };
    let superuser = Party { superuser: true, ..party };
    assert_eq!(lax.shield(&superuser, &BTreeSet::new()), None);
    for ordered in [
        Exempted::User("app".into()),
        Exempted::Application("web".into()),
        Exempted::Route("/pay".into()),
    ] {
        let ordered = BTreeSet::from([ordered]);
        assert_eq!(lax.shield(&party, &ordered), Some(Shield::Exempt), "{ordered:?}");
    }
}
