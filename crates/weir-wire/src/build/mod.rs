//! Complete messages, appended to a buffer.
//!
//! What cannot be said on the wire is a [`BuildError`], and the buffer is then as it was before.
//! Nothing is allocated but room in the buffer. Builders that return nothing cannot fail.

mod auth;
mod backend;
mod frontend;
mod startup;
mod writer;

pub use auth::{
    authentication_cleartext, authentication_md5, authentication_ok, authentication_sasl,
    authentication_sasl_continue, authentication_sasl_final, password, sasl_initial_response,
    sasl_response,
};
pub use backend::{
    Column, backend_key_data, bind_complete, close_complete, command_complete, data_row,
    empty_query_response, error_response, negotiate_protocol_version, no_data, notice_response,
    oid, parameter_status, parse_complete, ready_for_query, row_description,
};
pub use frontend::{
    bind_head, close, copy_fail, describe, execute, flush, parse, query, sync, terminate,
};
pub use startup::{cancel_request, gss_request, ssl_request, startup};
pub use writer::BuildError;
