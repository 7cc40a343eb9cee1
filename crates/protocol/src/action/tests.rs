use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::{
    ActionCancelQueryResult, ActionCreatePreparedStatementResult as PreparedResult, Any,
};
use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightEndpoint, FlightInfo,
    IpcMessage, RenewFlightEndpointRequest, Ticket,
};

use super::*;
use crate::messages::{ActionCreatePreparedStatementResult, SetSessionOptionsRequest};
use crate::packed::pack;

fn action(name: &str, body: impl Into<Bytes>) -> FlightAction {
    FlightAction {
        r#type: name.to_owned(),
        body: body.into(),
    }
}

fn endpoint(ticket: &'static [u8]) -> FlightEndpoint {
    FlightEndpoint::new()
        .with_ticket(Ticket {
            ticket: Bytes::from_static(ticket),
        })
        .with_location("grpc://x:1")
}

fn info(tickets: &[&'static [u8]]) -> FlightInfo {
    let info = FlightInfo::new().with_app_metadata("m");
    tickets
        .iter()
        .fold(info, |info, ticket| info.with_endpoint(endpoint(ticket)))
}

fn schema(name: &str) -> Schema {
    Schema::new(vec![Field::new(name, DataType::Int64, false)])
}

#[test]
fn every_listed_action_is_known() {
    for (name, description) in TYPES {
        let decoded = Action::decode(&action(name, Bytes::new()));
        assert!(
            !matches!(decoded, Err(Error::UnknownAction { .. })),
            "{name}"
        );
        assert!(description.ends_with('.'));
    }
    let name = "Shut\ndown".to_owned();
    let escaped = "Shut\\ndown".to_owned();
    assert_eq!(
        Action::decode(&action(&name, Bytes::new())),
        Err(Error::UnknownAction { name: escaped })
    );
}

#[test]
fn flight_sql_actions_are_packed() {
    let id = Bytes::from_static(b"id");
    let create = ActionCreatePreparedStatementRequest {
        query: "SELECT ?".to_owned(),
        transaction_id: Some(id.clone()),
    };
    let close = ActionClosePreparedStatementRequest {
        prepared_statement_handle: id.clone(),
    };
    let end = ActionEndTransactionRequest {
        transaction_id: id.clone(),
        action: 2,
    };
    let mark = ActionBeginSavepointRequest {
        transaction_id: id.clone(),
        name: "s".to_owned(),
    };
    let release = ActionEndSavepointRequest {
        savepoint_id: id.clone(),
        action: 1,
    };
    let query = "SELECT ?".to_owned();
    let name = "s".to_owned();
    for (name, body, expected) in [
        (
            "CreatePreparedStatement",
            pack(&create),
            Action::CreatePrepared {
                query,
                transaction: Some(id.clone()),
            },
        ),
        (
            "ClosePreparedStatement",
            pack(&close),
            Action::ClosePrepared { handle: id.clone() },
        ),
        (
            "CreatePreparedSubstraitPlan",
            pack(&ActionCreatePreparedSubstraitPlanRequest::default()),
            Action::CreatePreparedSubstraitPlan,
        ),
        (
            "BeginTransaction",
            pack(&ActionBeginTransactionRequest {}),
            Action::BeginTransaction,
        ),
        (
            "EndTransaction",
            pack(&end),
            Action::EndTransaction {
                transaction: id.clone(),
                how: EndTransaction::Rollback,
            },
        ),
        (
            "BeginSavepoint",
            pack(&mark),
            Action::BeginSavepoint {
                transaction: id.clone(),
                name,
            },
        ),
        (
            "EndSavepoint",
            pack(&release),
            Action::EndSavepoint {
                savepoint: id,
                how: EndSavepoint::Release,
            },
        ),
    ] {
        assert_eq!(Action::decode(&action(name, body)), Ok(expected));
    }
}

#[test]
fn a_body_of_another_type_is_malformed() {
    let body = pack(&ActionBeginTransactionRequest {});
    let Err(error) = Action::decode(&action("CreatePreparedStatement", body)) else {
        panic!("decoded");
    };
    assert!(
        error.to_string().contains("ActionBeginTransactionRequest"),
        "{error}"
    );
    for body in [b"".as_slice(), b"SELECT 1", b"\xff"] {
        let decoded = Action::decode(&action("CreatePreparedStatement", body.to_vec()));
        assert!(
            matches!(decoded, Err(Error::Malformed { .. })),
            "{decoded:?}"
        );
    }
}

#[test]
fn transactions_end_in_one_of_two_ways() {
    for (number, how) in [
        (1, Some(EndTransaction::Commit)),
        (2, Some(EndTransaction::Rollback)),
        (0, None),
        (3, None),
        (-1, None),
    ] {
        let body = pack(&ActionEndTransactionRequest {
            transaction_id: Bytes::new(),
            action: number,
        });
        let expected = how.map(|how| Action::EndTransaction {
            transaction: Bytes::new(),
            how,
        });
        assert_eq!(
            Action::decode(&action("EndTransaction", body)).ok(),
            expected
        );
    }
}

#[test]
fn cancelling_takes_the_tickets_of_all_endpoints_and_the_command() {
    let info = info(&[b"one", b"two"]);
    let info = info.with_descriptor(arrow_flight::FlightDescriptor::new_cmd("poll"));
    let command = Some(Bytes::from_static(b"poll"));
    let tickets = vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    let old = ActionCancelQueryRequest {
        info: info.encode_to_vec().into(),
    };
    let new = CancelFlightInfoRequest { info: Some(info) };
    assert_eq!(
        Action::decode(&action("CancelFlightInfo", new.encode_to_vec())),
        Ok(Action::CancelFlightInfo {
            tickets: tickets.clone(),
            command: command.clone(),
        })
    );
    assert_eq!(
        Action::decode(&action("CancelQuery", pack(&old))),
        Ok(Action::CancelQuery { tickets, command })
    );
}

#[test]
fn cancelling_needs_an_info_with_tickets_and_not_too_many() {
    let decode = |request: CancelFlightInfoRequest| {
        Action::decode(&action("CancelFlightInfo", request.encode_to_vec()))
    };
    assert!(matches!(
        decode(CancelFlightInfoRequest { info: None }),
        Err(Error::Malformed { .. })
    ));
    let without_ticket = FlightInfo::new().with_endpoint(FlightEndpoint::new());
    let request = CancelFlightInfoRequest::new(without_ticket);
    assert!(matches!(decode(request), Err(Error::Malformed { .. })));
    let most = info(&[b"t".as_slice(); MAX_TICKETS]);
    assert!(decode(CancelFlightInfoRequest::new(most.clone())).is_ok());
    let more = CancelFlightInfoRequest::new(most.with_endpoint(endpoint(b"t")));
    assert!(matches!(
        decode(more),
        Err(Error::TooLarge {
            limit: MAX_TICKETS,
            ..
        })
    ));
}

#[test]
fn renewing_takes_the_ticket_of_the_endpoint() {
    let request = RenewFlightEndpointRequest {
        endpoint: Some(endpoint(b"t")),
    };
    assert_eq!(
        Action::decode(&action("RenewFlightEndpoint", request.encode_to_vec())),
        Ok(Action::RenewFlightEndpoint {
            ticket: Bytes::from_static(b"t")
        })
    );
}

#[test]
fn session_actions_are_bare_messages() {
    assert_eq!(
        Action::decode(&action("GetSessionOptions", "")),
        Ok(Action::GetSessionOptions)
    );
    assert_eq!(
        Action::decode(&action("CloseSession", "")),
        Ok(Action::CloseSession)
    );
    let request = SetSessionOptionsRequest::default().encode_to_vec();
    assert_eq!(
        Action::decode(&action("SetSessionOptions", request)),
        Ok(Action::SetSessionOptions(OptionChanges::new()))
    );
    for name in ["GetSessionOptions", "CloseSession", "SetSessionOptions"] {
        let garbage = Action::decode(&action(name, b"\xff\xff".as_slice()));
        assert!(matches!(garbage, Err(Error::Malformed { .. })), "{name}");
        let large = Action::decode(&action(name, vec![0; MAX_BODY_BYTES + 1]));
        assert!(matches!(large, Err(Error::TooLarge { .. })), "{name}");
    }
}

#[test]
fn a_prepared_query_answers_with_both_schemas() {
    let handle = Bytes::from_static(b"h");
    let dataset = schema("a");
    let bytes = prepared_result(handle.clone(), Some(&dataset), &schema("$1"), false).unwrap();
    let any = Any::decode(bytes).unwrap();
    let ours = ActionCreatePreparedStatementResult::decode(any.value.clone()).unwrap();
    assert_eq!(ours.is_update, Some(false));
    // What the clients of arrow-flight read.
    let theirs: PreparedResult = any.unpack().unwrap().unwrap();
    assert_eq!(theirs.prepared_statement_handle, handle);
    assert_eq!(
        Schema::try_from(IpcMessage(theirs.dataset_schema)).unwrap(),
        dataset
    );
    assert_eq!(
        Schema::try_from(IpcMessage(theirs.parameter_schema)).unwrap(),
        schema("$1")
    );
}

#[test]
fn a_prepared_update_answers_with_a_schema_without_fields() {
    let bytes = prepared_result(Bytes::new(), None, &Schema::empty(), true).unwrap();
    let any = Any::decode(bytes).unwrap();
    let result = ActionCreatePreparedStatementResult::decode(any.value).unwrap();
    assert_eq!(result.is_update, Some(true));
    for message in [result.dataset_schema, result.parameter_schema] {
        assert_eq!(message[..4], [0xff; 4], "an encapsulated message");
        assert_eq!(
            Schema::try_from(IpcMessage(message)).unwrap(),
            Schema::empty()
        );
    }
}

#[test]
fn both_cancel_answers_carry_the_same_number() {
    for status in [
        CancelStatus::Cancelled,
        CancelStatus::Cancelling,
        CancelStatus::NotCancellable,
    ] {
        let new = CancelFlightInfoResult::decode(cancel_result(status)).unwrap();
        assert_eq!(new.status, i32::from(status));
        let any = Any::decode(cancel_query_result(status)).unwrap();
        let old: ActionCancelQueryResult = any.unpack().unwrap().unwrap();
        assert_eq!(old.result, new.status);
    }
}

#[test]
fn what_is_killed_is_named_by_text() {
    let kill = |name, body: &[u8]| Action::decode(&action(name, body.to_vec()));
    let id = "0123abcd".to_owned();
    let query = kill("KillQuery", b"0123abcd");
    assert_eq!(query, Ok(Action::KillQuery(id.clone())));
    let session = kill("KillSession", b"0123abcd");
    assert_eq!(session, Ok(Action::KillSession(id)));
    for body in [b"".as_slice(), b"\xff", &[b'a'; 257]] {
        assert!(kill("KillQuery", body).is_err(), "{body:?}");
    }
}
