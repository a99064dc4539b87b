//! A cache of one value: computed once however many ask, served stale while it is made anew.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A cached value of type `V`, whatever it is: an empty one is as good as any.
///
/// A value is *stale* once it is `fresh` old, or once the version it was made from has passed and
/// it is at least `pause` old. A stale value is served, and one computation is started. Only when
/// there is no value at all do callers wait, all of them for the same computation. It runs as a
/// task of its own, so no caller that goes away takes it with him.
pub(crate) struct Cache<V, E> {
    fresh: Duration,
    pause: Duration,
    state: Mutex<State<V, E>>,
}

/// What a computation came to.
type Outcome<V, E> = Result<Arc<Made<V>>, E>;

/// A value and when and from what it was made.
#[derive(Debug)]
pub(crate) struct Made<V> {
    /// The value.
    pub(crate) value: V,
    /// How often it had been computed before it.
    pub(crate) serial: u64,
    at: Instant,
    version: u64,
}

struct State<V, E> {
    kept: Option<Arc<Made<V>>>,
    /// There while a computation runs.
    running: Option<watch::Receiver<Option<Outcome<V, E>>>>,
    failed_at: Option<Instant>,
    computed: u64,
}

/// After a failure nothing is computed for this long while there is a stale value to serve.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

enum Found<V, E> {
    Kept(Arc<Made<V>>),
    Wait(watch::Receiver<Option<Outcome<V, E>>>),
}

impl<V, E> Cache<V, E>
where
    V: Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// An empty cache.
    pub(crate) fn new(fresh: Duration, pause: Duration) -> Self {
        let state = State { kept: None, running: None, failed_at: None, computed: 0 };
        Self { fresh, pause, state: Mutex::new(state) }
    }

    /// The value, computed by `compute` if need be. `version` is what the value depends on, read
    /// before it is computed.
    ///
    /// # Errors
    /// What the computation failed with, when there is no earlier value to serve.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
        version: u64,
        compute: impl FnOnce() -> F,
    ) -> Outcome<V, E>
    where
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        match self.find(version, compute) {
            Found::Kept(made) => Ok(made),
            Found::Wait(receiver) => wait(receiver).await,
        }
    }

    fn find<F>(self: &Arc<Self>, version: u64, compute: impl FnOnce() -> F) -> Found<V, E>
    where
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        let mut state = self.lock();
        let start = state.running.is_none() && self.is_due(&state, version);
        if start {
            let (sender, receiver) = watch::channel(None);
            state.running = Some(receiver);
            tokio::spawn(self.clone().run(version, compute(), sender));
        }
        match (&state.kept, &state.running) {
            (Some(made), _) => Found::Kept(made.clone()),
            (None, Some(running)) => Found::Wait(running.clone()),
            (None, None) => unreachable!("without a value a computation is always due"),
        }
    }

    fn is_due(&self, state: &State<V, E>, version: u64) -> bool {
        let Some(made) = &state.kept else { return true };
        let age = made.at.elapsed();
        let stale = age >= self.fresh || (made.version != version && age >= self.pause);
        stale && state.failed_at.is_none_or(|at| at.elapsed() >= PAUSE_AFTER_FAILURE)
    }

    async fn run<F>(
        self: Arc<Self>,
        version: u64,
        computation: F,
        sender: watch::Sender<Option<Outcome<V, E>>>,
    ) where
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        // Ends the run even if the computation panics; then waiters see the sender gone.
        let _ended = Ended(self.clone());
        let result = computation.await;
        let mut state = self.lock();
        let outcome = match result {
            Ok(value) => {
                let made = Made { value, serial: state.computed, at: Instant::now(), version };
                state.computed += 1;
                let made = Arc::new(made);
                state.kept = Some(made.clone());
                state.failed_at = None;
                Ok(made)
            }
            Err(error) => {
                state.failed_at = Some(Instant::now());
                Err(error)
            }
        };
        drop(state);
        sender.send_replace(Some(outcome));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<V, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Clears `running` when a computation is over, however it ended.
struct Ended<V, E>(Arc<Cache<V, E>>);

impl<V, E> Drop for Ended<V, E> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).running = None;
    }
}

