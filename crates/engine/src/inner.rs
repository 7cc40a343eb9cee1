//! What all clones of an engine share, and the steps that its methods run on the query runtime.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::Schema;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::planner::object_name_to_table_reference;
use godwit_audit::Auditor;
use godwit_auth::Directory;
use godwit_catalog::{Catalog, TableKind};
use godwit_config::Config;
use godwit_lake::Lake;
use godwit_protocol::StatementId;

use crate::admission::Admission;
use crate::audit::Watch;
use crate::bind::{Bound, check_bound};
use crate::cache::PlanCache;
use crate::caps::Caps;
use crate::change::{Scope, read_only, target_of};
use crate::check::{self, Class, Names, Write};
use crate::effect::{Effect, change_in};
use crate::granting::UserRules;
use crate::memory::Shares;
use crate::parse::{self, Parsed, Spoken};
use crate::plan::Planner;
use crate::recall::Recall;
use crate::results::Results;
use crate::running::Running;
use crate::runtime::QueryRuntime;
use crate::session::{Session, Sessions};
use crate::settings::Bounds;
use crate::statement::Body;
use crate::transactions::check_statement;
use crate::{Error, Prepared, Result, Statement, granting, memory, redacted, system, upkeep};

mod again;
mod base;
mod begin;

use base::base_state;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) runtime: QueryRuntime,
    /// Of what plans and lists, so that the system gives it time while queries take all they can.
    pub(crate) planning: QueryRuntime,
    pub(crate) admission: Admission,
    pub(crate) shares: Shares,
    pub(crate) caps: Arc<Caps>,
    pub(crate) planner: Planner,
    pub(crate) lake: Lake,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) plans: PlanCache,
    pub(crate) recall: Recall,
    /// Users, roles and grants.
    pub(crate) directory: Arc<Directory>,
    pub(crate) user_rules: UserRules,
    pub(crate) results: Arc<Results>,
    pub(crate) running: Arc<Running>,
    pub(crate) base: SessionState,
    pub(crate) max_parameter_bytes: u64,
    /// `lake.commit_retries`
    pub(crate) commit_retries: u32,
    /// `lake.orphan_grace`
    pub(crate) orphan_grace: Duration,
}

impl Inner {
    pub(crate) async fn start(
        config: &Config,
        auditor: Auditor,
        directory: Arc<Directory>,
    ) -> Result<Arc<Self>> {
        let caps = Arc::new(Caps::new(config));
        let bounds = Bounds::new(config, Arc::clone(&caps));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = config.query.worker_threads.unwrap_or(cores);
        let runtime = QueryRuntime::start("godwit-query", threads)?;
        let planning = QueryRuntime::start("godwit-plan", threads)?;
        let env = memory::runtime_env(config)?;
        let catalog = {
            let (config, env) = (config.clone(), Arc::clone(&env));
            let open = async move {
                Catalog::open(&config, env)
                    .await
                    .map_err(|error| Error::from_catalog(&error))
            };
            runtime.run("start", None, open).await?
        };
        let lake = {
            let (config, env) = (config.clone(), Arc::clone(&env));
            let open = async move {
                Lake::open(&config, &config.data_dir, env)
                    .await
                    .map_err(|error| Error::from_lake(&error, "start"))
            };
            runtime.run("start", None, open).await?
        };
        granting::attach(&runtime, &directory, &lake).await?;
        let results = Arc::new(Results::new(config, Arc::clone(&env.disk_manager)));
        let runtime_env = Arc::clone(&env);
        let shares = Shares::new(config, Arc::clone(&env));
        let base = base_state(&catalog, &bounds, env);
        let sessions = Arc::new(Sessions::new(
            config,
            catalog.clone(),
            lake.clone(),
            base.clone(),
            bounds,
            auditor.clone(),
        )?);
        let running = Arc::new(Running::new(Watch::start(auditor, config)?));
        system::register(config, &catalog, &lake, &sessions, &running, &directory);
        let inner = Arc::new(Self {
            runtime,
            planning,
            admission: Admission::new(config),
            shares,
            caps,
            planner: Planner::new(config, catalog, lake.clone(), runtime_env),
            lake,
            sessions,
            plans: PlanCache::new(config.statements.cached_plans, config.tickets.ttl),
            recall: Recall::new(config.query.plan_cache, config.statements.idle_timeout),
            directory,
            results,
            running,
            base,
            max_parameter_bytes: config.wire.max_request_bytes,
            commit_retries: config.lake.commit_retries,
            orphan_grace: config.lake.orphan_grace,
            user_rules: UserRules::new(&config.auth),
        });
        let idle = config
            .sessions
            .idle_timeout
            .min(config.statements.idle_timeout)
            .min(config.tickets.ttl)
            .min(config.results.ttl)
            .min(inner.sessions.transactions().idle_timeout());
        upkeep::start(&inner, idle, config.lake.maintenance_interval);
        Ok(inner)
    }

