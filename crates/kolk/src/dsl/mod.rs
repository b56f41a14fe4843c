//! Programs in Rust: streams and tables, filtered, grouped, windowed and joined, as in SQL. What comes out is the same
//! [`Topology`](crate::topology::Topology).
//!
//! Columns go by name and know their types, so a program is checked when it is built, not when the first record comes.
//!
//! ```
//! use kolk::dsl::{Program, Windows, col, count, lit};
//! use kolk::schema::DataType;
//! use kolk::testing::{TestDriver, TestRecord};
//! use std::time::Duration;
//!
//! let program = Program::new();
//! let visits = program.stream("visits", [("page", DataType::String), ("private", DataType::Boolean)]);
//! visits
//!     .filter(col("private").equals(lit(false)))
//!     .group_by(["page"])
//!     .windowed_by(Windows::tumbling(Duration::from_secs(60)))
//!     .aggregate([count("visits")])
//!     .to("visits-by-page");
//! let topology = program.build()?;
//! println!("{topology}");
//!
//! let mut driver = TestDriver::new(&topology)?;
//! let visit = br#"{"page":"home","private":false}"#;
//! driver.pipe("visits", TestRecord::new(None, Some(visit), 1_704_097_200_000))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where columns are not enough, rows are values of a serde type, and closures see them ([`Typed`] says what that costs):
//!
//! ```
//! use kolk::dsl::{Program, Windows};
//! use kolk::testing::TestDriver;
//! use serde::{Deserialize, Serialize};
//! use std::time::Duration;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Visit {
//!     page: String,
//!     private: bool,
//! }
//!
//! let program = Program::new();
//! program
//!     .typed_stream::<Visit>("visits")
//!     .filter(|visit| !visit.private)
//!     .key_by(|visit| visit.page.to_lowercase())
//!     .group_by_key()
//!     .windowed_by(Windows::tumbling(Duration::from_secs(60)))
//!     .count()
//!     .to("visits-by-page");
//!
//! let mut driver = TestDriver::new(&program.build()?)?;
//! let visit = Visit { page: "Home".to_owned(), private: false };
//! driver.pipe_json("visits", &visit, 1_704_097_200_000)?;
//! let counts: Vec<serde_json::Value> = driver.read_json("visits-by-page")?;
//! assert_eq!((&counts[0]["key"], &counts[0]["count"]), (&"home".into(), &1.into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod expr;
mod program;
mod stream;
mod grouped;
mod joined;
mod process;
mod timestamp;
mod reflect;
mod typed;
mod error;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod typed_tests;

pub use error::DslError;
pub use expr::{Expr, col, lit, row_time};
pub use grouped::{
    Aggregation, Grouped, Windowed, Windows, avg, collect_list, collect_set, count, count_distinct,
    count_of, earliest, latest, max, min, sum, top_k,
};
pub use joined::{Joined, Within};
pub use process::{Emitter, Process, State};
pub use program::Program;
pub use stream::{Rows, Stream, Table};
pub use timestamp::Timestamp;
pub use typed::{Keyed, Record, Typed};
