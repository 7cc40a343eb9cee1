//! Queries that pass over a few rows once: they run in one part, since to deal their rows out takes longer than to look at
//! them.

use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{LogicalPlan, TableScan};

use crate::total;

/// How many rows are few.
const ROWS: u64 = 1 << 18;

/// Whether an analysed plan only filters and computes what it reads from one table of few rows.
pub(super) fn is_lookup(plan: &LogicalPlan) -> bool {
    let mut node = plan;
    loop {
        node = match node {
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::Filter(filter) => &filter.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Limit(limit) => &limit.input,
            LogicalPlan::TableScan(scan) => return is_small(scan),
            _ => return false,
        };
    }
}

fn is_small(scan: &TableScan) -> bool {
    let table = source_as_provider(&scan.source);
    table.is_ok_and(|table| total::of_table(table.as_ref()).is_some_and(|rows| rows <= ROWS))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
    use async_trait::async_trait;
    use datafusion::catalog::{Session, TableProvider};
    use datafusion::common::Statistics;
    use datafusion::common::stats::Precision;
    use datafusion::datasource::provider_as_source;
    use datafusion::error::Result;
    use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableType, col, lit};
    use datafusion::physical_plan::ExecutionPlan;
    use datafusion::physical_plan::empty::EmptyExec;

    use super::*;

    #[derive(Debug)]
    struct Counted(u64);

    #[async_trait]
    impl TableProvider for Counted {
        fn schema(&self) -> SchemaRef {
            Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]))
        }

        fn table_type(&self) -> TableType {
            TableType::Base
        }

        fn statistics(&self) -> Option<Statistics> {
            Some(Statistics {
                num_rows: Precision::Exact(usize::try_from(self.0).ok()?),
                ..Statistics::new_unknown(&self.schema())
            })
        }

        async fn scan(
            &self,
            _: &dyn Session,
            _: Option<&Vec<usize>>,
            _: &[Expr],
            _: Option<usize>,
        ) -> Result<Arc<dyn ExecutionPlan>> {
            Ok(Arc::new(EmptyExec::new(self.schema())))
        }
    }

    fn over(rows: u64) -> LogicalPlanBuilder {
        let table = provider_as_source(Arc::new(Counted(rows)));
        LogicalPlanBuilder::scan("t", table, None).unwrap()
    }

    fn looks_up(plan: LogicalPlanBuilder) -> bool {
        is_lookup(&plan.build().unwrap())
    }

    #[test]
    fn a_filter_over_few_rows_looks_up() {
        let filtered = |rows| over(rows).filter(col("a").eq(lit(1_i64))).unwrap();
        assert!(looks_up(filtered(ROWS).project([col("a")]).unwrap()));
        assert!(!looks_up(filtered(ROWS + 1)));
    }

    #[test]
    fn what_gathers_rows_does_not() {
        assert!(!looks_up(
            over(10).sort([col("a").sort(true, true)]).unwrap()
        ));
        assert!(!looks_up(over(10).distinct().unwrap()));
        assert!(!looks_up(
            over(10).union(over(10).build().unwrap()).unwrap()
        ));
    }
}
