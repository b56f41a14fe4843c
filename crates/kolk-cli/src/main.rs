//! The command `kolk`.
fn main() {}
