//! SCRAM keys derived from passwords, remembered: PBKDF2 runs once for each verifier, not for
//! each connection.
