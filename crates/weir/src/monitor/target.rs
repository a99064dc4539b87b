//! Which servers are looked at, and as whom.

use std::collections::BTreeMap;

use weir_core::activity::ask::APPLICATION;
use weir_core::config::settings::{
    Database, Guard, Secret, ServerLogin, Settings, UpstreamHost, UserSecret,
};

use crate::proxy::directory::address;
use crate::proxy::target::{Credential, DialSpec, Others, ServerAddress, ServerTls};

/// A server to look at.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it is, in words: also the name under which its pools know it.
    pub name: String,
    /// How the guard gets in.
    pub spec: DialSpec,
}

/// A server that is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwatched {
    /// Where it is.
    pub name: String,
    /// Why not, and what to do about it.
    pub why: String,
}

/// Each server of the configuration once, by its address.
#[must_use]
pub fn targets(settings: &Settings, tls: &ServerTls) -> Vec<Result<Target, Unwatched>> {
    let mut found: BTreeMap<&UpstreamHost, Option<Target>> = BTreeMap::new();
    let named = settings.databases.iter().map(|(name, entry)| (Some(name.as_str()), entry));
    for (name, entry) in named.chain(settings.wildcard.iter().map(|entry| (None, entry))) {
        for host in &entry.hosts {
            let target = found.entry(host).or_default();
            if target.is_none() {
                *target = target_at(settings, tls, entry, (name, host));
            }
        }
    }
    let judged = found.into_iter().map(|(host, target)| {
        target.ok_or_else(|| Unwatched {
            name: address(host).to_string(),
            why: "no role is known for it: set guard.user".into(),
        })
    });
    judged.collect()
}

fn target_at(
    settings: &Settings,
    tls: &ServerTls,
    entry: &Database,
    (name, host): (Option<&str>, &UpstreamHost),
) -> Option<Target> {
    let (user, password) = role(&settings.guard, entry)?;
    let address: ServerAddress = address(host);
    let served = entry.dbname.as_deref().or(name);
    let asked = entry.auth_query.as_ref().map(|query| query.database.as_str());
    let database = settings.guard.database.as_deref().or(served).or(asked).unwrap_or("postgres");
    let spec = DialSpec {
        address: address.clone(),
        others: Others::default(),
        database: database.to_owned(),
        credential: credential(settings, &user, password),
        user,
        tls: tls.clone(),
        parameters: vec![("application_name".into(), APPLICATION.into())],
        connect_query: None,
        timeout: settings.guard.timeout,
    };
    Some(Target { name: address.to_string(), spec })
}

/// Who the guard is on this server: its own role, else the pools' one, else the one that fetches
/// secrets.
fn role(guard: &Guard, entry: &Database) -> Option<(String, Option<Secret>)> {
    if let Some(user) = &guard.user {
        return Some((user.clone(), guard.password.clone()));
    }
    match (&entry.login, &entry.auth_query) {
        (ServerLogin::Fixed { user, password }, _) => Some((user.clone(), password.clone())),
        (ServerLogin::AsClient, Some(query)) => Some((query.user.clone(), query.password.clone())),
        (ServerLogin::AsClient, None) => None,
    }
}

fn credential(settings: &Settings, user: &str, password: Option<Secret>) -> Credential {
    let stored = || settings.users.get(user).map(|user| &user.secret);
    match (password, stored()) {
        (Some(password), _) => Credential::Password(password.reveal().to_owned()),
        (None, Some(UserSecret::Plain(secret))) => Credential::Password(secret.reveal().to_owned()),
        (None, Some(UserSecret::Md5(hash))) => Credential::Md5(hash.reveal().to_owned()),
        (None, Some(UserSecret::None | UserSecret::ScramVerifier(_)) | None) => Credential::None,
    }
}

#[cfg(test)]
mod tests {
    use weir_core::config::{Sources, read, resolve};

    use super::*;

    fn settings(toml: &str) -> Settings {
        let text = format!("[auth]\nmethod = \"trust\"\n{toml}");
        let (options, _) = read(&text, "test").unwrap();
        let sources = Sources { file: &|name| Err(name.to_owned()), env: &|_| None };
        resolve(&options, &sources).unwrap()
    }

    fn found(toml: &str) -> Vec<Result<(String, String, String), String>> {
        targets(&settings(toml), &ServerTls::Disable)
            .into_iter()
            .map(|one| match one {
                Ok(Target { name, spec }) => Ok((name, spec.user, spec.database)),
                Err(unwatched) => Err(unwatched.name),
            })
            .collect()
    }

    #[test]
    fn each_server_once_as_the_role_of_its_pools() {
        let toml = r#"
            [databases]
            a = { host = "db", port = 1 }
            b = { upstream = "postgres://app:secret@db:1/shop" }
            c = { host = "db", port = 2 }
        "#;
        let app = ("db:1".into(), "app".into(), "shop".into());
        assert_eq!(found(toml), [Ok(app), Err("db:2".into())]);
    }

    #[test]
    fn a_role_of_its_own_goes_everywhere_with_its_own_password() {
        let toml = r#"
            [guard]
            user = "guard"
            [databases."*"]
            upstream = "postgres://app:secret@db:1"
        "#;
        assert_eq!(found(toml), [Ok(("db:1".into(), "guard".into(), "postgres".into()))]);
        let target = targets(&settings(toml), &ServerTls::Disable).remove(0).unwrap();
        assert_eq!(target.spec.credential, Credential::None);
    }
}
