//! What the ledger says of small stories.

use std::time::Duration;

use crate::ids::{ClassId, PoolId, ServerId};
use crate::ledger::tests::read;
use crate::ledger::{Caller, Ledger, LedgerSnapshot, Phase, Picture, Recorder, WaitEnd};
use crate::pool::State;
use crate::time::Instant;

/// A ledger with one server connection, which is idle.
struct Story {
    ledger: Ledger,
    caller: Caller,
    now: Instant,
}

const SERVER: ServerId = ServerId(0);

impl Story {
    fn new() -> Self {
        let mut ledger = Ledger::new(7);
        ledger.pool_added(PoolId(0));
        ledger.open.opened(Instant::ZERO);
        ledger.opened(Instant::ZERO, 0, PoolId(0));
        ledger.moved(Instant::ZERO, 0, State::Idle);
        Self { ledger, caller: Caller::new("shop", "app", "app"), now: Instant::ZERO }
    }

    fn pass(&mut self, millis: u64) -> &mut Self {
        self.now = self.now + Duration::from_millis(millis);
        self
    }

    /// A client gets the connection for a text, and sends it.
    fn grant(&mut self, text: &str) -> &mut Self {
        let mark = read(&mut self.ledger, text, &mut self.caller);
        self.ledger.claimed(mark.class);
        self.ledger.waited(mark.class, WaitEnd::Granted, Duration::ZERO);
        self.ledger.moved(self.now, 0, State::Active);
        self.ledger.held(self.now, 0, mark.class);
        self.say(text, None)
    }

    fn say(&mut self, text: &str, due: Option<u32>) -> &mut Self {
        let mark = read(&mut self.ledger, text, &mut self.caller);
        self.ledger.statement(self.now, SERVER, mark, due);
        self
    }

    /// The request is answered; the transaction stays open.
    fn answer(&mut self) -> &mut Self {
        self.ledger.answered(self.now, SERVER, 1, false);
        self.ledger.enter(self.now, SERVER, Phase::IdleInTransaction);
        self
    }

    /// The request is answered, the transaction is over, the connection goes back.
    fn release(&mut self) -> &mut Self {
        self.ledger.answered(self.now, SERVER, 1, true);
        self.ledger.moved(self.now, 0, State::Idle);
        self
    }

    fn look(&mut self) -> LedgerSnapshot {
        let snapshot = self.ledger.snapshot(self.now, 0);
        assert_eq!(snapshot.drift_nanos(), 0);
        snapshot
    }
}

fn millis(snapshot: &LedgerSnapshot, label: &str, phase: Phase) -> u128 {
    let classes = snapshot.classes.iter().filter(|class| &*class.label == label);
    classes.map(|class| class.sums.times[phase] / 1_000_000).sum()
}

#[test]
fn time_is_charged_to_its_route_by_phase() {
    let mut story = Story::new();
    story.pass(5).grant("SELECT 1 /*route='/a/17'*/").pass(10).answer().pass(200);
    story.say("UPDATE t SET x = 3", None).pass(20).release().pass(7);
    let seen = story.look();
    assert_eq!(millis(&seen, "/a/{}", Phase::Executing), 30);
    assert_eq!(millis(&seen, "/a/{}", Phase::IdleInTransaction), 200);
    assert_eq!(millis(&seen, "nobody", Phase::Idle), 12);
    let class = seen.classes.iter().find(|class| &*class.label == "/a/{}").unwrap();
    assert_eq!((class.sums.claims, class.sums.transactions), (1, 1));
}

#[test]
fn rows_are_those_of_the_class_that_the_transaction_has_at_its_end() {
    let mut story = Story::new();
    story.grant("SELECT a FROM t /*route='/report'*/").pass(1);
    story.ledger.rows(SERVER, 20_000);
    story.ledger.rows(SERVER, 10_000);
    story.release();
    story.ledger.rows(SERVER, 40_000);
    story.grant("SELECT 1 /*route='/page'*/").pass(1).release();
    let seen = story.look();
    let rows = |label| seen.classes.iter().find(|class| &*class.label == label).unwrap().sums.rows;
    assert_eq!((rows("/report"), rows("/page")), (30_000, 0));
}

#[test]
fn a_gap_is_named_by_the_statements_around_it() {
    let mut story = Story::new();
    for _ in 0..3 {
        story.grant("INSERT INTO payment VALUES (1)").pass(1).answer().pass(2000);
        story.say("UPDATE orders SET paid = true WHERE id = 7", None).pass(1).answer().pass(1);
        story.say("COMMIT", None).pass(1).release();
    }
    let seen = story.look();
    let top = seen.gaps.iter().max_by_key(|gap| gap.sums.nanos).unwrap();
    assert_eq!(&*top.before, "insert into payment values (?)");
    assert_eq!(&*top.after, "update orders set paid = ? where id = ?");
    assert_eq!((&*top.route, top.sums.count, top.sums.nanos), ("shop", 3, 6_000_000_000));
    assert_eq!(top.sums.max, Duration::from_secs(2));
}

