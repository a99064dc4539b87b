//! The replay in small: the books balance, also when the service is killed in the middle.

use std::path::Path;
use std::time::Duration;

use weir_replay::figures::Figures;
use weir_replay::plan::Plan;
use weir_replay::run::{Options, run};
use weir_replay::service::Program;
use weir_replay::setup::{SetUp, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_books_balance_though_the_service_is_killed_in_the_middle() {
    let program = Program::new(Path::new(env!("CARGO_BIN_EXE_orders")), &[]);
    let world = tokio::task::block_in_place(|| World::make(&program, 5_000, &mut |_| {})).unwrap();
    let plan = Plan::incident(5, 0.2);
    let options = Options {
        setup: SetUp::DirectOptimised,
        weir: None,
        long_s: 3.0,
        kill_at: Some(Duration::from_millis(2_000)),
        restarts: true,
    };
    let observed = run(&world, &plan, &options, &mut |_| {}).await.unwrap();
    let figures = Figures::of(&observed, &plan);
    assert!(figures.books.balance(), "{:?}", figures.books);
    assert_eq!(figures.books.unsure, 0);
    // 32 requests a second for 2.6 s, 8 items each.
    assert!(figures.books.items_accepted > 300, "{:?}", figures.books);
    assert!(observed.events.iter().any(|event| event.what.contains("killed")));
}
