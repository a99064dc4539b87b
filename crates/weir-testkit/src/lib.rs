//! What the tests and the demo share: private PostgreSQL servers, scripted peers, client
//! environments. Never part of the shipped proxy's decisions.
