//! What the rooms count, put under the names of the catalogue.

use godwit_engine::{Figures as EngineFigures, Standing};
use godwit_flight::{CODES, Calls, Figures as FlightFigures};

use super::catalogue as names;
use super::page::{Page, Value};
use super::process::Process;

pub(super) fn standing(page: &mut Page, standing: Standing) {
    let lake = standing == Standing::Ready { lake: true };
    page.whole(&names::READY, standing.is_ready().into());
    if standing.is_ready() {
        page.whole(&names::LAKE_UP, lake.into());
    }
}

pub(super) fn flight(page: &mut Page, figures: &FlightFigures) {
    for calls in &figures.calls {
        of_method(page, calls);
    }
    page.whole(&names::CONNECTIONS, figures.open);
    page.whole(&names::ACCEPTED, figures.accepted);
    page.whole(&names::RECEIVED, figures.received_bytes);
    page.whole(&names::SENT, figures.sent_bytes);
    for (proof, outcome, count) in &figures.logins {
        let labels = [*proof, *outcome];
        page.add(&names::AUTHENTICATIONS, &labels, Value::Whole(*count));
    }
}

fn of_method(page: &mut Page, calls: &Calls) {
    let method = calls.method;
    for (code, ended) in CODES.iter().zip(calls.ended) {
        // The first success of a method is to be seen as a step from zero; failures of all kinds would be too many.
        if ended > 0 || *code == "OK" {
            page.add(&names::CALLS, &[method, code], Value::Whole(ended));
        }
    }
    let count: u64 = calls.ended.iter().sum();
    if count > 0 {
        let time = Value::Classes {
            bounds: &godwit_flight::CLASSES,
            counts: calls.classes.to_vec(),
            count,
            sum: calls.time.as_secs_f64(),
        };
        page.add(&names::CALL_TIME, &[method], time);
    }
    page.add(
        &names::CALLS_RUNNING,
        &[method],
        Value::Whole(calls.running),
    );
}

pub(super) fn engine(page: &mut Page, figures: &EngineFigures) {
    for (kind, of_kind) in &figures.ended {
        let outcomes = [
            ("finished", of_kind.finished),
            ("failed", of_kind.failed),
            ("cancelled", of_kind.cancelled),
            ("killed", of_kind.killed),
        ];
        for (outcome, count) in outcomes {
            page.add(&names::STATEMENTS, &[kind, outcome], Value::Whole(count));
        }
        let time = Value::Classes {
            bounds: &godwit_engine::CLASSES,
            counts: of_kind.classes.to_vec(),
            count: outcomes.iter().map(|(_, count)| count).sum(),
            sum: of_kind.time.as_secs_f64(),
        };
        page.add(&names::STATEMENT_TIME, &[kind], time);
        page.add(&names::STATEMENT_ROWS, &[kind], Value::Whole(of_kind.rows));
        page.add(
            &names::STATEMENT_BYTES,
            &[kind],
            Value::Whole(of_kind.bytes),
        );
        page.add(
            &names::SPILLED,
            &[kind],
            Value::Whole(of_kind.spilled_bytes),
        );
    }
    for (phase, of_phase) in &figures.phases {
        let time = Value::Classes {
            bounds: &godwit_engine::CLASSES,
            counts: of_phase.classes.to_vec(),
            count: of_phase.count,
            sum: of_phase.time.as_secs_f64(),
        };
        page.add(&names::PHASE_TIME, &[phase], time);
    }
    for (phase, count) in [
        ("queued", figures.queued),
        ("planning", figures.planning),
        ("executing", figures.executing),
    ] {
        page.add(&names::STATEMENTS_NOW, &[phase], Value::Whole(count));
    }
    for (lane, load) in [
        ("running", figures.admission.running),
        ("planning", figures.admission.planning),
    ] {
        for (metric, value) in [
            (&names::PLACES, load.places as u64),
            (&names::PLACES_TAKEN, load.busy as u64),
            (&names::WAITING, load.waiting as u64),
            (&names::REFUSED, load.refused),
        ] {
            page.add(metric, &[lane], Value::Whole(value));
        }
    }
    let lake = &figures.lake;
    for (outcome, count) in [
        ("committed", lake.committed),
        ("conflict", lake.conflicts),
        ("failed", lake.failed),
    ] {
        page.add(&names::LAKE_COMMITS, &[outcome], Value::Whole(count));
    }
    for (outcome, count) in [("hit", figures.plan_hits), ("miss", figures.plan_misses)] {
        page.add(&names::PLAN_CACHE, &[outcome], Value::Whole(count));
    }
    for (outcome, count) in [("hit", figures.text_hits), ("miss", figures.text_misses)] {
        page.add(&names::PLAN_REUSE, &[outcome], Value::Whole(count));
    }
    for (metric, value) in [
        (&names::LAKE_COMPACTED, lake.compacted_files),
        (&names::LAKE_REMOVED, lake.removed_files),
        (&names::MEMORY_RESERVED, figures.memory_reserved),
        (&names::MEMORY_LIMIT, figures.memory_limit),
        (&names::SPILL_USED, figures.spill_used),
        (&names::SPILL_LIMIT, figures.spill_limit),
        (&names::SESSIONS, figures.sessions),
        (&names::PREPARED, figures.statements),
        (&names::TRANSACTIONS, figures.transactions),
        (&names::RESULTS, figures.results),
        (&names::AUDIT_WAITING, figures.audit_waiting),
        (&names::AUDIT_LOST, figures.audit_lost),
    ] {
        page.whole(metric, value);
    }
}

pub(super) fn process(page: &mut Page, process: &Process) {
    for (metric, value) in [
        (&names::RESIDENT, process.resident),
        (&names::VIRTUAL, process.virtual_memory),
        (&names::FDS, process.open_files),
        (&names::MAX_FDS, process.most_files),
        (&names::THREADS, process.threads),
    ] {
        if let Some(value) = value {
            page.whole(metric, value);
        }
    }
    for (metric, value) in [
        (&names::CPU, process.cpu),
        (&names::STARTED, process.started),
    ] {
        if let Some(value) = value {
            page.add(metric, &[], Value::Real(value));
        }
    }
}

pub(super) fn build(page: &mut Page) {
    let words = [
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    ];
    page.add(&names::BUILD, &words, Value::Words);
}
