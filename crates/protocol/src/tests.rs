//! Every decoder is total: whatever the bytes, it returns.

use std::time::{Duration, UNIX_EPOCH};

use arrow_flight::{
    Action as FlightAction, FlightDescriptor, FlightEndpoint, FlightInfo, Ticket as FlightTicket,
};
use bytes::Bytes;
use prost::Message;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::{
    Command, Descriptor, Purpose, Sealer, SessionId, StatementId, TransactionId, WireFormat,
    action::{Action, TYPES},
    command::{TableQuery, TableRef},
    cookie::{self, SessionCookie},
    handle::PreparedHandle,
    poll::PollHandle,
    session::{self, OptionChanges, OptionValue},
    ticket::{Ticket, TicketBody},
};

const ROUNDS: usize = 20_000;

#[test]
fn random_commands_survive_the_wire() {
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..ROUNDS {
        let command = any_command(&mut rng);
        assert_eq!(Command::decode(&command.encode()), Ok(command));
    }
}

#[test]
fn decoders_return_for_random_bytes() {
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..ROUNDS {
        let len = rng.random_range(0..200);
        let bytes: Vec<u8> = (0..len).map(|_| any_byte(&mut rng)).collect();
        decode_with_all(&bytes);
    }
}

#[test]
fn decoders_return_for_damaged_messages() {
    let mut rng = StdRng::seed_from_u64(3);
    let samples = samples(&mut rng);
    for _ in 0..ROUNDS {
        let sample = samples.choose(&mut rng).unwrap();
        decode_with_all(&damaged(sample, &mut rng));
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_a_stack_overflow() {
    // Groups nest without any length: one byte a level, here in a field that no message knows.
    decode_with_all(&vec![0x7b; 1 << 20]);
    // Submessages within submessages.
    let mut nested = Vec::new();
    while nested.len() < 1 << 16 {
        nested = [vec![0x0a], varint(nested.len()), nested].concat();
    }
    decode_with_all(&nested);
}

#[test]
fn damaged_sealed_bytes_never_open() {
    let mut rng = StdRng::seed_from_u64(4);
    let sealer = Sealer::new(&[7; 32]);
    let sealed = sealer.seal(Purpose::Ticket, b"some payload");
    for _ in 0..ROUNDS {
        let bytes = damaged(&sealed, &mut rng);
        assert_eq!(
            sealer.open(Purpose::Ticket, &bytes).is_ok(),
            bytes == sealed
        );
    }
}

/// Gives the bytes to every decoder there is, bare and as a genuinely sealed payload.
fn decode_with_all(bytes: &[u8]) {
    let sealer = Sealer::new(&[7; 32]);
    let body = Bytes::copy_from_slice(bytes);
    let _ = Command::decode(bytes);
    let _ = Descriptor::decode(&FlightDescriptor::new_cmd(body.clone()));
    for (name, _) in TYPES {
        let _ = Action::decode(&FlightAction::new(name, body.clone()));
    }
    let _ = session::decode_set(bytes);
    let _ = SessionId::decode(bytes);
    for now in [UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(1 << 40)] {
        let _ = Ticket::open(&sealer, bytes, now);
        let _ = Ticket::open(&sealer, &sealer.seal(Purpose::Ticket, bytes), now);
        let _ = PollHandle::open(&sealer, bytes, now);
        let _ = PollHandle::open(&sealer, &sealer.seal(Purpose::Poll, bytes), now);
    }
    let _ = PreparedHandle::open(&sealer, bytes);
    let _ = PreparedHandle::open(&sealer, &sealer.seal(Purpose::Handle, bytes));
    let text = String::from_utf8_lossy(bytes);
    let _ = SessionCookie::open(&sealer, cookie::find(&text).unwrap_or(&text));
}

/// One valid message for every decoder.
fn samples(rng: &mut StdRng) -> Vec<Vec<u8>> {
    let sealer = Sealer::new(&[7; 32]);
    let ticket = Ticket {
        user: "ann".to_owned(),
        expires_at: UNIX_EPOCH + Duration::from_secs(1 << 33),
        format: WireFormat::default(),
        body: TicketBody::Query {
            statement: StatementId::random(),
            query: "SELECT 1".to_owned(),
            parameters: Some(Bytes::from_static(b"rows")),
            fingerprint: [1; 32],
            snapshot: 7,
            lake: Some(9),
            transaction: Some(TransactionId::random()),
        },
    };
    let handle = PreparedHandle {
        user: "ann".to_owned(),
        session: SessionId::random(),
        statement: StatementId::random(),
    };
    let cookie = SessionCookie {
        user: "ann".to_owned(),
        session: SessionId::random(),
    };
    let poll = PollHandle {
        user: "ann".to_owned(),
        statement: StatementId::random(),
        expires_at: UNIX_EPOCH + Duration::from_secs(1 << 33),
        format: WireFormat::default(),
    };
    let sealed = ticket.seal(&sealer);
    let options = OptionChanges::from([
        (
            "a".to_owned(),
            Some(OptionValue::TextList(vec!["x".to_owned()])),
        ),
        ("b".to_owned(), None),
    ]);
    let endpoint = FlightEndpoint::new().with_ticket(FlightTicket::new(sealed.clone()));
    let info = FlightInfo::new().with_endpoint(endpoint);
    let cancel = arrow_flight::CancelFlightInfoRequest::new(info);
    let mut samples = vec![
        sealer.open(Purpose::Ticket, &sealed).unwrap().to_vec(),
        sealed.to_vec(),
        handle.seal(&sealer).to_vec(),
        poll.seal(&sealer).to_vec(),
        format!("{}={}", cookie::NAME, cookie.seal(&sealer)).into_bytes(),
        session::encode_set(&options).to_vec(),
        cancel.encode_to_vec(),
    ];
    samples.extend((0..100).map(|_| any_command(rng).encode().to_vec()));
    samples
}

fn damaged(sample: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, any_byte(rng)),
            2 => bytes.extend_from_within(at..),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] = any_byte(rng),
            _ => {}
        }
    }
    bytes
}

