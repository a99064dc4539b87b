//! Clients and server connections that come from the login threads.

use std::rc::Rc;
use std::sync::Arc;

use weir_core::config::limits::PACED_REPLY_BYTES;
use weir_core::console::Traffic;
use weir_core::ids::{DialId, PoolId, ServerId};
use weir_core::ledger::{Caller, Histogram};
use weir_core::pool::{DialError, Fault};
use weir_core::session::{Override, ServerState, Session, Tally, Value, Welcome};

use crate::proxy::mail::{Admitted, DialFailure, Dialled};
use crate::proxy::target::{PoolKey, Target};
use crate::proxy::worker::lending::Lent;
use crate::proxy::worker::socket::{Socket, Tls};
use crate::proxy::worker::state::{Client, Holder, Home, Latest, Place, Secret, Server, Stage};
use crate::proxy::worker::totals::Told;
use crate::proxy::worker::{Kind, Worker, notice, token};

/// Bits of the process id that name the client; the bits above name the worker.
const CLIENT_BITS: u32 = 24;

const CLIENT_MASK: u32 = (1 << CLIENT_BITS) - 1;

impl Worker {
    /// A client that logged in elsewhere.
    pub(super) fn admit(&mut self, mut client: Admitted) {
        let (at, generation) = self.clients.next();
        let tls = client.tls.take().map(Tls::Client);
        let (client, socket) = client.swap(());
        match self.driver.open(socket, token(at, generation, Kind::Client)) {
            Ok(link) => self.settle(client.swap(Socket::new(link, tls)).0),
            Err(error) => {
                tracing::error!(%error, "cannot watch a client's connection; it is closed");
            }
        }
    }

