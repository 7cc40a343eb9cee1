use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::CommandGetTableTypes;
use godwit_engine::TableKind;

use super::built;
use crate::Result;

const KINDS: [TableKind; 4] = [
    TableKind::Table,
    TableKind::View,
    TableKind::SystemTable,
    TableKind::Temporary,
];

pub(super) fn schema() -> SchemaRef {
    CommandGetTableTypes {}.into_builder().schema()
}

pub(super) fn rows() -> Result<RecordBatch> {
    let mut builder = CommandGetTableTypes {}.into_builder();
    KINDS.iter().for_each(|kind| builder.append(name(*kind)));
    built(builder.build())
}

/// The type as clients are told it.
pub(super) fn name(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Table => "TABLE",
        TableKind::View => "VIEW",
        TableKind::SystemTable => "SYSTEM TABLE",
        TableKind::Temporary => "TEMPORARY TABLE",
    }
}

/// Whether a table passes the filter, in whatever way the client spells the types. No types is all types.
pub(crate) fn is_wanted(kind: TableKind, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| means(wanted, kind))
}

fn means(wanted: &str, kind: TableKind) -> bool {
    let synonyms: &[&str] = match kind {
        TableKind::Table => &["TABLE", "BASE TABLE"],
        TableKind::View => &["VIEW"],
        TableKind::SystemTable => &["SYSTEM TABLE"],
        TableKind::Temporary => &["TEMPORARY TABLE", "LOCAL TEMPORARY", "GLOBAL TEMPORARY"],
    };
    synonyms
        .iter()
        .any(|name| name.eq_ignore_ascii_case(wanted.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_all_their_names() {
        let wanted = |types: &[&str]| types.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        assert!(is_wanted(TableKind::Table, &[]));
        for spelling in ["TABLE", "BASE TABLE", "table"] {
            assert!(is_wanted(TableKind::Table, &wanted(&["VIEW", spelling])));
            assert!(!is_wanted(TableKind::View, &wanted(&[spelling])));
            assert!(!is_wanted(TableKind::SystemTable, &wanted(&[spelling])));
        }
        assert!(is_wanted(
            TableKind::Temporary,
            &wanted(&["LOCAL TEMPORARY"])
        ));
        assert!(!is_wanted(TableKind::Table, &wanted(&["SYNONYM"])));
    }
}
