use std::sync::Arc;

use datafusion::catalog::CatalogProviderList;
use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionConfig;
use godwit_catalog::{CATALOG, Catalog, DEFAULT_SCHEMA};

use crate::granting::FUNCTIONS;
use crate::settings::Bounds;

/// The session state that all sessions start from. Making it takes long, copying it does not.
pub(super) fn base_state(catalog: &Catalog, bounds: &Bounds, env: Arc<RuntimeEnv>) -> SessionState {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, DEFAULT_SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_batch_size(bounds.batch_rows())
        .with_target_partitions(bounds.target_partitions());
    let execution = &mut config.options_mut().execution;
    execution.time_zone = Some("UTC".to_owned());
    execution.planning_concurrency = bounds.target_partitions();
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), catalog.provider());
    let functions = FUNCTIONS.map(|answer| Arc::new(ScalarUDF::from(answer.function())));
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(env)
        .with_catalog_list(Arc::new(catalogs))
        .with_default_features()
        .build();
    for function in functions {
        // None of the engine's own functions is called so.
        let _ = state.register_udf(function);
    }
    state
}
