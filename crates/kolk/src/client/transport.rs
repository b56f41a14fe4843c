//! Byte streams to brokers: TCP, and TLS over it.
