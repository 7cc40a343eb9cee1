use super::*;

#[test]
fn a_code_decides_the_mark() {
    let mark = |code| Finding::from(Status::new(code, "why")).mark;
    assert_eq!(mark(Code::Unimplemented), Mark::Refused);
    assert_eq!(mark(Code::DeadlineExceeded), Mark::Hangs);
    for code in [
        Code::Internal,
        Code::Unknown,
        Code::Unavailable,
        Code::DataLoss,
    ] {
        assert_eq!(mark(code), Mark::Broken, "{code:?}");
    }
    for code in [Code::InvalidArgument, Code::NotFound, Code::Unauthenticated] {
        assert_eq!(mark(code), Mark::No, "{code:?}");
    }
}

#[test]
fn a_reason_is_one_short_line() {
    let status = Status::invalid_argument(format!("first\n\tsecond \u{1b}[31m{}", "x".repeat(500)));
    let reason = Finding::from(status).reason;
    assert!(
        reason.starts_with("INVALID_ARGUMENT: first second [31mxxx"),
        "{reason}"
    );
    assert!(reason.ends_with('…'));
    assert_eq!(reason.chars().count(), REASON);
    assert_eq!(Finding::from(Status::internal("")).reason, "INTERNAL");
}

#[test]
fn a_status_inside_a_flight_error_keeps_its_code() {
    let error = FlightError::from(Status::unimplemented("not here"));
    assert_eq!(Finding::from(error).mark, Mark::Refused);
    let error = FlightError::DecodeError("no schema".to_owned());
    assert_eq!(Finding::from(error).mark, Mark::Broken);
}

#[test]
fn a_step_is_named_in_front() {
    let finding = Finding::no("NOT_FOUND: gone").at("the second read");
    assert_eq!(finding.mark, Mark::No);
    assert_eq!(finding.reason, "the second read: NOT_FOUND: gone");
}
