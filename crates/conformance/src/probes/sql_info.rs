use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::UInt32Type;
use arrow_flight::sql::CommandGetSqlInfo;

use crate::client::command;
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};
use crate::rows::Rows;
use crate::schemas;

#[cfg(test)]
mod tests;

const TEXT: i8 = 0;
const BOOL: i8 = 1;
const BIGINT: i8 = 2;
const BITMASK: i8 = 3;
const TEXTS: i8 = 4;
const MAP: i8 = 5;

/// Names of the union's members, by their number.
const MEMBERS: [&str; 6] = [
    "string",
    "bool",
    "bigint",
    "int32 bitmask",
    "list of strings",
    "map",
];

pub(super) async fn all(lab: Lab) -> Outcome {
    let rows = asked(&lab, vec![]).await?;
    match schemas::difference(rows.schema()?, &schemas::sql_info()) {
        Some(difference) => Ok(Finding::partly(difference)),
        None if rows.count() == 0 => Ok(Finding::partly("no row")),
        None => Ok(Finding::yes(format_args!("{} row(s)", rows.count()))),
    }
}

/// The code that ADBC asks for at every connect.
pub(super) async fn one(lab: Lab) -> Outcome {
    const TRANSACTIONS: u32 = 8;
    let rows = asked(&lab, vec![TRANSACTIONS]).await?;
    match schemas::difference(rows.schema()?, &schemas::sql_info()) {
        Some(difference) => Ok(Finding::partly(difference)),
        None if rows.count() == 1 => Ok(Finding::yes("code 8 only")),
        None => Ok(Finding::partly(format_args!(
            "{} rows instead of 1",
            rows.count()
        ))),
    }
}

/// Drivers read each fact from the member of the union that they expect, some without looking: a wrong one is a crash or
/// garbage, and a missing one an error.
pub(super) async fn complete(lab: Lab) -> Outcome {
    let rows = asked(&lab, vec![]).await?;
    let found = members(&rows)?;
    let mut missing = Vec::new();
    for code in (0..=8).chain(500..=576) {
        match found.get(&code) {
            None => missing.push(code),
            Some(member) if !expected(code).contains(member) => {
                let name = |member: i8| {
                    usize::try_from(member)
                        .ok()
                        .and_then(|at| MEMBERS.get(at))
                        .unwrap_or(&"?")
                };
                let (is, should) = (name(*member), name(expected(code)[0]));
                return Ok(Finding::no(format_args!(
                    "code {code} is a {is}, drivers read a {should}"
                )));
            }
            Some(_) => {}
        }
    }
    if let Some(own) = found.keys().find(|code| **code >= 10_000) {
        return Ok(Finding::no(format_args!(
            "code {own} is not of the standard, on which JDBC fails"
        )));
    }
    match missing.as_slice() {
        [] => Ok(Finding::yes(format_args!("{} facts", found.len()))),
        [first, ..] => Ok(Finding::partly(format_args!(
            "{} codes missing, the first is {first}",
            missing.len()
        ))),
    }
}

async fn asked(lab: &Lab, info: Vec<u32>) -> Outcome<Rows> {
    let client = lab.client().await?;
    lab::rows(&client, command(&CommandGetSqlInfo { info })).await
}

/// Which member of the union each code is in.
fn members(rows: &Rows) -> Outcome<BTreeMap<u32, i8>> {
    let mut members = BTreeMap::new();
    for batch in &rows.batches {
        let columns = (batch.num_columns() == 2).then(|| (batch.column(0), batch.column(1)));
        let columns = columns.and_then(|(codes, values)| {
            let codes = codes.as_primitive_opt::<UInt32Type>()?;
            Some((codes, values.as_union_opt()?))
        });
        let Some((codes, values)) = columns else {
            return Err(Finding::no("the columns are not a code and a union"));
        };
        for row in 0..batch.num_rows() {
            members.insert(codes.value(row), values.type_id(row));
        }
    }
    Ok(members)
}

/// The members that drivers read a code from. Where the specification names another one than they do, both will do.
fn expected(code: u32) -> &'static [i8] {
    match code {
        0..=2 | 6 | 7 | 504 | 513 | 514 | 529..=531 => &[TEXT],
        503 | 505 | 507 | 562 => &[BIGINT, BITMASK],
        541..=555 | 557..=561 => &[BIGINT],
        508..=512 => &[TEXTS],
        517 => &[MAP],
        8 | 100 | 101 | 522 | 525 | 526 | 528 | 533..=535 | 538 | 540 | 564 | 567..=571 => {
            &[BITMASK]
        }
        _ => &[BOOL],
    }
}
