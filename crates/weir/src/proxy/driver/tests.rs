//! One set of tests for both drivers: they keep the same contract.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::net::sockopt::set_socket_send_buffer_size;
use weir_core::config::choices::DriverChoice;
use weir_core::config::limits::{RECEIVE_BUFFER_BYTES, RECEIVE_BUFFERS, UNREAD_BYTES};
use weir_core::time::Instant;

use super::{Driver, Farewell, Kind, Link, Readiness, Received, Token};

/// Turns without news before a test gives up: a minute.
const TURNS: u32 = 600;

/// The drivers that this machine has.
fn each(test: impl Fn(&mut Driver)) {
    let mut kinds = vec![Kind::Epoll];
    if Kind::choose(DriverChoice::Auto).unwrap() == Kind::Uring {
        kinds.push(Kind::Uring);
    }
    for kind in kinds {
        test(&mut Driver::new(kind).unwrap());
    }
}

/// A connection of the driver, and its peer.
fn connect(driver: &mut Driver, token: u64) -> (Link, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (driver.open(OwnedFd::from(ours), Token(token)).unwrap(), theirs)
}

/// One turn.
fn turn(driver: &mut Driver) -> Vec<Readiness> {
    let mut news = Vec::new();
    driver.wait(Duration::from_millis(100), &mut news).unwrap();
    news
}

/// Turns until `done` says so.
fn until(driver: &mut Driver, what: &str, mut done: impl FnMut(&mut Driver, &[Readiness]) -> bool) {
    for _ in 0..TURNS {
        let news = turn(driver);
        if done(driver, &news) {
            return;
        }
    }
    panic!("never: {what}");
}

/// Reads what waits. Returns whether the end was met.
fn drain(driver: &mut Driver, link: &Link, into: &mut Vec<u8>) -> bool {
    loop {
        match driver.receive(link) {
            Received::Bytes(chunk) => {
                into.extend_from_slice(&chunk);
                driver.give_back(chunk);
            }
            Received::Nothing => return false,
            Received::End => return true,
        }
    }
}

/// Bytes that tell their place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

#[test]
fn bytes_leave_in_order_though_the_peer_takes_few() {
    each(|driver| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        set_socket_send_buffer_size(&ours, 4096).unwrap();
        ours.set_nonblocking(true).unwrap();
        let link = driver.open(OwnedFd::from(ours), Token(1)).unwrap();
        let sent = pattern(3 << 20);
        let expected = sent.clone();
        let peer = std::thread::spawn(move || {
            let mut got = Vec::new();
            let mut few = [0; 1500];
            while got.len() < expected.len() {
                let count = theirs.read(&mut few).unwrap();
                assert!(count > 0, "the end after {} bytes", got.len());
                got.extend_from_slice(&few[..count]);
            }
            assert!(got == expected, "the bytes are not those that were sent");
        });
        let (mut at, mut step, mut behind) = (0, 1, false);
        while at < sent.len() {
            let next = (at + step).min(sent.len());
            driver.send(&link, &sent[at..next]);
            (at, step) = (next, step * 7 % 40_961 + 1);
            let unsent = driver.unsent(&link);
            behind |= unsent > 0;
            if unsent > 100_000 {
                until(driver, "all is sent", |_, news| news.iter().any(|event| event.drained));
                assert_eq!(driver.unsent(&link), 0);
            } else if at % 3 == 0 {
                driver.wait(Duration::ZERO, &mut Vec::new()).unwrap();
            }
        }
        assert!(behind, "the test tests nothing: the kernel took everything at once");
        // What is left is sent though the connection is closed.
        driver.close(link, Farewell::Until(Instant::from_nanos(u64::MAX)));
        until(driver, "the connection ends", |driver, _| driver.is_idle());
        peer.join().unwrap();
    });
}

