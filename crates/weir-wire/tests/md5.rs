//! The md5 method beside `postgres-protocol`'s.

use postgres_protocol::authentication::md5_hash;
use proptest::prelude::*;
use weir_wire::md5::Md5Hash;

proptest! {
    #[test]
    fn answers_are_a_foreign_clients(
        user in "\\PC*", password in "\\PC*", salt in any::<[u8; 4]>(),
    ) {
        let foreign = md5_hash(user.as_bytes(), password.as_bytes(), salt);
        let stored = Md5Hash::derive(user.as_bytes(), password.as_bytes());
        prop_assert!(stored.verify(salt, foreign.as_bytes()));
        prop_assert_eq!(&stored.answer(salt)[..], foreign.as_bytes());
    }
}
