//! kolk-sql
