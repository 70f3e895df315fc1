//! Druse: grow crystal structures for a chemical system and a space group