    /// Text to a statement that is ready to run. `parameters` are those that a ticket carries.
    pub(crate) async fn describe(
        &self,
        session: &Session,
        id: StatementId,
        sql: &str,
        parameters: Option<&[u8]>,
    ) -> Result<Statement> {
        let began = Instant::now();
        let (text, body) = self.read(session, &sql.into()).await?;
        let bound = match (&body, parameters) {
            (Body::Query(plan), Some(ipc)) => {
                Bound::decode(&plan.parameters, ipc, self.max_parameter_bytes)?
            }
            (Body::Query(_) | Body::Effect(_), _) => None,
        };
        self.ready(session, (id, began), text, body, bound.map(Arc::new), None)
    }

    pub(crate) async fn prepare(&self, session: &Session, sql: &str) -> Result<Prepared> {
        let (text, body) = self.read(session, &sql.into()).await?;
        session.statements().insert(text, body, session.place())
    }

    /// A prepared statement with its bound rows, planned again when what it reads has changed.
    pub(crate) async fn instantiate(
        &self,
        session: &Arc<Session>,
        id: StatementId,
    ) -> Result<Statement> {
        let began = Instant::now();
        let entry = session.statements().get(id)?;
        let session = &session.placed_for(entry.transaction.as_ref());
        let body = match &entry.body {
            Body::Query(plan)
                if !self
                    .planner
                    .is_current(plan, &session.state(), &session.seen().await?)
                    .await =>
            {
                let again = self.plan_again(session, &entry.prepared).await?;
                session.statements().replan(id, again.clone())?;
                again
            }
            body => body.clone(),
        };
        let promised = Arc::clone(&entry.prepared.dataset_schema);
        self.ready(
            session,
            (StatementId::random(), began),
            entry.prepared.sql,
            body,
            entry.bound,
            Some(promised),
        )
    }

    /// What a text says, checked, and the text as it may be shown.
    async fn read(&self, session: &Session, sql: &Arc<str>) -> Result<(Arc<str>, Body)> {
        if let Some(plan) = self.planned_before(session, sql).await? {
            return Ok((Arc::clone(sql), Body::Query(plan)));
        }
        match parse::parse_any(sql, self.planner.limits)? {
            Spoken::Statement(parsed) => {
                let text = Arc::clone(&parsed.sql);
                let body = self.analyse(session, parsed).await?;
                self.remember(session, sql, &body);
                Ok((text, body))
            }
            Spoken::Kill(kill) => Ok((Arc::clone(sql), Body::Effect(Effect::Kill(kill)))),
            Spoken::Access(access) => {
                self.check_access(session, &access).await?;
                let text = Arc::from(redacted(sql).as_ref());
                Ok((text, Body::Effect(Effect::Access(Arc::new(access)))))
            }
        }
    }