#[test]
fn one_that_is_not_read_stalls_its_peer_and_loses_nothing() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 1);
        theirs.set_nonblocking(true).unwrap();
        let block = pattern(10_007);
        let (mut written, mut quiet) = (0, 0);
        // What the kernel keeps for a socket comes on top of our bounds.
        let most = UNREAD_BYTES + RECEIVE_BUFFERS * RECEIVE_BUFFER_BYTES + (4 << 20);
        while quiet < 20 {
            match theirs.write(&block[written % block.len()..]) {
                Ok(count) => (written, quiet) = (written + count, 0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    quiet += 1;
                    driver.wait(Duration::ZERO, &mut Vec::new()).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
            assert!(written < most, "{written} bytes were taken and not read");
        }
        let mut got = Vec::new();
        until(driver, "everything arrives", |driver, _| {
            assert!(!drain(driver, &link, &mut got), "an end that nobody wrote");
            got.len() >= written
        });
        assert!(got.iter().zip(block.iter().cycle()).all(|(a, b)| a == b));
        assert_eq!(got.len(), written);
        // It is listened to again.
        theirs.write_all(b"more").unwrap();
        until(driver, "more arrives", |driver, _| {
            drain(driver, &link, &mut got);
            got.ends_with(b"more")
        });
    });
}

/// Sends until nothing is taken any more from a connection that is not read.
fn fill(driver: &mut Driver, theirs: &mut UnixStream) {
    theirs.set_nonblocking(true).unwrap();
    let mut quiet = 0;
    while quiet < 20 {
        if theirs.write(&[7; 10_000]).is_err() {
            quiet += 1;
            driver.wait(Duration::ZERO, &mut Vec::new()).unwrap();
        }
    }
}

#[test]
fn a_peer_that_goes_while_it_is_not_read_is_noticed() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 7);
        fill(driver, &mut theirs);
        drop(theirs);
        let gone = |event: &Readiness| event.token == Token(7) && event.hangup && event.broken;
        until(driver, "the hang-up is told", |_, news| news.iter().any(gone));
        let mut got = Vec::new();
        until(driver, "the end is read", |driver, _| drain(driver, &link, &mut got));
        assert!(got.len() > UNREAD_BYTES && got.iter().all(|&byte| byte == 7));
    });
}

/// With io_uring a connection of which much came is read only when the kernel says that it can be.
/// What it says once it has said, and somebody has to hear of the end, too.
#[test]
fn a_peer_that_goes_behind_a_little_that_is_not_read_is_noticed() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 7);
        let much = pattern(5 * RECEIVE_BUFFER_BYTES);
        let (mut written, mut got, mut last) = (0, 0, 0);
        until(driver, "all of it is read, at last in one piece", |driver, _| {
            while let Received::Bytes(chunk) = driver.receive(&link) {
                (got, last) = (got + chunk.len(), chunk.len());
                driver.give_back(chunk);
            }
            if got == written && last < much.len() {
                theirs.write_all(&much).unwrap();
                written += much.len();
            }
            got == written
        });
        theirs.write_all(b"few").unwrap();
        let told = |event: &Readiness| event.token == Token(7);
        until(driver, "the few are told", |_, news| news.iter().any(told));
        drop(theirs);
        let gone = |event: &Readiness| told(event) && event.hangup && event.broken;
        until(driver, "the hang-up is told", |_, news| news.iter().any(gone));
        let mut got = Vec::new();
        until(driver, "the end is read", |driver, _| drain(driver, &link, &mut got));
        assert_eq!(got, b"few");
    });
}

#[test]
fn one_that_is_only_watched_is_closed_though_its_peer_stays() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 7);
        fill(driver, &mut theirs);
        turn(driver);
        driver.close(link, Farewell::AtOnce);
        until(driver, "it is closed", |driver, _| driver.is_idle());
    });
}

#[test]
fn a_half_closed_connection_is_told_read_to_its_end_and_answered() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 3);
        theirs.write_all(&pattern(100_000)).unwrap();
        theirs.shutdown(Shutdown::Write).unwrap();
        let (mut got, mut told, mut ended) = (Vec::new(), false, false);
        until(driver, "the end", |driver, news| {
            told |= news.iter().any(|event| event.token == Token(3) && event.hangup);
            assert!(news.iter().all(|event| !event.broken));
            ended |= drain(driver, &link, &mut got);
            ended && told
        });
        assert!(got == pattern(100_000));
        driver.send(&link, b"answer");
        driver.close(link, Farewell::Until(Instant::from_nanos(u64::MAX)));
        until(driver, "the connection ends", |driver, _| driver.is_idle());
        let mut answer = String::new();
        theirs.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "answer");
    });
}

