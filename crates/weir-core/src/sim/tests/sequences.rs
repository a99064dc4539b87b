//! Inputs in any order and at any time, as long as each is legal.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::ids::{ClientId, DialId, PoolId, ServerId};
use crate::pool::{Chance, DialError, Fault, Release};
use crate::sim::books::Phase;
use crate::sim::referee::{Judged, Referee};
use crate::sim::scenario::{budgets, settings};

const CLIENTS: u32 = 12;

/// What to do next. `pick` chooses among whatever is there for it.
#[derive(Debug, Clone, Copy)]
struct Input {
    kind: u8,
    pick: u8,
    pass_ms: u64,
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let pass = prop_oneof![4 => Just(0), 4 => 0u64..5, 1 => 0u64..300];
    let input = (0u8..34, any::<u8>(), pass);
    prop::collection::vec(
        input.prop_map(|(kind, pick, pass_ms)| Input { kind, pick, pass_ms }),
        1..120,
    )
}

fn pick<T>(mut all: Vec<T>, pick: u8) -> Option<T> {
    let len = all.len();
    (len > 0).then(|| all.swap_remove(usize::from(pick) % len))
}

fn in_phase(referee: &Referee, may: impl Fn(Phase) -> bool) -> Vec<ServerId> {
    referee.conns().filter(|(_, conn)| may(conn.phase)).map(|(server, _)| server).collect()
}

fn is_dial(phase: Phase) -> bool {
    matches!(phase, Phase::Dialling | Phase::Abandoned)
}

fn is_held(phase: Phase) -> bool {
    matches!(phase, Phase::Held(_))
}

fn fault() -> Fault {
    Fault { sqlstate: *b"08001", message: Arc::from("no") }
}

/// Clients that neither wait nor hold anything.
fn free_clients(referee: &Referee) -> Vec<ClientId> {
    let holds = |client| referee.conns().any(|(_, conn)| conn.phase == Phase::Held(client));
    let waits = |client| referee.tickets().any(|(waiting, _)| waiting == client);
    (0..CLIENTS).map(ClientId).filter(|&client| !holds(client) && !waits(client)).collect()
}

fn apply(referee: &mut Referee, pools: &[PoolId], input: Input) -> Judged {
    referee.advance(referee.now() + Duration::from_millis(input.pass_ms));
    let pool = pools[usize::from(input.pick) % pools.len()];
    let one = |phases: Vec<ServerId>| pick(phases, input.pick);
    match input.kind {
        0..=8 => match pick(free_clients(referee), input.pick) {
            Some(client) => referee.checkout(pool, client).map(drop),
            None => Ok(()),
        },
        9..=12 => act(referee, one(in_phase(referee, is_held)), |referee, server| {
            let how = match input.pick % 8 {
                0 => Release::Broken,
                1 => Release::Settling,
                _ => Release::Reusable,
            };
            referee.release(server, how)
        }),
        13..=17 => act(referee, one(in_phase(referee, is_dial)), |referee, server| {
            referee.connected(DialId(server.0))
        }),
        18 | 19 => act(referee, one(in_phase(referee, is_dial)), |referee, server| {
            let error = if input.pick.is_multiple_of(4) {
                DialError::Permanent
            } else {
                DialError::Transient
            };
            referee.dial_failed(DialId(server.0), error(fault()))
        }),
        20 | 21 => {
            act(referee, one(in_phase(referee, |phase| phase == Phase::Closing)), Referee::closed)
        }
        22 | 23 => act(
            referee,
            one(in_phase(referee, |phase| phase == Phase::Checking)),
            |referee, server| referee.checked(server, !input.pick.is_multiple_of(3)),
        ),
        24 => {
            act(referee, one(in_phase(referee, |phase| phase == Phase::Settling)), Referee::settled)
        }
        25 => act(referee, one(in_phase(referee, |phase| !is_dial(phase))), Referee::lost),
        26 => match pick(referee.tickets().collect(), input.pick) {
            Some((_, ticket)) => referee.withdraw(ticket).map(drop),
            None => Ok(()),
        },
        27 => referee.pause(pool),
        28 => referee.resume(pool),
        29 => referee.reconnect(pool),
        30 => referee.let_go_idle(pool),
        31 => act(referee, one(in_phase(referee, |phase| !is_dial(phase))), Referee::expel),
        _ => referee.tick(),
    }
}

fn act(
    referee: &mut Referee,
    server: Option<ServerId>,
    how: impl FnOnce(&mut Referee, ServerId) -> Judged,
) -> Judged {
    server.map_or(Ok(()), |server| how(referee, server))
}

/// Answers and releases everything until nobody waits.
fn finish(referee: &mut Referee, pools: &[PoolId]) -> Judged {
    for &pool in pools {
        referee.resume(pool)?;
    }
    for round in 0.. {
        for server in in_phase(referee, is_held) {
            referee.release(server, Release::Reusable)?;
        }
        for (kind, phase) in [(13, Phase::Dialling), (13, Phase::Abandoned)] {
            while !in_phase(referee, |one| one == phase).is_empty() {
                apply(referee, pools, Input { kind, pick: 0, pass_ms: 0 })?;
            }
        }
        for (kind, phase) in [(20, Phase::Closing), (22, Phase::Checking), (24, Phase::Settling)] {
            while !in_phase(referee, |one| one == phase).is_empty() {
                apply(referee, pools, Input { kind, pick: 1, pass_ms: 0 })?;
            }
        }
        referee.advance(referee.now() + Duration::from_millis(10));
        if referee.pools().deadline().is_some_and(|due| due <= referee.now()) {
            referee.tick()?;
        }
        if referee.tickets().next().is_none() && in_phase(referee, is_held).is_empty() {
            return Ok(());
        }
        assert!(round < 10_000, "somebody waits for ever");
    }
    Ok(())
}

fn stop(referee: &mut Referee) -> Judged {
    referee.stop()?;
    for server in in_phase(referee, is_dial) {
        referee.connected(DialId(server.0))?;
    }
    for server in in_phase(referee, |phase| phase == Phase::Settling) {
        referee.settled(server)?;
    }
    for server in in_phase(referee, |phase| phase == Phase::Checking) {
        referee.checked(server, true)?;
    }
    for server in in_phase(referee, |phase| phase == Phase::Closing) {
        referee.closed(server)?;
    }
    assert_eq!(referee.conns().count(), 0, "a slot is lost");
    let drained = referee.effects().contains(&crate::pool::Effect::Drained);
    assert!(drained, "the end is not told");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_is_broken_by_any_sequence(seed in any::<u64>(), inputs in inputs()) {
        let mut chance = Chance::new(seed);
        let mut referee = Referee::default();
        let all: Vec<_> = (0..1 + chance.below(3)).map(|_| settings(&mut chance)).collect();
        let (draws, slots) = budgets(&mut chance, &all);
        let lend_after = Duration::from_millis(10);
        let shared: Vec<_> =
            slots.into_iter().map(|one| referee.add_budget(one, lend_after)).collect();
        let pools: Vec<_> = draws
            .into_iter()
            .zip(all)
            .map(|(draws, one)| {
                let draws: Vec<_> = draws.into_iter().map(|at| shared[at]).collect();
                referee.add_pool(&draws, one)
            })
            .collect();
        let mut play = || -> Judged {
            for &input in &inputs {
                apply(&mut referee, &pools, input)?;
            }
            finish(&mut referee, &pools)?;
            stop(&mut referee)
        };
        if let Err(broken) = play() {
            prop_assert!(false, "{broken}");
        }
    }
}
