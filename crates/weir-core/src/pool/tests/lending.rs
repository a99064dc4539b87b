//! Parts of a pool, and the shelf between them.

use proptest::prelude::*;

use crate::pool::lending::{Moves, OnShelf, Part, Seen, fair_part};

const CALM: OnShelf = OnShelf { free: 0, others_hungry: false, fair: 8 };
const ASKED: OnShelf = OnShelf { free: 0, others_hungry: true, fair: 8 };

fn seen(open: u32, idle: u32, waiting: u32) -> Seen {
    Seen { open, idle, waiting }
}

#[test]
fn half_of_what_was_spare_for_a_second_is_lent_once_it_is_closed() {
    let mut part = Part::new(8, 8);
    for _ in 0..9 {
        assert_eq!(part.look(seen(6, 4, 0), ASKED), Moves::default());
    }
    // 6 are spare: 3 go, of which 2 are free at once and the third when an idle one has closed.
    assert_eq!(part.look(seen(6, 4, 0), ASKED), Moves { give: 2, ..Moves::default() });
    assert_eq!(part.size(), 5);
    assert_eq!(part.look(seen(6, 4, 0), CALM), Moves::default(), "nothing has closed");
    assert_eq!(part.look(seen(5, 3, 0), CALM), Moves { give: 1, ..Moves::default() });
}

#[test]
fn a_busy_worker_lends_nothing_and_one_slot_stays_for_ever() {
    let mut part = Part::new(4, 4);
    for _ in 0..100 {
        assert_eq!(part.look(seen(4, 0, 0), ASKED), Moves::default());
    }
    for _ in 0..100 {
        part.look(seen(0, 0, 0), ASKED);
    }
    assert_eq!(part.size(), 1);
}

#[test]
fn a_moment_without_spare_slots_begins_the_second_anew() {
    let mut part = Part::new(4, 4);
    for look in 0..19 {
        let busy = if look == 9 { 4 } else { 0 };
        assert_eq!(part.look(seen(busy, 0, 0), ASKED), Moves::default(), "{look}");
    }
    assert_eq!(part.look(seen(0, 0, 0), ASKED).give, 2);
}

#[test]
fn those_who_wait_take_what_is_there_and_are_hungry_for_the_rest() {
    let mut part = Part::new(2, 2);
    let shelf = OnShelf { free: 3, others_hungry: false, fair: 8 };
    assert_eq!(part.look(seen(2, 0, 5), shelf), Moves { give: 0, take: 3, hungry: true });
    part.took(3);
    assert_eq!(part.size(), 5);
    assert_eq!(part.look(seen(4, 0, 5), shelf), Moves::default(), "its own come first");
}

#[test]
fn what_is_owed_but_open_is_kept_when_clients_come() {
    let mut part = Part::new(4, 4);
    for _ in 0..10 {
        part.look(seen(4, 4, 0), ASKED);
    }
    assert_eq!(part.size(), 2);
    assert_eq!(part.look(seen(4, 0, 1), CALM), Moves::default());
    assert_eq!(part.size(), 3);
}

#[test]
fn a_smaller_pool_takes_back_what_is_above_the_equal_share() {
    let mut part = Part::new(6, 4);
    part.rebase(2);
    let moves = part.look(seen(6, 0, 9), OnShelf { free: -3, others_hungry: true, fair: 2 });
    assert_eq!(moves, Moves::default(), "it has its fair part");
    assert_eq!(part.size(), 2);
    assert_eq!(part.lent_to_us(), 5);
}

/// Two workers that open and close as they like within their sizes.
#[derive(Debug, Clone)]
struct World {
    parts: [Part; 2],
    open: [u32; 2],
    hungry: [bool; 2],
    demand: [u32; 2],
    free: i64,
    total: i64,
}

impl World {
    fn look(&mut self, at: usize, idle: u32, waiting: u32) {
        let others_hungry = self.hungry[1 - at];
        let seen = seen(self.open[at], idle, waiting);
        self.demand[at] = seen.demand();
        let all = self.demand.into_iter().map(u64::from).sum();
        let total = u32::try_from(self.total).unwrap();
        let fair = fair_part(total, seen.demand(), all);
        let moves = self.parts[at].look(seen, OnShelf { free: self.free, others_hungry, fair });
        self.hungry[at] = moves.hungry;
        self.free += i64::from(moves.give) - i64::from(moves.take);
        self.parts[at].took(moves.take);
    }

    /// A pool of two equal parts with nothing open.
    fn even(half: u32) -> Self {
        let parts = [Part::new(half, half), Part::new(half, half)];
        let total = i64::from(half) * 2;
        Self { parts, open: [0; 2], hungry: [false; 2], demand: [0; 2], free: 0, total }
    }

    /// So many looks of both workers, whose clients are always so many and quick to release: what
    /// is above the size closes, what is below opens.
    fn busy(&mut self, clients: [u32; 2], looks: usize) {
        for at in (0..looks).flat_map(|_| [0, 1]) {
            self.open[at] = self.parts[at].size().min(clients[at]);
            self.look(at, 0, clients[at] - self.open[at]);
            self.check();
        }
    }

    fn sizes(&self) -> [u32; 2] {
        [self.parts[0].size(), self.parts[1].size()]
    }

    fn check(&self) {
        let lent: u32 = self.parts.iter().map(Part::lent_to_us).sum();
        assert_eq!(i64::from(lent) + 2 + self.free, self.total, "{self:?}");
        if self.free >= 0 {
            assert!(i64::from(self.open.iter().sum::<u32>()) <= self.total, "{self:?}");
        }
    }
}

#[test]
fn busy_workers_have_slots_in_proportion_to_their_clients() {
    let mut world = World::even(10);
    world.busy([100, 20], 100);
    assert_eq!(world.sizes(), [16, 4]);
    world.busy([20, 100], 100);
    assert_eq!(world.sizes(), [4, 16], "and back");
}

#[test]
fn workers_that_are_about_as_busy_lend_nothing() {
    for clients in [[50, 50], [50, 40], [100, 70], [12, 11]] {
        let mut world = World::even(10);
        world.busy(clients, 100);
        assert_eq!(world.sizes(), [10, 10], "{clients:?}");
    }
}

#[test]
fn slots_that_are_to_spare_are_not_held_back_by_what_is_fair() {
    let mut world = World::even(10);
    world.busy([100, 5], 100);
    assert_eq!(world.sizes(), [15, 5], "five clients, a slot each");
    world.busy([100, 0], 100);
    assert_eq!(world.sizes(), [19, 1]);
}

proptest! {
    #[test]
    fn slots_are_never_made_nor_lost(
        steps in prop::collection::vec((0_usize..2, 0_u32..12, 0_u32..4, 0_u32..6), 1..300)
    ) {
        let mut world = World::even(4);
        for (at, open, idle, waiting) in steps {
            // A worker opens up to its size, and closes what it likes.
            let most = world.parts[at].size();
            if open <= most || open < world.open[at] {
                world.open[at] = open;
            }
            world.look(at, idle.min(world.open[at]), waiting);
            world.check();
        }
    }
}
