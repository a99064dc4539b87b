//! The accountant: what time was spent on what.

mod histogram;

pub use histogram::Histogram;
