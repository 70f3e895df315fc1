//! What the tests share: a potential of pairs and random crystals.

#![allow(dead_code, reason = "each test file uses a part of this module")]

pub mod crystals;
pub mod pairs;
