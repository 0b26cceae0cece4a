//! From records to exchanges: which connection, which direction, what was missed.
//!
//! Keeps one protocol machine per connection, puts the record's bytes to it in stream order, and hands
//! finished exchanges on with the facts of their connection. Bounded: the least recently used connection
//! gives way. What it does not do: parse (the `protocols` crate does) or name things (spans do).

mod connection;
mod digest;
mod machine;
mod output;
mod stream;
mod table;
#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use machine::MachineLimits;
pub use output::Finished;
pub use table::{Connections, Limits};
