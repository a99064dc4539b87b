//! What an operator does, in the storm and after it.

use crate::ids::{ClassId, PoolId};
use crate::sim::referee::{CLASSES, Judged};
use crate::sim::scenario::{Weather, settings, small};

use super::{CALM, Event, World};

impl World {
    pub(super) fn operate(&mut self) -> Judged {
        if self.referee.now() >= self.storm_ends {
            return Ok(());
        }
        self.within(self.scenario.operator_every * 2, Event::Operator);
        let at = self.chance.below(self.clients.len() as u64);
        let pool = self.clients[usize::try_from(at).unwrap_or(0)].pool;
        match self.chance.below(10) {
            0 => self.referee.pause(pool),
            1 | 2 => {
                self.uncap(pool)?;
                self.referee.resume(pool)
            }
            3 => self.referee.reconnect(pool),
            4 => {
                let (class, cap) = (ClassId(small_of(at, CLASSES)), small_of(at, 3));
                self.referee.cap(pool, class, Some(cap))?;
                self.referee.let_go_idle(pool)
            }
            5 => self.reconfigure(pool),
            6 => self.referee.remove_pool(pool),
            7 => self.redraw(pool),
            _ => {
                let at = self.chance.below(self.budgets.len() as u64);
                let at = usize::try_from(at).unwrap_or(0);
                let usual = self.scenario.budgets[at];
                let slots = usual.saturating_sub(2) + small(&mut self.chance, 5);
                self.referee.set_budget(self.budgets[at], slots)
            }
        }
    }

    /// New sizes and times, but the same back-off, so that its promise stays comparable.
    pub(super) fn reconfigure(&mut self, pool: PoolId) -> Judged {
        let before = &self.scenario.pools[pool.0 as usize];
        let mut after = settings(&mut self.chance);
        after.retry = before.retry;
        after.dials_parallel_max = before.dials_parallel_max;
        after.size_min = before.size_min.min(after.size_max);
        self.referee.reconfigure(pool, after)
    }

    /// The pool draws on other budgets.
    fn redraw(&mut self, pool: PoolId) -> Judged {
        let count = self.budgets.len();
        let draws: Vec<_> = (0..count).filter(|_| self.chance.percent(50)).collect();
        let budgets: Vec<_> = draws.iter().map(|&at| self.budgets[at]).collect();
        self.scenario.draws[pool.0 as usize] = draws;
        self.referee.draw_on(pool, &budgets)
    }

    /// A removed pool comes back while clients still ask for it.
    pub(super) fn replace(&mut self, pool: PoolId) {
        if self.referee.now() < self.storm_ends + CALM {
            let settings = self.scenario.pools[pool.0 as usize].clone();
            let draws = self.scenario.draws[pool.0 as usize].clone();
            let budgets: Vec<_> = draws.iter().map(|&at| self.budgets[at]).collect();
            let new = self.referee.add_pool(&budgets, settings.clone());
            self.scenario.pools[new.0 as usize] = settings;
            self.scenario.draws[new.0 as usize] = draws;
        }
    }

    /// No operator's cap is left.
    fn uncap(&mut self, pool: PoolId) -> Judged {
        (0..CLASSES).try_for_each(|class| self.referee.cap(pool, ClassId(class), None))
    }

    /// Ends all that is wrong with the world.
    pub(super) fn clear_up(&mut self) -> Judged {
        self.set_weather(Weather::Fair);
        for at in 0..self.budgets.len() {
            self.referee.set_budget(self.budgets[at], self.scenario.budgets[at])?;
        }
        for pool in self.referee.pool_ids().collect::<Vec<_>>() {
            self.uncap(pool)?;
            self.referee.resume(pool)?;
        }
        self.perform()
    }
}

/// A number under `bound` that costs no chance.
fn small_of(number: u64, bound: u32) -> u32 {
    u32::try_from(number % u64::from(bound)).unwrap_or(0)
}
