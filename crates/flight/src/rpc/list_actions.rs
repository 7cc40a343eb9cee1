use arrow_flight::ActionType;
use futures::stream;
use godwit_protocol::action::TYPES;

use crate::call::Call;
use crate::service::{Answers, answers};

/// Actions that DoAction knows only to refuse them in words.
const REFUSED: [&str; 1] = ["CreatePreparedSubstraitPlan"];

/// Every action that is served.
pub(crate) fn run(call: &Call) -> Answers<ActionType> {
    let served = TYPES.iter().filter(|(name, _)| !REFUSED.contains(name));
    let served = served.map(|(name, description)| {
        Ok(ActionType {
            r#type: (*name).to_owned(),
            description: (*description).to_owned(),
        })
    });
    answers(call.id, stream::iter(served))
}