fn any_command(rng: &mut StdRng) -> Command {
    match rng.random_range(0..13) {
        0 => Command::Statement {
            query: any_text(rng),
            transaction: rng.random_bool(0.5).then(|| any_text(rng).into()),
        },
        1 => Command::Update {
            query: any_text(rng),
            transaction: rng.random_bool(0.5).then(|| any_text(rng).into()),
        },
        2 => Command::Prepared {
            handle: any_text(rng).into(),
        },
        3 => Command::PreparedUpdate {
            handle: any_text(rng).into(),
        },
        4 => Command::Catalogs,
        5 => Command::DbSchemas {
            catalog: any_option(rng),
            schema_pattern: any_option(rng),
        },
        6 => Command::Tables(TableQuery {
            catalog: any_option(rng),
            schema_pattern: any_option(rng),
            table_pattern: any_option(rng),
            types: (0..rng.random_range(0..4)).map(|_| any_text(rng)).collect(),
            include_schema: rng.random(),
        }),
        7 => Command::PrimaryKeys(any_table(rng)),
        8 => Command::ExportedKeys(any_table(rng)),
        9 => Command::ImportedKeys(any_table(rng)),
        10 => Command::CrossReference {
            pk: any_table(rng),
            fk: any_table(rng),
        },
        11 => Command::SqlInfo {
            codes: (0..rng.random_range(0..9)).map(|_| rng.random()).collect(),
        },
        _ => Command::XdbcTypeInfo {
            data_type: rng.random_bool(0.5).then(|| rng.random()),
        },
    }
}

fn any_table(rng: &mut StdRng) -> TableRef {
    TableRef {
        catalog: any_option(rng),
        schema: any_option(rng),
        table: any_text(rng),
    }
}

fn any_option(rng: &mut StdRng) -> Option<String> {
    rng.random_bool(0.5).then(|| any_text(rng))
}

fn any_text(rng: &mut StdRng) -> String {
    let len = rng.random_range(0..20);
    (0..len).map(|_| rng.random::<char>()).collect()
}

/// Bytes that mean something in protobuf come more often.
fn any_byte(rng: &mut StdRng) -> u8 {
    const TELLING: [u8; 12] = [
        0x00, 0x01, 0x08, 0x0a, 0x0b, 0x0c, 0x12, 0x1a, 0x7f, 0x80, 0xff, b'/',
    ];
    if rng.random() {
        rng.random()
    } else {
        *TELLING.choose(rng).unwrap()
    }
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
