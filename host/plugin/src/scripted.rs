//! A plugin whose answers a test writes down.