    async fn analyse(&self, session: &Session, parsed: Parsed) -> Result<Body> {
        match check::classify(&parsed.tree)? {
            Class::Query => {
                let (state, seen) = (session.state(), session.seen().await?);
                let plan = self.planner.plan(&state, &seen, parsed, None).await?;
                Ok(Body::Query(Arc::new(plan)))
            }
            Class::Setting(_) if !parsed.parameters.is_empty() => Err(Error::invalid(
                "a setting takes its value from the statement, not from a parameter",
            )),
            Class::Setting(change) => {
                session.check(&change).await?;
                Ok(Body::Effect(Effect::Setting(change)))
            }
            Class::Transaction(_) if !parsed.parameters.is_empty() => Err(Error::invalid(
                "a statement about transactions takes no parameters",
            )),
            Class::Transaction(statement) => {
                check_statement(session, &statement)?;
                Ok(Body::Effect(Effect::Transaction(statement)))
            }
            Class::Write(write) => {
                let checked = match &parsed.tree {
                    Tree::Statement(_) => Box::pin(self.check_change(session, &parsed)).await,
                    _ => Err(check::unexplained()),
                };
                match checked {
                    Ok(body) => Ok(body),
                    // That the table cannot be changed at all says more than what else is wrong.
                    Err(error) => Err(self.refuse(session, &write).await.unwrap_or(error)),
                }
            }
            Class::Define => Box::pin(self.check_change(session, &parsed)).await,
            Class::Definition if self.drops_temporary(session, &parsed)? => {
                Box::pin(self.check_change(session, &parsed)).await
            }
            Class::Definition | Class::Call | Class::Copy => {
                let parameters = self.check_definition(session, &parsed).await?;
                Ok(Body::Effect(Effect::Definition(parameters)))
            }
        }
    }

    /// Plans a change of tables to see that it can be made. Nothing is changed.
    async fn check_change(&self, session: &Session, parsed: &Parsed) -> Result<Body> {
        let scope = Scope {
            state: &session.state(),
            seen: &session.seen().await?,
            parameters: &parsed.parameters,
            given: None,
        };
        let change = change_in(parsed)?;
        let name = target_of(&change);
        let step = self.planner.change(scope, change).await?;
        if step.is_temporary() {
            session.changeable()?;
        }
        Ok(Body::Effect(Effect::of(&step, name)))
    }

    async fn plan_again(&self, session: &Session, prepared: &Prepared) -> Result<Body> {
        let parsed = parse::parse(&prepared.sql, self.planner.limits)?;
        let parameters = Arc::clone(&prepared.parameter_schema);
        let plan = self
            .planner
            .plan(
                &session.state(),
                &session.seen().await?,
                parsed,
                Some(parameters),
            )
            .await?;
        if plan.schema.fields() != prepared.dataset_schema.fields() {
            return Err(Error::Conflict {
                message: "the tables of the prepared statement changed, and its rows have other columns now; prepare it again"
                    .to_owned(),
            });
        }
        Ok(Body::Query(Arc::new(plan)))
    }

    fn ready(
        &self,
        session: &Session,
        (id, began): (StatementId, Instant),
        sql: Arc<str>,
        body: Body,
        bound: Option<Arc<Bound>>,
        promised: Option<arrow::datatypes::SchemaRef>,
    ) -> Result<Statement> {
        let (parameters, is_private) = match &body {
            Body::Query(plan) => (Arc::clone(&plan.parameters), plan.resolved.is_temporary()),
            // It may hold a password.
            Body::Effect(Effect::Access(_)) => (Arc::new(Schema::empty()), true),
            Body::Effect(effect) => (effect.parameters(), false),
        };
        check_bound(&parameters, bound.as_deref())?;
        let (caller, planning) = (session.caller(), began.elapsed());
        let statement = Statement::new(id, caller, sql, body, bound, promised, planning);
        // A plan that is kept would keep the rows of temporary tables that have changed or gone since.
        if !is_private {
            self.plans.insert(&statement);
        }
        Ok(statement)
    }

    /// Why a table cannot be written to, unless it is a temporary or durable one.
    async fn refuse(&self, session: &Session, write: &Write) -> Option<Error> {
        let verb = write.verb;
        let reference = write
            .table
            .clone()
            .and_then(|name| object_name_to_table_reference(name, true).ok());
        let Some(reference) = reference else {
            return Some(Error::unsupported(format!(
                "{verb} of anything but a table is not supported"
            )));
        };
        let state = session.state();
        let names = Names {
            tables: [reference.clone()].into(),
            ..Names::default()
        };
        let seen = match session.seen().await {
            Ok(seen) => seen,
            Err(error) => return Some(error),
        };
        let lookup = self.planner.finder(&state, &seen);
        let resolved = lookup.resolve(&names).await;
        match resolved.get(&reference) {
            Ok(table) if table.kind == TableKind::Temporary => None,
            Ok(table) => match seen.durable(&table.schema, &table.name).await {
                Ok(Some(_)) => None,
                Ok(None) => Some(read_only(verb, table)),
                Err(error) => Some(Error::from_catalog(&error)),
            },
            Err(error) => Some(error),
        }
    }
}
