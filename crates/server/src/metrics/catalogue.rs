//! Every metric, once. docs/metrics.md is made of this.

/// What kind of numbers a metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, until the server starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Observations by classes of size.
    Histogram,
    /// What it says is in its labels.
    Info,
}

/// What the numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Bytes,
}

/// A metric as it is described to people and to scrapers.
#[derive(Debug)]
pub(super) struct Metric {
    /// Its name without unit and ending.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Option<Unit>,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

impl Metric {
    /// The name with unit and ending, as queries have it. A histogram's series end in `_bucket`, `_sum` and `_count`.
    #[cfg(test)]
    pub(super) fn full_name(&self) -> String {
        let unit = match self.unit {
            Some(Unit::Seconds) => "_seconds",
            Some(Unit::Bytes) => "_bytes",
            None => "",
        };
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{ending}", self.name)
    }
}

macro_rules! unit {
    () => {
        None
    };
    ($unit:ident) => {
        Some(Unit::$unit)
    };
}

macro_rules! catalogue {
    ($($metric:ident = $kind:ident($($unit:ident)?) $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) static $metric: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            unit: unit!($($unit)?),
            labels: &[$($label),*],
            help: $help,
        };)*

        /// All of them, in the order in which they are shown.
        pub(super) static ALL: &[&Metric] = &[$(&$metric),*];
    };
}

catalogue! {
    READY = Gauge() "godwit_ready" [] "Whether queries are to be sent: 1, or 0 while the readiness query fails or the server stops, as /readyz says";
    LAKE_UP = Gauge() "godwit_lake_up" [] "Whether the catalog of durable tables answers: 1 or 0";

    CALLS = Counter() "godwit_calls" ["method", "code"] "Calls that have ended, by their gRPC code";
    CALL_TIME = Histogram(Seconds) "godwit_call_duration" ["method"] "How long calls took, from the first byte of the request to the last of the answer";
    CALLS_RUNNING = Gauge() "godwit_calls_running" ["method"] "Calls that have not ended";
    CONNECTIONS = Gauge() "godwit_connections" [] "Connections that are open and ready for calls";
    ACCEPTED = Counter() "godwit_connections_accepted" [] "Connections that were accepted, those included whose TLS handshake failed";
    RECEIVED = Counter(Bytes) "godwit_received" [] "What clients sent, before encryption";
    SENT = Counter(Bytes) "godwit_sent" [] "What was sent to clients, before encryption";
    AUTHENTICATIONS = Counter() "godwit_authentications" ["proof", "outcome"] "How often a caller proved, or failed to prove, who it is";

    STATEMENTS = Counter() "godwit_statements" ["kind", "outcome"] "Statements that have ended: finished, failed, cancelled by their client, or killed";
    STATEMENT_TIME = Histogram(Seconds) "godwit_statement_duration" ["kind"] "How long statements took, from their arrival to their last row";
    PHASE_TIME = Histogram(Seconds) "godwit_statement_phase_duration" ["phase"] "How long statements were in each phase; phases that were not entered are not counted";
    STATEMENT_ROWS = Counter() "godwit_statement_rows" ["kind"] "Rows that statements gave or changed";
    STATEMENT_BYTES = Counter(Bytes) "godwit_statement_rows" ["kind"] "What these rows took in memory";
    SPILLED = Counter(Bytes) "godwit_statement_spilled" ["kind"] "What statements wrote to disk for want of memory";
    STATEMENTS_NOW = Gauge() "godwit_statements_running" ["phase"] "Statements that have not ended, by what they do: queued, planning, executing";

    PLACES = Gauge() "godwit_admission_places" ["lane"] "How many may have a place at a time: query.max_running for what runs, query.max_planning for what plans or looks around";
    PLACES_TAKEN = Gauge() "godwit_admission_places_taken" ["lane"] "Places that are taken";
    WAITING = Gauge() "godwit_admission_waiting" ["lane"] "What waits for a place";
    REFUSED = Counter() "godwit_admission_refused" ["lane"] "What was refused because too many waited (query.max_queued), or it had waited too long (query.queue_timeout)";

    MEMORY_RESERVED = Gauge(Bytes) "godwit_memory_reserved" [] "What queries have reserved of the memory that they share";
    MEMORY_LIMIT = Gauge(Bytes) "godwit_memory_limit" [] "What they may reserve together: memory.limit";
    SPILL_USED = Gauge(Bytes) "godwit_spill_used" [] "What lies in the spill directory, kept results included";
    SPILL_LIMIT = Gauge(Bytes) "godwit_spill_limit" [] "What may lie there: memory.spill_limit";

    SESSIONS = Gauge() "godwit_sessions" [] "Sessions that are open";
    PREPARED = Gauge() "godwit_prepared_statements" [] "Prepared statements of all sessions";
    TRANSACTIONS = Gauge() "godwit_transactions" [] "Transactions that are open";
    RESULTS = Gauge() "godwit_kept_results" [] "Results on disk, of polled queries and of those in parts, those included that are being made";
    PLAN_CACHE = Counter() "godwit_plan_cache_lookups" ["outcome"] "How often the plan of a ticket was still there (hit) or made again (miss)";
    PLAN_REUSE = Counter() "godwit_plan_reuse_lookups" ["outcome"] "How often a query was planned before and used that plan (hit), and how often a text was planned (miss)";

    LAKE_COMMITS = Counter() "godwit_lake_commits" ["outcome"] "Transactions on durable tables that committed a change, that were refused because another one committed first, or that failed";
    LAKE_COMPACTED = Counter() "godwit_lake_compacted_files" [] "Small files of durable tables that were joined into larger ones";
    LAKE_REMOVED = Counter() "godwit_lake_removed_files" [] "Files of durable tables that no snapshot needs and that were removed";

    AUDIT_WAITING = Gauge() "godwit_audit_waiting_events" [] "Events of the audit log that are not written yet; bounded by audit.queue_events";
    AUDIT_LOST = Counter() "godwit_audit_lost_events" [] "Events of the audit log that were lost";

    BUILD = Info() "godwit_build" ["version", "os", "arch"] "Which program this is";
    CPU = Counter(Seconds) "process_cpu" [] "Processor time of the process, user and system";
    RESIDENT = Gauge(Bytes) "process_resident_memory" [] "Memory that the process holds";
    VIRTUAL = Gauge(Bytes) "process_virtual_memory" [] "Address space of the process";
    FDS = Gauge() "process_open_fds" [] "File descriptors that are open";
    MAX_FDS = Gauge() "process_max_fds" [] "File descriptors that may be open";
    THREADS = Gauge() "process_threads" [] "Threads of the process";
    STARTED = Gauge(Seconds) "process_start_time" [] "When the process started, since 1970";
}
