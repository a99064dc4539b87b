//! What the kernel does seldom, done on purpose.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use super::ring::Op;
use super::{Uring, probe, watch_key};
use crate::proxy::driver::Token;

/// Turns without news before the test gives up: a minute.
const TURNS: u32 = 600;

const RINGER: Token = Token(9);

/// Waits until the bell is told of.
fn hear(driver: &mut Uring, when: &str) {
    let mut news = Vec::new();
    for _ in 0..TURNS {
        driver.wait(Duration::from_millis(100), &mut news).unwrap();
        if news.iter().any(|event| event.token == RINGER) {
            return;
        }
    }
    panic!("the bell is not heard {when}");
}

/// The kernel may end a watch that goes on and on, such as when it has no room for completions.
#[test]
fn a_bell_is_watched_again_when_the_kernel_has_stopped_to() {
    if probe().is_err() {
        return;
    }
    let mut driver = Uring::new().unwrap();
    let bell = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap();
    driver.watch(bell.as_fd(), RINGER).unwrap();
    for _ in 0..3 {
        driver.ring.cancel(watch_key(0), Op::Bell);
        hear(&mut driver, "at the end of its watch, where it may have rung unseen");
        rustix::io::write(&bell, &1_u64.to_ne_bytes()).unwrap();
        hear(&mut driver, "after its watch had ended");
        rustix::io::read(&bell, &mut [0; 8]).unwrap();
    }
}
