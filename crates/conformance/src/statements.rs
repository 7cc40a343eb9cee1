//! SQL that nearly every dialect takes: no table, no function but `repeat`.

use std::fmt::Write;

/// Ten rows, joined with themselves for powers of ten.
const DIGITS: &str = "WITH d AS (SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL \
                      SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL \
                      SELECT 9)";

/// 10,000 rows of 1,000 characters in order, 10 MB: a message with a batch of the usual size would be too large.
pub(crate) fn wide() -> String {
    numbers(4, ", repeat('x', 1000) AS t", " ORDER BY 1")
}

/// 100,000 rows, 30 MB, which no buffer on the way holds, so that it runs until it is read. No more than that, since some
/// servers collect a whole result before they send it.
pub(crate) fn long() -> String {
    numbers(5, ", repeat('x', 300) AS t", "")
}

/// The same rows, none left.
pub(crate) fn empty(sql: &str) -> String {
    format!("SELECT * FROM ({sql}) AS q WHERE 1 = 0")
}

/// What planners describe differently from what they run: nullability of aggregates, literals and nulls.
pub(crate) const AGGREGATES: &str = "SELECT count(*) AS c, min(q.a) AS m, sum(q.a) AS s, CAST(NULL AS BIGINT) AS z, \
                                     'text' AS t FROM (SELECT 1 AS a UNION ALL SELECT 2) AS q";

/// Makes the temporary table that update probes need.
pub(crate) fn create_temporary(table: &str) -> String {
    format!("CREATE TEMPORARY TABLE {table} AS SELECT CAST(1 AS BIGINT) AS a")
}

fn numbers(digits: u32, columns: &str, tail: &str) -> String {
    let mut sum = String::new();
    let mut from = String::new();
    for digit in 0..digits {
        let (plus, join) = if digit == 0 {
            ("", "")
        } else {
            (" + ", " CROSS JOIN ")
        };
        // Writing to a string cannot fail.
        let _ = write!(sum, "{plus}{} * d{digit}.i", 10_u64.pow(digit));
        let _ = write!(from, "{join}d d{digit}");
    }
    format!("{DIGITS} SELECT {sum} AS n{columns} FROM {from}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_join_a_table_for_each_digit() {
        let sql = numbers(2, ", 'x' AS t", " ORDER BY 1");
        let tail =
            "SELECT 1 * d0.i + 10 * d1.i AS n, 'x' AS t FROM d d0 CROSS JOIN d d1 ORDER BY 1";
        assert!(sql.starts_with(DIGITS) && sql.ends_with(tail), "{sql}");
    }
}
