//! The budgets that this worker's pools draw on.

use std::time::Duration;

use weir_core::ids::BudgetId;

use crate::proxy::shares::Share;
use crate::proxy::worker::Worker;

/// How much longer than a pool's own clients those of a sibling must have waited for the pool to
/// give a busy connection up: a switch costs a login.
const LEND_AFTER: Duration = Duration::from_millis(500);

impl Worker {
    /// The budgets of these shares, with this worker's part of their slots.
    pub(super) fn budgets_for(&mut self, shares: &[Share]) -> Vec<BudgetId> {
        shares.iter().map(|share| self.budget_for(share)).collect()
    }

    fn budget_for(&mut self, share: &Share) -> BudgetId {
        let slots = share.part(self.options.index, self.options.workers);
        if let Some(&budget) = self.budgets.get(&share.of) {
            if self.pools.budget(budget).slots != slots {
                self.pools.set_budget(self.now, budget, slots);
            }
            return budget;
        }
        let budget = self.pools.add_budget(slots, LEND_AFTER);
        self.budgets.insert(share.of.clone(), budget);
        budget
    }

    /// Forgets those of these budgets that no pool draws on any more.
    pub(super) fn retire_budgets(&mut self, shares: &[Share]) {
        for share in shares {
            if let Some(&budget) = self.budgets.get(&share.of)
                && self.pools.retire_budget(budget)
            {
                self.budgets.remove(&share.of);
            }
        }
    }
}
