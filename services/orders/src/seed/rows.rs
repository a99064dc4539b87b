//! The rows themselves: pure functions of the seed and an id.

use std::collections::HashSet;

use crate::money::Money;
use crate::seed::Size;

/// A shop that can name any of its rows.
pub(super) struct Shop {
    pub(super) size: Size,
    /// Orders that may be pending: the first of its user and product.
    pending: HashSet<u64>,
}

pub(super) struct Order {
    pub(super) user: u64,
    pub(super) product: u64,
    pub(super) quantity: u64,
    pub(super) status: &'static str,
    pub(super) created_at: String,
}

pub(super) struct Line {
    pub(super) product: u64,
    pub(super) quantity: u64,
    pub(super) price: Money,
}

/// 1 October 2023 as a Julian day; orders come in the 264 days from there to the story's day.
const FIRST_DAY: u64 = 2_460_219;
const DAYS: u64 = 264;
const DAY_S: u64 = 86_400;

/// What a number is drawn for; keeps the streams of one id apart.
#[derive(Clone, Copy)]
enum Draw {
    City,
    Price,
    About,
    User,
    Product,
    Quantity,
    Status,
    Moment,
    Lines,
}

impl Shop {
    pub(super) fn new(size: Size) -> Self {
        let mut shop = Self { size, pending: HashSet::new() };
        let mut taken = HashSet::new();
        for id in 1..=size.orders {
            let wanted = shop.draw(Draw::Status, id).is_multiple_of(50);
            if wanted && taken.insert((shop.user_of(id), shop.product_of(id))) {
                shop.pending.insert(id);
            }
        }
        shop
    }

    pub(super) fn user(&self, id: u64) -> (String, &'static str, String) {
        const CITIES: [&str; 6] = ["Hangzhou", "Shanghai", "Shenzhen", "Chengdu", "Xi'an", "Wuhan"];
        // Half of all users live in the first city, half of the rest in the second.
        let city = self.draw(Draw::City, id).trailing_zeros().min(5);
        (format!("User {id}"), CITIES[city as usize], moment(id % DAYS * DAY_S))
    }

    pub(super) fn price(&self, product: u64) -> Money {
        // Many cheap things, few dear ones: 0.99 to about 5000.
        let share = self.skewed(Draw::Price, product, 5000);
        Money::from_cents(i128::from(share) * 100 + 99)
    }

    pub(super) fn description(&self, product: u64) -> String {
        // Wide on purpose: the report's join brings it along for each order.
        format!("{:016x} ", self.draw(Draw::About, product)).repeat(8).trim_end().to_owned()
    }

    pub(super) fn order(&self, id: u64) -> Order {
        let status = match self.draw(Draw::Status, id) % 50 {
            0 if self.pending.contains(&id) => "pending",
            0..10 => "paid",
            10..45 => "shipped",
            _ => "cancelled",
        };
        Order {
            user: self.user_of(id),
            product: self.product_of(id),
            quantity: self.lines(id).map(|line| line.quantity).sum(),
            status,
            created_at: moment(self.draw(Draw::Moment, id) % (DAYS * DAY_S)),
        }
    }

    /// One to four lines.
    pub(super) fn lines(&self, order: u64) -> impl Iterator<Item = Line> {
        let product = self.product_of(order);
        let count =
            1 + self.draw(Draw::Lines, order) % 4 * (self.draw(Draw::Lines, !order) % 3) / 2;
        (0..count).map(move |line| {
            let product = (product + line * 7) % self.size.products + 1;
            let quantity = 1 + self.draw(Draw::Quantity, order * 8 + line) % 3;
            let cents = self.price(product).cents() * i128::from(quantity);
            Line { product, quantity, price: Money::from_cents(cents) }
        })
    }

    fn user_of(&self, order: u64) -> u64 {
        self.skewed(Draw::User, order, self.size.users) + 1
    }

    fn product_of(&self, order: u64) -> u64 {
        self.skewed(Draw::Product, order, self.size.products) + 1
    }

    /// A number below `limit`, small ones far more often: the square of an even draw. The first
    /// tenth gets about a third.
    fn skewed(&self, draw: Draw, id: u64, limit: u64) -> u64 {
        let even = u128::from(self.draw(draw, id) >> 32);
        let squared = (even * even) >> 32;
        // Below `limit`, so it fits.
        u64::try_from((squared * u128::from(limit)) >> 32).unwrap_or(0)
    }

    fn draw(&self, draw: Draw, id: u64) -> u64 {
        splitmix64(splitmix64(self.size.seed ^ ((draw as u64) << 56)) ^ id)
    }
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), the finaliser.
fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A moment as PostgreSQL reads it: a Julian day and a time of day.
fn moment(seconds: u64) -> String {
    let (day, s) = (FIRST_DAY + seconds / DAY_S, seconds % DAY_S);
    format!("J{day} {:02}:{:02}:{:02}+00", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(seed: u64) -> Shop {
        Shop::new(Size { users: 100, products: 20, orders: 5_000, seed })
    }

    #[test]
    fn the_same_seed_is_the_same_shop() {
        let key = |shop: &Shop| -> Vec<_> {
            (1..100).map(|id| (shop.order(id).user, shop.order(id).created_at)).collect()
        };
        assert_eq!(key(&shop(1)), key(&shop(1)));
        assert_ne!(key(&shop(1)), key(&shop(2)));
    }

    #[test]
    fn no_two_pending_orders_of_one_user_and_product() {
        let shop = shop(3);
        let mut seen = HashSet::new();
        let pending = (1..=5_000).map(|id| shop.order(id)).filter(|o| o.status == "pending");
        let count = pending.inspect(|o| assert!(seen.insert((o.user, o.product)))).count();
        assert!(count > 20, "{count}");
    }

    #[test]
    fn few_users_have_many_orders_and_ids_stay_in_range() {
        let shop = shop(4);
        let mut first_tenth = 0;
        for id in 1..=5_000 {
            let order = shop.order(id);
            assert!((1..=100).contains(&order.user) && (1..=20).contains(&order.product));
            assert!(shop.lines(id).all(|line| (1..=20).contains(&line.product)));
            first_tenth += u32::from(order.user <= 10);
        }
        assert!((1_300..1_900).contains(&first_tenth), "about a third: {first_tenth}");
    }
}
