//! The proofs can't be forged: each case is code that must not compile, with the reason why.

#[test]
fn no_command_is_forwarded_and_no_upstream_dialled_without_its_proof() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/proofs/honest.rs");
    cases.compile_fail("tests/proofs/*_forged.rs");
    cases.compile_fail("tests/proofs/*_missing.rs");
}