/// Connections that are closed with everything under way, and others that take their places and
/// descriptors at once.
#[test]
fn what_is_closed_never_meets_what_comes_after() {
    each(|driver| {
        for round in 0..50_u64 {
            let (old, mut old_peer) = connect(driver, round);
            old_peer.set_nonblocking(true).unwrap();
            driver.wait(Duration::ZERO, &mut Vec::new()).unwrap();
            while driver.unsent(&old) == 0 {
                driver.send(&old, &[b'o'; 30_000]);
                driver.wait(Duration::ZERO, &mut Vec::new()).unwrap();
            }
            old_peer.write_all(b"old").unwrap();
            driver.close(old, Farewell::AtOnce);
            let (new, mut new_peer) = connect(driver, 1000 + round);
            driver.send(&new, b"to the new");
            // The old one may be closed already.
            let _ = old_peer.write(b"late");
            new_peer.write_all(b"from the new").unwrap();
            let mut got = Vec::new();
            until(driver, "the new one's bytes", |driver, news| {
                assert!(news.iter().all(|event| event.token == Token(1000 + round)));
                assert!(!drain(driver, &new, &mut got));
                got.len() >= 12
            });
            assert_eq!(got, b"from the new");
            let mut answer = [0; 10];
            new_peer.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"to the new");
            driver.close(new, Farewell::AtOnce);
            until(driver, "both end", |driver, _| driver.is_idle());
            // The old one's peer sees nothing but its own bytes.
            let mut rest = Vec::new();
            old_peer.set_nonblocking(false).unwrap();
            let _ = old_peer.read_to_end(&mut rest);
            assert!(rest.iter().all(|&byte| byte == b'o'));
            assert_eq!(new_peer.read(&mut answer).unwrap(), 0);
        }
    });
}

#[test]
fn a_closed_connection_whose_peer_does_not_read_is_given_up_in_time() {
    each(|driver| {
        let (link, theirs) = connect(driver, 1);
        while driver.unsent(&link) == 0 {
            driver.send(&link, &[1; 30_000]);
            driver.wait(Duration::ZERO, &mut Vec::new()).unwrap();
        }
        driver.close(link, Farewell::Until(Instant::from_nanos(2)));
        driver.sweep(Instant::from_nanos(1));
        driver.wait(Duration::ZERO, &mut Vec::new()).unwrap();
        assert!(!driver.is_idle(), "it is given up before its time");
        driver.sweep(Instant::from_nanos(2));
        until(driver, "it ends", |driver, _| driver.is_idle());
        drop(theirs);
    });
}

#[test]
fn more_connections_than_buffers_are_all_served() {
    each(|driver| {
        let count = RECEIVE_BUFFERS + 50;
        let mut conns: Vec<_> = (0..count).map(|n| connect(driver, n as u64)).collect();
        for (_, peer) in &mut conns {
            peer.write_all(b"hello").unwrap();
        }
        let mut got = vec![Vec::new(); count];
        until(driver, "all bytes", |driver, _| {
            for ((link, _), got) in conns.iter().zip(&mut got) {
                drain(driver, link, got);
            }
            got.iter().all(|got| got == b"hello")
        });
    });
}

#[test]
fn a_driver_may_be_dropped_with_everything_under_way() {
    each(|driver| {
        let mut own = Driver::new(match driver {
            Driver::Epoll(_) => Kind::Epoll,
            Driver::Uring(_) => Kind::Uring,
        })
        .unwrap();
        let (link, mut theirs) = connect(&mut own, 1);
        while own.unsent(&link) == 0 {
            own.send(&link, &[1; 30_000]);
            own.wait(Duration::ZERO, &mut Vec::new()).unwrap();
        }
        drop(own);
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).unwrap();
        assert!(rest.iter().all(|&byte| byte == 1));
    });
}

#[test]
fn a_bell_is_heard_each_time() {
    each(|driver| {
        let bell = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap();
        driver.watch(bell.as_fd(), Token(9)).unwrap();
        for _ in 0..3 {
            rustix::io::write(&bell, &1_u64.to_ne_bytes()).unwrap();
            until(driver, "the bell", |_, news| news.iter().any(|event| event.token == Token(9)));
            rustix::io::read(&bell, &mut [0; 8]).unwrap();
            let mut news = Vec::new();
            driver.wait(Duration::ZERO, &mut news).unwrap();
            assert_eq!(news, []);
        }
    });
}

