use super::*;

#[test]
fn what_ships_loads_without_a_word() {
    match Policies::shipped() {
        Ok(policies) => assert_eq!(policies.warnings(), []),
        Err(found) => panic!("{found}"),
    }
}
