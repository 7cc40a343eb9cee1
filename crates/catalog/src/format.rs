use datafusion::common::parsers::CompressionTypeVariant as Compression;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use godwit_config::{Mount, MountFormat};

/// What kind of file it is, by its name or by the operator's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Format {
    Parquet,
    Csv,
    Ndjson,
    Arrow,
    Avro,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrow",
            Self::Avro => "avro",
        }
    }

    /// Text carries no types: those of its columns are a guess from the first rows.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Ndjson)
    }
}

/// All that must be known of a file before its first byte is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Encoding {
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    /// Whether the first CSV line holds the names of the columns.
    pub(crate) header: bool,
    /// Between two CSV fields.
    pub(crate) delimiter: u8,
}

impl Encoding {
    /// The encoding of a file of this name, or `None` when the name says nothing and the mount leaves it to the name.
    pub(crate) fn recognize(name: &str, mount: &Mount) -> Option<Self> {
        let (stem, compression) = split_compression(name);
        let extension = stem
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_ascii_lowercase());
        let extension = extension.as_deref().unwrap_or_default();
        let format = match mount.format {
            MountFormat::Auto => by_extension(extension)?,
            MountFormat::Parquet => Format::Parquet,
            MountFormat::Csv => Format::Csv,
            MountFormat::Ndjson => Format::Ndjson,
            MountFormat::Arrow => Format::Arrow,
            MountFormat::Avro => Format::Avro,
        };
        let compressed = compression != Compression::UNCOMPRESSED;
        if compressed && !format.is_text() && mount.format == MountFormat::Auto {
            return None;
        }
        let delimiter = match mount.delimiter {
            ',' if extension == "tsv" => b'\t',
            other => u8::try_from(other).unwrap_or(b','),
        };
        let compression = if format.is_text() {
            compression
        } else {
            Compression::UNCOMPRESSED
        };
        Some(Self {
            format,
            compression,
            header: mount.header,
            delimiter,
        })
    }

    pub(crate) fn compression(&self) -> FileCompressionType {
        self.compression.into()
    }
}

/// The table name for a file or folder: its stem in the form of an SQL identifier that needs no quotes.
pub(crate) fn table_name(entry: &str, is_file: bool) -> String {
    let stem = if is_file {
        let (stem, _) = split_compression(entry);
        stem.rsplit_once('.').map_or(stem, |(stem, _)| stem)
    } else {
        entry
    };
    let mut name = String::with_capacity(stem.len() + 1);
    if !stem.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        name.push('_');
    }
    for c in stem.chars() {
        if c.is_alphanumeric() || c == '_' {
            name.extend(c.to_lowercase());
        } else {
            name.push('_');
        }
    }
    name
}

fn by_extension(extension: &str) -> Option<Format> {
    Some(match extension {
        "parquet" | "parq" | "pq" => Format::Parquet,
        "csv" | "tsv" => Format::Csv,
        "ndjson" | "jsonl" | "json" => Format::Ndjson,
        "arrow" | "arrows" | "feather" | "ipc" => Format::Arrow,
        "avro" => Format::Avro,
        _ => return None,
    })
}

fn split_compression(name: &str) -> (&str, Compression) {
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return (name, Compression::UNCOMPRESSED);
    };
    match extension.to_ascii_lowercase().as_str() {
        "gz" | "gzip" => (stem, Compression::GZIP),
        "bz2" => (stem, Compression::BZIP2),
        "xz" => (stem, Compression::XZ),
        "zst" | "zstd" => (stem, Compression::ZSTD),
        _ => (name, Compression::UNCOMPRESSED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognize(name: &str) -> Option<(Format, Compression)> {
        Encoding::recognize(name, &Mount::new("x")).map(|found| (found.format, found.compression))
    }

    #[test]
    fn names_tell_the_format() {
        use Compression::{BZIP2, GZIP, UNCOMPRESSED, XZ, ZSTD};
        assert_eq!(
            recognize("a.parquet"),
            Some((Format::Parquet, UNCOMPRESSED))
        );
        assert_eq!(recognize("A.CSV"), Some((Format::Csv, UNCOMPRESSED)));
        assert_eq!(recognize("a.csv.gz"), Some((Format::Csv, GZIP)));
        assert_eq!(recognize("a.tsv.bz2"), Some((Format::Csv, BZIP2)));
        assert_eq!(recognize("a.jsonl.xz"), Some((Format::Ndjson, XZ)));
        assert_eq!(recognize("a.2024.ndjson.zst"), Some((Format::Ndjson, ZSTD)));
        assert_eq!(recognize("a.arrows"), Some((Format::Arrow, UNCOMPRESSED)));
        assert_eq!(recognize("a.avro"), Some((Format::Avro, UNCOMPRESSED)));
        for unknown in ["README", "a.txt", "a.parquet.gz", "a.gz", "parquet"] {
            assert_eq!(recognize(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_given_format_beats_the_name() {
        let mount = Mount {
            format: MountFormat::Csv,
            ..Mount::new("x")
        };
        let found = Encoding::recognize("export.dat.gz", &mount).unwrap();
        assert_eq!(
            (found.format, found.compression),
            (Format::Csv, Compression::GZIP)
        );
    }

    #[test]
    fn tab_is_the_default_of_tsv_alone() {
        let tsv = |mount: &Mount| Encoding::recognize("a.tsv", mount).unwrap().delimiter;
        assert_eq!(tsv(&Mount::new("x")), b'\t');
        assert_eq!(
            tsv(&Mount {
                delimiter: ';',
                ..Mount::new("x")
            }),
            b';'
        );
    }

    #[test]
    fn table_names_need_no_quotes() {
        assert_eq!(table_name("Orders.parquet", true), "orders");
        assert_eq!(table_name("sales.2024.csv.gz", true), "sales_2024");
        assert_eq!(table_name("2024-q1.csv", true), "_2024_q1");
        assert_eq!(table_name("v1.5", false), "v1_5");
        assert_eq!(table_name("Größe", false), "größe");
    }
}