#[test]
fn what_is_called_the_last_is_followed_by_news() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 7);
        for round in 0..3_u8 {
            theirs.write_all(&[round; 100]).unwrap();
            let mut got = Vec::new();
            until(driver, "the bytes come", |driver, news| {
                // Read as the worker does: only where there is news, and no further than the last.
                if !news.is_empty() {
                    while let Received::Bytes(chunk) = driver.receive(&link) {
                        got.extend_from_slice(&chunk);
                        let last = chunk.is_last();
                        driver.give_back(chunk);
                        if last {
                            return true;
                        }
                    }
                }
                got.len() == 100
            });
            assert_eq!(got, [round; 100]);
        }
        driver.close(link, Farewell::AtOnce);
    });
}

#[test]
fn a_large_transfer_comes_in_order_and_in_large_reads() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 1);
        let sent = pattern(8 << 20);
        let bytes = sent.clone();
        let peer = std::thread::spawn(move || theirs.write_all(&bytes).unwrap());
        let (mut got, mut largest, mut ended) = (Vec::new(), 0, false);
        until(driver, "everything comes", |driver, _| {
            // Few reads a turn, so that both ways of reading meet each other often.
            for _ in 0..3 {
                match driver.receive(&link) {
                    Received::Bytes(chunk) => {
                        largest = largest.max(chunk.len());
                        got.extend_from_slice(&chunk);
                        driver.give_back(chunk);
                    }
                    Received::Nothing => break,
                    Received::End => ended = true,
                }
            }
            ended
        });
        assert!(got == sent, "the bytes are not those that were sent");
        assert!(largest > RECEIVE_BUFFER_BYTES, "never more than {largest} bytes in one read");
        driver.close(link, Farewell::AtOnce);
        peer.join().unwrap();
    });
}

#[test]
fn what_is_not_watched_any_more_is_not_heard_nor_kept_open() {
    each(|driver| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        driver.watch(ours.as_fd(), Token(5)).unwrap();
        (&theirs).write_all(b"a").unwrap();
        until(driver, "the first", |_, news| news.iter().any(|event| event.token == Token(5)));
        driver.unwatch(ours.as_fd(), Token(5));
        (&theirs).write_all(b"b").unwrap();
        assert_eq!(turn(driver), []);
        drop(ours);
        until(driver, "the end", |_, news| {
            assert_eq!(news, []);
            (&theirs).write_all(b"c").is_err()
        });
    });
}

#[test]
fn news_comes_under_the_latest_name() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 1);
        for name in 2..5 {
            driver.rename(&link, Token(name));
            theirs.write_all(b"x").unwrap();
            until(driver, "news", |_, news| {
                assert!(news.iter().all(|event| event.token == Token(name)));
                !news.is_empty()
            });
            let mut got = Vec::new();
            drain(driver, &link, &mut got);
            assert_eq!(got, b"x");
        }
        driver.close(link, Farewell::AtOnce);
    });
}

#[test]
fn of_one_that_is_paused_nothing_is_told_though_its_bytes_can_be_read() {
    each(|driver| {
        let (link, mut theirs) = connect(driver, 7);
        let (mut sent, mut got) = (0, Vec::new());
        for _ in 0..3 {
            // One that is received from may be told of once more.
            let begun = (0..TURNS).any(|_| {
                theirs.write_all(b"paused").unwrap();
                sent += 6;
                driver.pause(&link);
                let quiet = turn(driver).is_empty();
                assert!(quiet || !drain(driver, &link, &mut got), "an end that nobody wrote");
                quiet
            });
            assert!(begun, "it is told of again and again");
            driver.pause(&link);
            assert_eq!(turn(driver), [], "the next pause follows at once");
            assert!(!drain(driver, &link, &mut got));
            assert_eq!(got.len(), sent, "what came in the pause is there");
            theirs.write_all(b"more").unwrap();
            sent += 4;
            let mut told = false;
            until(driver, "it is told of again", |driver, news| {
                told |= news.iter().any(|event| event.token == Token(7));
                assert!(!told || !drain(driver, &link, &mut got));
                got.len() == sent
            });
        }
        driver.pause(&link);
        drop(theirs);
        let gone = |event: &Readiness| event.token == Token(7) && event.hangup;
        until(driver, "the hang-up is told", |_, news| news.iter().any(gone));
        until(driver, "the end is read", |driver, _| drain(driver, &link, &mut got));
        driver.close(link, Farewell::AtOnce);
    });
}