#[test]
fn a_gap_that_lasts_is_seen_while_it_does() {
    let mut story = Story::new();
    story.grant("SELECT 1").pass(1).answer().pass(500);
    let seen = story.look();
    let [gap] = &seen.gaps[..] else { panic!("one gap, not {:?}", seen.gaps) };
    assert_eq!((&*gap.after, gap.open, gap.sums.nanos), ("", 1, 500_000_000));
}

#[test]
fn a_tag_found_late_is_charged_back_to_the_start() {
    let mut story = Story::new();
    story.grant("SELECT 1").pass(10).answer().pass(100);
    assert_eq!(millis(&story.look(), "shop", Phase::IdleInTransaction), 100);
    story.say("SELECT 2 /*action='pay',controller='orders'*/", None).pass(5).release();
    let seen = story.look();
    for (label, executing, idle) in [("shop", 0, 0), ("orders#pay", 15, 100)] {
        assert_eq!(millis(&seen, label, Phase::Executing), executing, "{label}");
        assert_eq!(millis(&seen, label, Phase::IdleInTransaction), idle, "{label}");
    }
    // The next transaction is not the tag's.
    story.grant("SELECT 1").pass(3).release();
    assert_eq!(millis(&story.look(), "shop", Phase::Executing), 3);
}

#[test]
fn a_pipeline_is_charged_statement_by_statement() {
    let mut story = Story::new();
    // Both are sent at once; the second is the other route's, and begins with the first's end.
    story.grant("SELECT 1 /*route='slow'*/").say("SELECT 2 /*route='quick'*/", Some(1)).pass(900);
    story.ledger.answered(story.now, SERVER, 1, true);
    story.pass(4).release();
    let seen = story.look();
    assert_eq!(millis(&seen, "slow", Phase::Executing), 900);
    assert_eq!(millis(&seen, "quick", Phase::Executing), 4);
}

#[test]
fn untagged_transactions_of_one_user_are_told_apart_by_their_statements() {
    let mut story = Story::new();
    story.caller = Caller::new("", "app", "app");
    for _ in 0..2 {
        story.grant("SELECT * FROM a WHERE id = 1").pass(1).answer();
        story.say("DELETE FROM a", None).pass(1).release();
        story.grant("SELECT * FROM a WHERE id = 2").pass(3).release();
    }
    let seen = story.look();
    let spent: Vec<(&str, u128)> = seen
        .classes
        .iter()
        .filter(|class| class.sums.transactions > 0)
        .map(|class| (&*class.label, class.sums.times[Phase::Executing] / 1_000_000))
        .collect();
    let [(single, 6), (double, 4)] = spent[..] else { panic!("{spent:?}") };
    assert_eq!(single, "select * from a where id = ?");
    assert!(double.starts_with("select * from a where id = ? (+1 "), "{double}");
}

#[test]
fn the_ladder_goes_from_tag_to_application_to_user() {
    let check = |caller: Caller, text: &str, expected: &str| {
        let mut story = Story::new();
        story.caller = caller;
        story.grant(text).pass(1);
        let holds: Vec<_> = story.ledger.holds().collect();
        assert_eq!(&*holds[0].route, expected, "{text}");
    };
    let named = || Caller::new("worker-17", "ann", "app");
    check(named(), "SELECT 1 /*route='/x',application='shop'*/", "/x");
    check(named(), "/*application='shop'*/ SELECT 1", "shop");
    check(named(), "SELECT 1", "worker-{}");
    check(Caller::new("", "ann", "app"), "SELECT 1", "ann");
    check(Caller::new("", "app", "app"), "SELECT 1", "select ?");
}

#[test]
fn waits_of_those_who_got_nothing_are_kept() {
    let mut story = Story::new();
    let class = read(&mut story.ledger, "SELECT 1", &mut story.caller).class;
    for (end, seconds) in [(WaitEnd::Granted, 1), (WaitEnd::Refused, 2), (WaitEnd::Left, 4)] {
        story.ledger.claimed(class);
        story.ledger.queued(class);
        story.ledger.unqueued(class, end, Duration::from_secs(seconds));
    }
    story.ledger.queued(class);
    let seen = story.look();
    let shop = seen.classes.iter().find(|class| &*class.label == "shop").unwrap();
    assert_eq!(shop.waiting, 1);
    assert_eq!(shop.sums.waited_nanos(), 7_000_000_000);
    assert_eq!((shop.sums.refused.count, shop.sums.left.nanos), (1, 4_000_000_000));
}

#[test]
fn what_has_no_class_is_nobody_s() {
    let mut story = Story::new();
    story.ledger.moved(story.now, 0, State::Active);
    story.ledger.held(story.now, 0, ClassId(0));
    story.pass(8).release();
    assert_eq!(millis(&story.look(), "nobody", Phase::Executing), 8);
}

