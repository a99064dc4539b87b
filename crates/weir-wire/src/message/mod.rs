//! Borrowed views of message bodies: `parse` takes the bytes after the five-byte header.
//!
//! A view is made only from a body that is right to its last byte, so that reading it cannot
//! fail. Strings are bytes without their terminating zero; their encoding is the client's.
//! Source: PostgreSQL documentation, "Message Formats".

mod auth;
mod backend;
mod error_fields;
mod frontend;

pub use auth::{Authentication, Mechanisms, Password, SaslInitialResponse, SaslResponse};
pub use backend::{
    BackendKeyData, CommandComplete, CopyResponse, NegotiateProtocolVersion, NotificationResponse,
    ParameterStatus, ReadyForQuery, TransactionStatus,
};
pub use error_fields::{ErrorFields, FieldIter, field};
pub use frontend::{Bind, Execute, NAME_MAX, Parse, Query, Target, TargetKind};