    /// A client that logged in, and whose connection bears the name of the next client already.
    pub(super) fn settle(&mut self, client: Admitted<Socket>) {
        let pool = self.pool_for(&client.pool, &client.target);
        let latest = self.latest(pool, client.parameters, client.slot.user());
        let (startup, application) = (Rc::clone(&latest.startup), Arc::clone(&latest.application));
        let caller = latest.caller.clone();
        let id = self.next_number();
        let at = self.clients.next().0;
        let secret = match client.minor_version {
            0 | 1 => self.chance.take().map(Secret::Short),
            2.. => self.chance.take().map(|bytes| Secret::Long(Box::new(bytes))),
        };
        let secret = match secret {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%error, "no random bytes; a client's connection is closed");
                return client.socket.close(&mut self.driver);
            }
        };
        let home = &mut self.homes[pool.0 as usize];
        home.clients += 1;
        home.traffic.logins += 1;
        self.clients.insert(Client {
            id,
            session: Session::new(startup),
            socket: client.socket,
            stage: Stage::Greeting,
            pool,
            server: None,
            ticket: None,
            last_server: None,
            parked: client.leftover,
            blocked: false,
            secret,
            caller,
            address: client.address,
            application,
            end_user: 0,
            connected: self.now,
            active: self.now,
            waiting_since: self.now,
            told_to_wait: false,
            slot: client.slot,
        });
        if self.stopping.is_some() {
            return self.farewell(at, &notice::stopping());
        }
        // When it is known what servers of its pool report, it is greeted at once; otherwise a
        // server connection is got to learn it.
        if self.homes[pool.0 as usize].welcome.is_some() {
            return self.greet(at, client.prelude);
        }
        if let Some(waiting) = self.clients.get_mut(at) {
            waiting.socket.send(&mut self.driver, &client.prelude);
        }
        self.checkout_for_greeting(at);
    }

    /// What a client asked for in its startup packet. Kept once for clients that come one after the
    /// other and are the same in that.
    fn latest(
        &mut self,
        pool: PoolId,
        parameters: Vec<(String, String)>,
        user: &Arc<str>,
    ) -> &Latest {
        let home = &mut self.homes[pool.0 as usize];
        let same = |latest: &Latest| latest.parameters == parameters && latest.user == *user;
        let latest = home.latest.take().filter(same).unwrap_or_else(|| {
            let startup = self.shared.overrides.intern(parameters.iter().map(startup_override));
            let application = parameters.iter().find(|(name, _)| name == "application_name");
            let application = application.map_or("", |(_, value)| value.as_str());
            Latest {
                user: Arc::clone(user),
                startup,
                application: application.into(),
                caller: Caller::new(application, user, &home.key.user),
                parameters,
            }
        });
        home.latest.insert(latest)
    }

    /// Tells a client what a server would have told it, behind the `prelude`, and listens to it.
    pub(super) fn greet(&mut self, at: u32, prelude: Vec<u8>) {
        let Some(client) = self.clients.get_mut(at) else { return };
        let home = &mut self.homes[client.pool.0 as usize];
        let Some(welcome) = &mut home.welcome else { return };
        let mut hello = prelude;
        let pid = process_id(self.options.index, at);
        let written = client.session.greet(&mut hello, welcome, pid, client.secret.bytes());
        if let Err(fault) = written {
            return self.close_client_for(at, &fault);
        }
        client.stage = Stage::Live;
        client.active = self.now;
        home.traffic.sent += hello.len() as u64;
        client.socket.send(&mut self.driver, &hello);
        self.resume_client(at);
    }

    pub(super) fn dialled(&mut self, server: Dialled) {
        let Some(id) = self.pools.connected(self.now, server.dial) else { return };
        let Some(view) = self.pools.server(id) else { return };
        let pool = view.pool;
        let home = &mut self.homes[pool.0 as usize];
        if std::mem::take(&mut home.failing) {
            tracing::info!(database = %home.key.database, user = %home.key.user, "server reached again");
        }
        let superuser = is_superuser(&server.parameters);
        let first = home.welcome.is_none();
        if first {
            home.welcome = Some(Welcome::new(server.parameters));
        }
        let generation = self.servers.generation(id.0);
        let link = match self.driver.open(server.socket, token(id.0, generation, Kind::Server)) {
            Ok(link) => link,
            Err(error) => {
                tracing::error!(%error, "cannot watch a server connection; it is closed");
                self.pools.lost(self.now, id);
                return;
            }
        };
        let state = ServerState::new(self.shared.overrides.empty());
        let server = Server {
            id: self.next_number(),
            state,
            socket: Socket::new(link, server.tls.map(Tls::Server)),
            pool,
            holder: Holder::Nobody,
            parked: server.leftover,
            blocked: false,
            cancelling: false,
            cancel_later: None,
            settling: false,
            key: server.key,
            opened: view.opened,
            leased: self.now,
            superuser,
            relayed: 0,
            paced_from: PACED_REPLY_BYTES,
            paced: false,
            timed_out: None,
            cancelled: None,
        };
        self.servers.put(id.0, server);
        if first {
            self.greet_waiting(pool);
        }
    }

    /// Greets those who waited for a server connection only to learn what it reports.
    fn greet_waiting(&mut self, pool: PoolId) {
        let waits = |client: &Client| client.pool == pool && client.stage == Stage::Greeting;
        let waiting: Vec<_> =
            self.clients.iter().filter(|(_, c)| waits(c)).map(|(at, c)| (at, c.ticket)).collect();
        for (at, ticket) in waiting {
            // One whose grant is under way already is greeted when that arrives.
            if ticket.is_some_and(|ticket| self.pools.withdraw(self.now, ticket)) {
                if let Some(client) = self.clients.get_mut(at) {
                    client.ticket = None;
                }
                self.greet(at, Vec::new());
            }
        }
    }

    pub(super) fn dial_failed(&mut self, dial: DialId, failure: DialFailure) {
        if let Some(pool) = self.pool_of(ServerId(dial.0)) {
            let home = &mut self.homes[pool.0 as usize];
            if failure.permanent {
                // The next client is told at its login, as PostgreSQL would.
                home.welcome = None;
            }
            if !std::mem::replace(&mut home.failing, true) {
                let PoolKey { database, user } = &home.key;
                tracing::warn!(%database, %user, "cannot reach the server: {}", failure.message);
            }
        }
        let fault = Fault { sqlstate: failure.sqlstate, message: failure.message.into() };
        let error = if failure.permanent {
            DialError::Permanent(fault)
        } else {
            DialError::Transient(fault)
        };
        self.pools.dial_failed(self.now, dial, error);
    }

    /// A reload: the pool goes on with a new target, or ends.
    pub(super) fn reconfigure(&mut self, key: &PoolKey, target: Option<Arc<Target>>) {
        let Some(&pool) = self.by_key.get(key) else { return };
        let Some(target) = target else {
            self.by_key.remove(key);
            self.pools.remove_pool(self.now, pool);
            self.dismiss(pool, |client| client.server.is_none() && client.ticket.is_none());
            self.paused(pool);
            return;
        };
        let budgets = self.budgets_for(&target.shares);
        self.pools.draw_on(self.now, pool, &budgets);
        let settings = self.settings_of(pool, &target);
        self.pools.reconfigure(self.now, pool, settings);
        let before = Arc::clone(&self.homes[pool.0 as usize].target);
        self.retire_budgets(&before.shares);
        let home = &mut self.homes[pool.0 as usize];
        let moved = !target.dial.reaches_the_same(&home.target.dial);
        home.place = Place::of(&target);
        home.target = target;
        if moved {
            home.welcome = None;
            self.pools.reconnect(self.now, pool);
        }
        if self.homes[pool.0 as usize].target.classes != before.classes {
            self.introduce_again(pool);
        }
        self.advise(pool);
    }

    /// Tells the dispatch what it may do, and what it may only show.
    fn advise(&mut self, pool: PoolId) {
        let rules = &self.homes[pool.0 as usize].target.healing;
        self.pools.advise(self.now, pool, rules.advises());
    }

    fn pool_for(&mut self, key: &PoolKey, target: &Arc<Target>) -> PoolId {
        if let Some(&pool) = self.by_key.get(key) {
            return pool;
        }
        let budgets = self.budgets_for(&target.shares);
        let lent = Lent::of(target, key, self.options.index, self.options.workers);
        let settings = lent.as_ref().map_or(target.pool.clone(), |it| it.settings(&target.pool));
        let pool = self.pools.add_pool(&budgets, settings);
        let home = Home {
            key: key.clone(),
            lent,
            target: Arc::clone(target),
            tally: Tally::default(),
            traffic: Traffic::default(),
            waits: Histogram::default(),
            welcome: None,
            introduced: Vec::new(),
            clients: 0,
            latest: None,
            failing: false,
            place: Place::of(target),
            told: Told::new(self.now),
            deserted: self.now,
        };
        match self.homes.get_mut(pool.0 as usize) {
            Some(place) => *place = home,
            None => self.homes.push(home),
        }
        self.by_key.insert(key.clone(), pool);
        self.advise(pool);
        if self.healing.is_frozen() {
            self.pools.freeze(self.now, pool, true);
        }
        if self.holds.is_paused(&key.database) {
            self.pools.pause(self.now, pool);
        }
        pool
    }
}

/// What the server reported of its role at the login.
fn is_superuser(parameters: &[(String, String)]) -> bool {
    parameters.iter().any(|(name, value)| name == "is_superuser" && value == "on")
}

/// The process id a client is told: where it is found when it wants to cancel. Never 0, which
/// clients take for none.
fn process_id(worker: usize, at: u32) -> i32 {
    let worker = u32::try_from(worker).unwrap_or(0) & 0x7f;
    (worker << CLIENT_BITS | at.wrapping_add(1) & CLIENT_MASK).cast_signed()
}

/// The place of the client that was told this process id.
pub(super) fn place_of(pid: i32) -> u32 {
    (pid.cast_unsigned() & CLIENT_MASK).wrapping_sub(1)
}

fn startup_override((name, value): &(String, String)) -> Override {
    Override {
        name: name.to_ascii_lowercase().into_bytes().into(),
        value: Value::Literal(value.as_bytes().into()),
    }
}
