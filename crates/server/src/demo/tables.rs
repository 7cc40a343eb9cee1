use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow,
    RecordBatchIterator, RegionArrow, SupplierArrow,
};

/// A table of TPC-H.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    LineItem,
    Orders,
    PartSupp,
    Customer,
    Part,
    Supplier,
    Nation,
    Region,
}

/// All tables, the large ones first, so that no thread is left with a large one at the end.
pub(super) const ALL: [Table; 8] = [
    Table::LineItem,
    Table::Orders,
    Table::PartSupp,
    Table::Customer,
    Table::Part,
    Table::Supplier,
    Table::Nation,
    Table::Region,
];

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LineItem => "lineitem",
            Self::Orders => "orders",
            Self::PartSupp => "partsupp",
            Self::Customer => "customer",
            Self::Part => "part",
            Self::Supplier => "supplier",
            Self::Nation => "nation",
            Self::Region => "region",
        }
    }

    pub(super) fn file(self) -> String {
        format!("{}.parquet", self.name())
    }

    /// How many rows the table has at a scale; for line items the mean, since each order draws one to seven of them.
    pub(super) fn rows(self, scale: f64) -> u64 {
        let rows = match self {
            Self::LineItem => 4 * OrderGenerator::calculate_row_count(scale, 1, 1),
            Self::Orders => OrderGenerator::calculate_row_count(scale, 1, 1),
            Self::PartSupp => 4 * PartSuppGenerator::calculate_row_count(scale, 1, 1),
            Self::Customer => CustomerGenerator::calculate_row_count(scale, 1, 1),
            Self::Part => PartGenerator::calculate_row_count(scale, 1, 1),
            Self::Supplier => SupplierGenerator::calculate_row_count(scale, 1, 1),
            Self::Nation => 25,
            Self::Region => 5,
        };
        u64::try_from(rows).unwrap_or_default()
    }

    /// The table's rows at a scale, in batches.
    pub(super) fn batches(self, scale: f64) -> Box<dyn RecordBatchIterator> {
        match self {
            Self::LineItem => Box::new(LineItemArrow::new(LineItemGenerator::new(scale, 1, 1))),
            Self::Orders => Box::new(OrderArrow::new(OrderGenerator::new(scale, 1, 1))),
            Self::PartSupp => Box::new(PartSuppArrow::new(PartSuppGenerator::new(scale, 1, 1))),
            Self::Customer => Box::new(CustomerArrow::new(CustomerGenerator::new(scale, 1, 1))),
            Self::Part => Box::new(PartArrow::new(PartGenerator::new(scale, 1, 1))),
            Self::Supplier => Box::new(SupplierArrow::new(SupplierGenerator::new(scale, 1, 1))),
            Self::Nation => Box::new(NationArrow::new(NationGenerator::new(scale, 1, 1))),
            Self::Region => Box::new(RegionArrow::new(RegionGenerator::new(scale, 1, 1))),
        }
    }
}
