//! What is wrong with a program: told when it is built, with the step at which it shows.

use crate::schema::DataType;

/// Why a program cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DslError {
    /// A name that no column has.
    #[error("{step}: there is no column {column}; there are: {}", columns.join(", "))]
    NoColumn {
        /// What was being built.
        step: String,
        /// The name.
        column: String,
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// A name that several columns have.
    #[error("{step}: column {column} is ambiguous: say {}", candidates.join(" or "))]
    Ambiguous {
        /// What was being built.
        step: String,
        /// The name.
        column: String,
        /// What would be right.
        candidates: Vec<String>,
    },
    /// An operation on types that do not go together.
    #[error("{step}: {operation} of {left} and {right} means nothing: cast one of them")]
    Types {
        /// What was being built.
        step: String,
        /// The operation.
        operation: String,
        /// Type of the left operand.
        left: DataType,
        /// Type of the right operand.
        right: DataType,
    },
    /// An expression of another type than is needed.
    #[error("{step}: {expected} is needed, not {found}")]
    Expected {
        /// What was being built.
        step: String,
        /// What is needed.
        expected: String,
        /// What was found.
        found: DataType,
    },
    /// A step that needs something else.
    #[error("{step}: {why}")]
    Step {
        /// What was being built.
        step: String,
        /// What is wrong, and what would be right.
        why: String,
    },
}
