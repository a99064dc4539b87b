//! SCRAM keys derived from passwords, remembered: PBKDF2 runs once for each stored verifier, not
//! for each connection.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use weir_core::config::limits;
use weir_wire::scram::{Iterations, Keys, SaltedPassword};

/// Keys by password, salt and iteration count. Bounded by forgetting everything when it is full,
/// which only a server that invents salts can bring about.
#[derive(Default)]
pub(super) struct ScramKeyCache {
    keys: Mutex<HashMap<[u8; 32], Keys>>,
}

impl std::fmt::Debug for ScramKeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramKeyCache")
    }
}

impl ScramKeyCache {
    /// The keys of a password; derived on a thread of its own when they are not known yet.
    pub(super) async fn derive(
        &self,
        password: &str,
        salt: &[u8],
        iterations: Iterations,
    ) -> Result<Keys, tokio::task::JoinError> {
        let name = name(password, salt, iterations);
        let known = self.lock().get(&name).cloned();
        if let Some(keys) = known {
            return Ok(keys);
        }
        let (password, salt) = (password.to_owned(), salt.to_vec());
        let derive = move || SaltedPassword::derive(password.as_bytes(), &salt, iterations).keys();
        let keys = tokio::task::spawn_blocking(derive).await?;
        let mut all = self.lock();
        if all.len() >= limits::POOLS {
            all.clear();
        }
        all.insert(name, keys.clone());
        Ok(keys)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Keys>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A digest, so that the cache holds no password in clear.
fn name(password: &str, salt: &[u8], iterations: Iterations) -> [u8; 32] {
    Sha256::new()
        .chain_update(iterations.get().to_be_bytes())
        .chain_update(salt.len().to_be_bytes())
        .chain_update(salt)
        .chain_update(password)
        .finalize()
        .into()
}
