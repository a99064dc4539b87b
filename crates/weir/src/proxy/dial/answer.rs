//! What we answer to a server that asks who we are.

use std::fmt::Display;

use weir_wire::build;
use weir_wire::md5::Md5Hash;
use weir_wire::message::{Authentication, Mechanisms};
use weir_wire::scram::{Answered, Challenged, Client, ClientFirst, Keys};

use super::failure;
use crate::proxy::chance;
use crate::proxy::conn::Conn;
use crate::proxy::mail::DialFailure;
use crate::proxy::scram_keys::ScramKeys;
use crate::proxy::target::{Credential, DialSpec};
use crate::proxy::tls::certificate::end_point_hash;

/// Answers a server's questions, one after the other.
pub(super) struct Answers<'a> {
    spec: &'a DialSpec,
    keys: &'a ScramKeys,
    /// `tls-server-end-point` of the server's certificate; `None` where channels are not bound.
    end_point: Option<Vec<u8>>,
    scram: Scram,
}

/// Where a SCRAM exchange stands.
enum Scram {
    NotBegun,
    First(ClientFirst),
    Answered(Answered),
    /// The server has proved that it knows our verifier.
    Mutual,
}

impl<'a> Answers<'a> {
    pub(super) fn new(spec: &'a DialSpec, keys: &'a ScramKeys, conn: &Conn) -> Self {
        let certificate = conn
            .tls_stream()
            .and_then(|stream| stream.get_ref().1.peer_certificates())
            .and_then(|chain| chain.first());
        let end_point = certificate.and_then(|certificate| end_point_hash(certificate));
        Self { spec, keys, end_point, scram: Scram::NotBegun }
    }

    /// The bytes to send in answer to `request`; none after the last word of SCRAM.
    pub(super) async fn answer(
        &mut self,
        request: Authentication<'_>,
    ) -> Result<Vec<u8>, DialFailure> {
        let mut out = Vec::new();
        match request {
            // The caller ends the exchange there.
            Authentication::Ok => {}
            Authentication::CleartextPassword => self.clear(&mut out)?,
            Authentication::Md5 { salt } => self.md5(salt, &mut out)?,
            Authentication::Sasl { mechanisms } => self.scram_first(mechanisms, &mut out)?,
            Authentication::SaslContinue(data) => self.scram_proof(data, &mut out).await?,
            Authentication::SaslFinal(data) => self.scram_check(data)?,
            Authentication::Unsupported(code) => {
                return Err(self.cannot(&format!(
                    "the server asks for a method that is not supported (code {code}); use \
                     scram-sha-256 in its pg_hba.conf"
                )));
            }
        }
        Ok(out)
    }

    /// The server is satisfied; so must we be: a SCRAM exchange that was begun must have shown
    /// that the server knows our verifier.
    pub(super) fn finish(&self) -> Result<(), DialFailure> {
        match self.scram {
            Scram::NotBegun | Scram::Mutual => Ok(()),
            Scram::First(_) | Scram::Answered(_) => Err(self.lied("it cut SCRAM short")),
        }
    }

    fn clear(&self, out: &mut Vec<u8>) -> Result<(), DialFailure> {
        match &self.spec.credential {
            Credential::Password(password) => build::password(out, password.as_bytes())
                .map_err(|error| failure::ours(&self.spec.address, &error)),
            Credential::None | Credential::ScramKeys(_) | Credential::Md5(_) => {
                Err(self.cannot("the server asks for the clear password, which is not known here"))
            }
        }
    }

    fn md5(&self, salt: [u8; 4], out: &mut Vec<u8>) -> Result<(), DialFailure> {
        let hash = match &self.spec.credential {
            Credential::Password(password) => {
                Md5Hash::derive(self.spec.user.as_bytes(), password.as_bytes())
            }
            Credential::Md5(hash) => {
                Md5Hash::parse(hash).ok_or_else(|| self.cannot("the stored md5 hash is not one"))?
            }
            Credential::None | Credential::ScramKeys(_) => {
                return Err(self.cannot(
                    "the server asks for an md5 password and neither password nor md5 hash is \
                     known here",
                ));
            }
        };
        build::password(out, &hash.answer(salt)[..])
            .map_err(|error| failure::ours(&self.spec.address, &error))
    }

    fn scram_first(
        &mut self,
        mechanisms: Mechanisms<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), DialFailure> {
        let client = Client::select(mechanisms, self.end_point.clone())
            .map_err(|error| self.cannot(&error))?;
        let nonce = chance::nonce().map_err(|error| self.cannot(&error))?;
        let mechanism = client.mechanism().name();
        let (next, data) = client.first(&nonce);
        self.scram = Scram::First(next);
        build::sasl_initial_response(out, mechanism.as_bytes(), Some(&data))
            .map_err(|error| failure::ours(&self.spec.address, &error))
    }

    async fn scram_proof(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), DialFailure> {
        let Scram::First(first) = std::mem::replace(&mut self.scram, Scram::NotBegun) else {
            return Err(self.lied("SCRAM out of order"));
        };
        let challenged = first.challenge(data).map_err(|error| self.lied(&error))?;
        let keys = self.scram_keys(&challenged).await?;
        let (next, data) = challenged.answer(&keys);
        self.scram = Scram::Answered(next);
        build::sasl_response(out, &data).map_err(|error| failure::ours(&self.spec.address, &error))
    }

    async fn scram_keys(&self, challenged: &Challenged) -> Result<Keys, DialFailure> {
        match &self.spec.credential {
            Credential::Password(password) => self
                .keys
                .of_password(password, challenged.salt(), challenged.iterations())
                .await
                .map_err(|error| self.cannot(&error)),
            Credential::ScramKeys(passed) if challenged.fits(&passed.verifier) => {
                Ok(passed.keys.clone())
            }
            Credential::ScramKeys(_) => Err(self
                .cannot("its password has changed since it logged in here; it must log in again")),
            Credential::None => Err(self.cannot(
                "the server asks for a password and none is known here; configure one, or let \
                 clients log in with auth.method = \"passthrough\"",
            )),
            Credential::Md5(_) => Err(self.cannot(
                "the server asks for SCRAM and only an md5 hash of the password is known here",
            )),
        }
    }

    fn scram_check(&mut self, data: &[u8]) -> Result<(), DialFailure> {
        let Scram::Answered(answered) = std::mem::replace(&mut self.scram, Scram::NotBegun) else {
            return Err(self.lied("SCRAM out of order"));
        };
        answered.finish(data).map_err(|error| self.lied(&error))?;
        self.scram = Scram::Mutual;
        Ok(())
    }

    fn cannot(&self, why: &(impl Display + ?Sized)) -> DialFailure {
        failure::credential(&self.spec.address, &self.spec.user, &why.to_string())
    }

    fn lied(&self, why: &(impl Display + ?Sized)) -> DialFailure {
        failure::lied(&self.spec.address, &why.to_string())
    }
}
