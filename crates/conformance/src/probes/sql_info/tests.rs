use arrow_flight::sql::SqlInfo;
use arrow_flight::sql::metadata::SqlInfoDataBuilder;

use super::*;

#[test]
fn members_are_read_by_code() {
    let mut builder = SqlInfoDataBuilder::new();
    builder.append(SqlInfo::FlightSqlServerName, "Heron");
    builder.append(SqlInfo::FlightSqlServerReadOnly, true);
    builder.append(SqlInfo::SqlIdentifierCase, 3_i64);
    builder.append(SqlInfo::SqlOuterJoinsSupportLevel, 7_i32);
    let batch = builder.build().unwrap().record_batch([]).unwrap();
    let rows = Rows {
        schema: Some(batch.schema()),
        batches: vec![batch],
        largest: 0,
    };
    let found = members(&rows).unwrap();
    assert_eq!(
        found,
        BTreeMap::from([(0, TEXT), (3, BOOL), (503, BIGINT), (528, BITMASK)])
    );
    for (code, member) in found {
        assert!(expected(code).contains(&member), "{code}");
    }
}

#[test]
fn disputed_codes_may_be_either() {
    for code in [503, 505, 507, 562] {
        assert_eq!(expected(code), [BIGINT, BITMASK]);
    }
    assert_eq!(expected(541), [BIGINT]);
    assert_eq!(expected(576), [BOOL]);
}
