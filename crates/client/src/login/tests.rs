use super::*;

#[test]
fn a_header_is_sensitive_and_must_be_text() {
    let value = basic("ada", "swordfish").unwrap();
    assert_eq!(value.to_str().unwrap(), "Basic YWRhOnN3b3JkZmlzaA==");
    assert!(value.is_sensitive());
    assert!(header("Bearer a\nb").is_err());
}
