//! Numbers that the catalog gives to what it holds.

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        })*
    };
}

id! {
    /// A state of the whole lake. Each commit makes the next one.
    SnapshotId,
    /// A schema. Negative while the transaction that makes it has not committed.
    SchemaId,
    /// A table. Negative while the transaction that makes it has not committed.
    TableId,
    /// A view. Negative while the transaction that makes it has not committed.
    ViewId,
    /// A column of one table, for as long as it lives, whatever it is called.
    ColumnId,
    /// A data file.
    FileId,
}
