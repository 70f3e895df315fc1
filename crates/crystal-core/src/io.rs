//! Reading and writing structures.