async fn wait<V, E: Clone>(mut receiver: watch::Receiver<Option<Outcome<V, E>>>) -> Outcome<V, E> {
    match receiver.wait_for(Option::is_some).await {
        Ok(outcome) => match &*outcome {
            Some(outcome) => outcome.clone(),
            None => unreachable!("waited for some"),
        },
        // The computation panicked; the request that waited fails alike.
        Err(_) => panic!("the computation this request waited for ended in a panic"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    const FRESH: Duration = Duration::from_secs(900);
    const PAUSE: Duration = Duration::from_secs(5);

    /// A computation that waits for leave and counts itself; its values are what `next` gives.
    struct Bench {
        cache: Arc<Cache<Vec<u64>, &'static str>>,
        begun: Arc<AtomicU64>,
        leave: Arc<Semaphore>,
    }

    impl Bench {
        fn new() -> Self {
            let cache = Arc::new(Cache::new(FRESH, PAUSE));
            Self { cache, begun: Arc::default(), leave: Arc::new(Semaphore::new(0)) }
        }

        async fn get(
            &self,
            version: u64,
            result: Result<Vec<u64>, &'static str>,
        ) -> Result<(u64, Vec<u64>), &'static str> {
            let (begun, leave) = (self.begun.clone(), self.leave.clone());
            let compute = move || async move {
                begun.fetch_add(1, Ordering::SeqCst);
                leave.acquire().await.unwrap().forget();
                result
            };
            self.cache.get(version, compute).await.map(|made| (made.serial, made.value.clone()))
        }

        /// Lets one computation end, and waits until it has.
        async fn let_one_end(&self) {
            self.leave.add_permits(1);
            while self.cache.lock().running.is_some() {
                tokio::task::yield_now().await;
            }
        }

        fn begun(&self) -> u64 {
            self.begun.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_callers_make_one_computation_even_of_nothing() {
        let bench = Bench::new();
        bench.leave.add_permits(1);
        let callers = (0..1_000).map(|_| bench.get(1, Ok(vec![])));
        for answer in futures_util::future::join_all(callers).await {
            assert_eq!(answer, Ok((0, vec![])));
        }
        assert_eq!(bench.get(1, Ok(vec![9])).await, Ok((0, vec![])), "an empty value is cached");
        assert_eq!(bench.begun(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_value_is_served_while_one_new_one_is_made() {
        let bench = Bench::new();
        bench.leave.add_permits(1);
        bench.get(1, Ok(vec![1])).await.unwrap();
        tokio::time::advance(FRESH - Duration::from_millis(1)).await;
        assert_eq!(bench.get(1, Ok(vec![2])).await, Ok((0, vec![1])));
        assert_eq!(bench.begun(), 1, "still fresh");
        tokio::time::advance(Duration::from_millis(1)).await;
        for _ in 0..10 {
            assert_eq!(bench.get(1, Ok(vec![2])).await, Ok((0, vec![1])), "stale, and served");
        }
        bench.let_one_end().await;
        assert_eq!(bench.get(1, Ok(vec![3])).await, Ok((1, vec![2])));
        assert_eq!(bench.begun(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_version_makes_it_stale_but_not_more_often_than_the_pause() {
        let bench = Bench::new();
        bench.leave.add_permits(1);
        bench.get(1, Ok(vec![1])).await.unwrap();
        bench.get(2, Ok(vec![2])).await.unwrap();
        assert_eq!(bench.begun(), 1, "within the pause");
        tokio::time::advance(PAUSE).await;
        bench.get(2, Ok(vec![2])).await.unwrap();
        bench.let_one_end().await;
        assert_eq!(bench.get(2, Ok(vec![3])).await, Ok((1, vec![2])));
        assert_eq!(bench.begun(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_reaches_who_waits_and_the_next_one_tries_again() {
        let bench = Bench::new();
        bench.leave.add_permits(2);
        assert_eq!(bench.get(1, Err("down")).await, Err("down"));
        assert_eq!(bench.get(1, Ok(vec![1])).await, Ok((0, vec![1])));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_renewal_keeps_the_old_value_and_pauses() {
        let bench = Bench::new();
        bench.leave.add_permits(1);
        bench.get(1, Ok(vec![1])).await.unwrap();
        tokio::time::advance(FRESH).await;
        bench.get(1, Err("down")).await.unwrap();
        bench.let_one_end().await;
        assert_eq!(bench.get(1, Err("down")).await, Ok((0, vec![1])));
        assert_eq!(bench.begun(), 2, "no third one within the pause");
        tokio::time::advance(PAUSE_AFTER_FAILURE).await;
        bench.get(1, Ok(vec![2])).await.unwrap();
        bench.let_one_end().await;
        assert_eq!(bench.begun(), 3);
    }
}
