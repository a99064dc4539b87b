//! Known users and what they prove themselves with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::OnceCell;
use weir_core::config::settings::{Settings, UserSecret};
use weir_wire::scram::Verifier;

/// A user's secret, and the SCRAM verifier made from it.
pub struct KnownUser {
    /// As configured or fetched.
    pub secret: UserSecret,
    /// Made from a plain password at its first use: PBKDF2 costs milliseconds.
    pub(crate) verifier: OnceCell<Option<Arc<Verifier>>>,
}

impl KnownUser {
    /// A user with this secret.
    #[must_use]
    pub fn new(secret: UserSecret) -> Self {
        Self { secret, verifier: OnceCell::new() }
    }

    /// The verifier, `Some(None)` where the secret has none; `None` when it has to be made of a
    /// password, which takes long.
    pub(crate) fn verifier_at_hand(&self) -> Option<Option<Arc<Verifier>>> {
        if let Some(verifier) = self.verifier.get() {
            return Some(verifier.clone());
        }
        let verifier = match &self.secret {
            UserSecret::Plain(_) => return None,
            UserSecret::ScramVerifier(text) => Verifier::parse(text.reveal()).map(Arc::new),
            UserSecret::Md5(_) | UserSecret::None => None,
        };
        // Whoever was faster has made the same.
        let _ = self.verifier.set(verifier.clone());
        Some(verifier)
    }
}

impl fmt::Debug for KnownUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownUser").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// The users of the configuration, those of its user list included.
#[derive(Debug, Default)]
pub struct Users {
    by_name: HashMap<String, Arc<KnownUser>>,
}

impl Users {
    /// Takes the users of the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let entry = |(name, user): (&String, &weir_core::config::settings::User)| {
            (name.clone(), Arc::new(KnownUser::new(user.secret.clone())))
        };
        Self { by_name: settings.users.iter().map(entry).collect() }
    }

    /// The user of this name, if it has a secret here.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<KnownUser>> {
        self.by_name.get(name).filter(|user| user.secret != UserSecret::None)
    }
}
