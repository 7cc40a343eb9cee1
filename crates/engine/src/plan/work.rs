//! From a syntax tree whose names are looked up to an analysed plan.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::OptimizerConfig;
use datafusion::sql::parser::Statement as Tree;

use super::Shape;
use crate::infer::Types;
use crate::names::Resolved;
use crate::{Error, Result, duplicates, size};

/// The part of planning that only computes.
pub(crate) struct Work<'a> {
    pub(crate) session: &'a SessionState,
    pub(crate) resolved: &'a Resolved,
    pub(crate) max_depth: usize,
    pub(crate) also: &'a [Tree],
    pub(crate) shape: Option<&'a Shape<'a>>,
}

impl Work<'_> {
    pub(crate) fn plan(
        &self,
        mut tree: Tree,
        parameters: &[String],
        given: Option<SchemaRef>,
    ) -> Result<(LogicalPlan, SchemaRef, SchemaRef)> {
        let mut planned = self.plan_with_types(&tree, parameters, given.clone());
        if let Err(error) = &planned
            && duplicates::are_the_cause(error)
            && duplicates::rename(&mut tree)
            && let Ok(again) = self.plan_with_types(&tree, parameters, given)
        {
            planned = Ok(again);
        }
        drop(tree);
        let (logical, parameters) = planned.map_err(translate)?;
        size::check(&logical, self.max_depth)?;
        let logical = self.analyse(logical).map_err(translate)?;
        let schema = Arc::new(duplicates::restore(&promise(logical.schema()), &logical));
        Ok((logical, schema, parameters))
    }

    /// Plans twice when there are parameters: first to see where they stand, then with their types.
    fn plan_with_types(
        &self,
        tree: &Tree,
        parameters: &[String],
        given: Option<SchemaRef>,
    ) -> EngineResult<(LogicalPlan, SchemaRef)> {
        if parameters.is_empty() {
            return Ok((self.to_plan(tree, Vec::new())?, Arc::new(Schema::empty())));
        }
        let schema = match given {
            Some(schema) => schema,
            None => self.infer(tree, parameters)?,
        };
        let fields = schema
            .fields()
            .iter()
            .map(|field| Some(FieldRef::clone(field)))
            .collect();
        Ok((self.to_plan(tree, fields)?, schema))
    }

    /// Looks at a plan whose parameters have no types. Some operators and functions do not take those, so a few types
    /// are tried in their place; what the context says overrules them.
    fn infer(&self, tree: &Tree, parameters: &[String]) -> EngineResult<SchemaRef> {
        let mut first_error = None;
        for probe in [
            None,
            Some(DataType::Int64),
            Some(DataType::Utf8),
            Some(DataType::Float64),
        ] {
            let mut types = Types::unknown(parameters.len(), probe);
            match self.to_plan(tree, types.probe_fields()) {
                Ok(plan) => {
                    types.learn(&plan)?;
                    return Ok(types.schema(parameters));
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error
            .unwrap_or_else(|| DataFusionError::Internal("no type was tried".to_owned())))
    }

    fn to_plan(&self, tree: &Tree, parameters: Vec<Option<FieldRef>>) -> EngineResult<LogicalPlan> {
        let plan =
            |tree| godwit_planner::plan(self.session, self.resolved, tree, parameters.clone());
        let planned = plan(tree)?;
        match self.shape {
            Some(shape) => shape(
                planned,
                self.also.iter().map(plan).collect::<EngineResult<_>>()?,
            ),
            None => Ok(planned),
        }
    }

    fn analyse(&self, plan: LogicalPlan) -> EngineResult<LogicalPlan> {
        if matches!(plan, LogicalPlan::Explain(_)) {
            return Ok(plan);
        }
        self.session
            .analyzer()
            .execute_and_check(plan, &self.session.options(), |_, _| {})
    }
}

/// The schema of a result: names, types and nullability of the columns. What a file says about itself stays there.
fn promise(schema: &DFSchema) -> Schema {
    Schema::new(schema.fields().clone())
}

fn translate(error: DataFusionError) -> Error {
    Error::from_datafusion(&error, "plan")
}
