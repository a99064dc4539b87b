//! SCRAM keys derived from passwords, remembered: PBKDF2 runs once for each password and
//! verifier, not for each connection.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use weir_core::config::limits;
use weir_wire::scram::{Iterations, Keys, SaltedPassword, Verifier};

/// Derivations at the same time. They are pure work, so more would only take processors away
/// from the workers.
const DERIVATIONS_MAX: usize = 2;

/// Keys by password, salt and iteration count. Bounded by forgetting everything when it is full,
/// which only a server that invents salts can bring about.
pub struct ScramKeys {
    keys: Mutex<HashMap<[u8; 32], Keys>>,
    turns: Semaphore,
}

impl Default for ScramKeys {
    fn default() -> Self {
        Self { keys: Mutex::default(), turns: Semaphore::new(DERIVATIONS_MAX) }
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramKeys")
    }
}

impl ScramKeys {
    /// The keys of our own password for a server that shows this salt and count.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn of_password(
        &self,
        password: &str,
        salt: &[u8],
        iterations: Iterations,
    ) -> io::Result<Keys> {
        let name = name(password.as_bytes(), salt, iterations);
        if let Some(keys) = self.known(&name) {
            return Ok(keys);
        }
        let (password, salt) = (password.as_bytes().to_vec(), salt.to_vec());
        let derive = move || SaltedPassword::derive(&password, &salt, iterations).keys();
        let keys = self.slowly(derive).await?;
        self.keep(name, &keys);
        Ok(keys)
    }

    /// Whether a client's password belongs to the verifier. Wrong ones are not remembered.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn matches(&self, password: &[u8], verifier: &Verifier) -> io::Result<bool> {
        let (salt, iterations) = (verifier.salt().to_vec(), verifier.iterations());
        let name = name(password, &salt, iterations);
        if let Some(keys) = self.known(&name) {
            return Ok(verifier.matches_keys(&keys));
        }
        let password = password.to_vec();
        let derive = move || SaltedPassword::derive(&password, &salt, iterations).keys();
        let keys = self.slowly(derive).await?;
        let matches = verifier.matches_keys(&keys);
        if matches {
            self.keep(name, &keys);
        }
        Ok(matches)
    }

    /// Makes a verifier of a password.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn verifier(
        &self,
        password: &str,
        salt: [u8; 16],
        iterations: Iterations,
    ) -> io::Result<Verifier> {
        let password = password.as_bytes().to_vec();
        self.slowly(move || Verifier::derive(&password, &salt, iterations)).await
    }

    /// Runs `work` on a thread where it holds nobody up.
    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let _turn = self.turns.acquire().await.map_err(io::Error::other)?;
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
    }

    fn known(&self, name: &[u8; 32]) -> Option<Keys> {
        self.lock().get(name).cloned()
    }

    fn keep(&self, name: [u8; 32], keys: &Keys) {
        let mut all = self.lock();
        if all.len() >= limits::POOLS {
            all.clear();
        }
        all.insert(name, keys.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Keys>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A digest, so that the cache holds no password in clear.
fn name(password: &[u8], salt: &[u8], iterations: Iterations) -> [u8; 32] {
    Sha256::new()
        .chain_update(iterations.get().to_be_bytes())
        .chain_update(salt.len().to_be_bytes())
        .chain_update(salt)
        .chain_update(password)
        .finalize()
        .into()
}