#[test]
fn who_holds_most_is_named_with_what_it_does() {
    let mut story = Story::new();
    assert_eq!(story.ledger.top_holder(PoolId(0)), None);
    story.grant("INSERT INTO o VALUES (1) /*route='POST /pay'*/").answer();
    let top = story.ledger.top_holder(PoolId(0)).expect("it is held");
    assert_eq!(
        top.to_string(),
        "1 of the 1 that are held belong to \"POST /pay\"; 1 of these wait for their application \
         inside a transaction."
    );
    assert_eq!(story.ledger.top_holder(PoolId(1)), None);
}

#[test]
fn an_end_user_is_known_by_a_tag_and_the_same_in_every_ledger() {
    let user = |seed: u64, text: &str| {
        let mut ledger = Ledger::new(seed);
        let mark = read(&mut ledger, text, &mut Caller::new("shop", "app", "app"));
        assert_eq!(read(&mut ledger, text, &mut Caller::new("", "", "")).user, mark.user);
        mark.user
    };
    let ann = user(1, "SELECT 1 /*route='/a',user_id='ann'*/");
    assert_ne!(ann, 0);
    for same in [
        "SELECT 2 /*user='ann'*/",
        "/*enduser.id:ann*/ SELECT 3",
        "/*route='/b'*/ SELECT 4 /*user.id=ann*/",
    ] {
        assert_eq!(user(2, same), ann, "{same}");
    }
    assert_ne!(user(1, "SELECT 1 /*user='bob'*/"), ann);
    for nobody in ["SELECT 1", "SELECT 1 /*route='/a',user=''*/", "SELECT 'user=ann'"] {
        assert_eq!(user(1, nobody), 0, "{nobody}");
    }
}

#[test]
fn tags_between_statements_of_one_text_do_not_name_its_transaction() {
    let check = |text: &str, expected: &str| {
        let mut story = Story::new();
        story.grant(text).pass(1);
        let holds: Vec<_> = story.ledger.holds().collect();
        assert_eq!(&*holds[0].route, expected, "{text}");
    };
    check("SELECT 1; /*route='/b'*/ SELECT 2", "shop");
    check("/*route='/a'*/ SELECT 1; /*route='/b'*/ SELECT 2", "/a");
    check("SELECT 1; /*route='/b'*/ SELECT 2 /*route='/c'*/;", "/c");
    check("SELECT 1 /*route='/a'*/; SELECT 2 /*route='/b'*/", "/b");
}

#[test]
fn a_ledger_that_is_off_counts_claims_and_nothing_else() {
    let mut ledger = Ledger::off();
    ledger.pool_added(PoolId(0));
    ledger.open.opened(Instant::ZERO);
    ledger.opened(Instant::ZERO, 0, PoolId(0));
    ledger.moved(Instant::ZERO, 0, State::Idle);
    let mut story = Story { ledger, caller: Caller::new("shop", "app", "app"), now: Instant::ZERO };
    story.pass(5).grant("SELECT 1 /*route='/a'*/").pass(7).answer().pass(3).release();
    let mark = read(&mut story.ledger, "SELECT 2", &mut story.caller);
    assert_eq!((mark.class, story.ledger.is_current(mark)), (ClassId(1), true));
    let seen = story.ledger.snapshot(story.now, 0);
    assert!(seen.off && seen.times.total() == 0 && seen.drift_nanos() == 0);
    assert_eq!((seen.open, seen.gaps.len(), story.ledger.holds().count()), (0, 0, 0));
    let claims: Vec<_> = seen.classes.iter().map(|row| (&*row.label, row.sums.claims)).collect();
    assert_eq!(claims, [("nobody", 0), ("other", 1)]);
}

/// What two workers tell of one route, before the first second is over and after.
#[test]
fn routes_of_several_workers_are_one() {
    let worker = |index: usize| {
        let mut story = Story::new();
        story.pass(100).grant("SELECT 1 /*route='/both'*/").pass(400).release();
        story.grant("SELECT 1 /*route='/both'*/").pass(500);
        story.ledger.snapshot(story.now, index)
    };
    let both = |mut first: LedgerSnapshot| {
        first.merge(worker(1));
        first
    };
    let mut recorder = Recorder::default();
    let now = Instant::ZERO + Duration::from_secs(1);
    let check = |recorder: &Recorder, claims: u64| {
        let seen = both(worker(0));
        let picture = Picture::of(&seen, recorder, Duration::from_secs(1), 2);
        let routes: Vec<_> = picture.routes.iter().filter(|one| &*one.route == "/both").collect();
        let [route] = &routes[..] else { panic!("{routes:?}") };
        assert_eq!((route.holding, route.claims), (2, claims));
        assert!((route.phase_seconds["executing"] - 1.8).abs() < 1e-9, "{route:?}");
    };
    check(&recorder, 4);
    recorder.note(Instant::ZERO, &LedgerSnapshot::default(), 2);
    recorder.note(now, &both(worker(0)), 2);
    check(&recorder, 4);
}
