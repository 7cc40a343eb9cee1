use arrow_flight::sql::{ActionBeginTransactionResult, ActionCancelQueryResult};

use super::*;
use crate::Mark;

#[test]
fn an_answer_must_be_one_of_the_right_type() {
    let right = ActionCancelQueryResult { result: 1 };
    let answers = [packed(&right)];
    assert_eq!(
        unpacked::<ActionCancelQueryResult>(&answers).unwrap(),
        right
    );
    let wrong = unpacked::<ActionBeginTransactionResult>(&answers).unwrap_err();
    assert!(
        wrong.reason.contains("ActionCancelQueryResult"),
        "{}",
        wrong.reason
    );
    assert_eq!(only(&[]).unwrap_err().mark, Mark::Broken);
    assert_eq!(
        only(&[Bytes::new(), Bytes::new()]).unwrap_err().reason,
        "2 answers instead of one"
    );
    assert_eq!(
        unpacked::<ActionCancelQueryResult>(&[Bytes::from_static(b"\xff")])
            .unwrap_err()
            .mark,
        Mark::Broken
    );
}
