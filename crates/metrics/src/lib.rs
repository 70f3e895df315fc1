//! Fingerprints, coverage, Frechet distance and validity of crystal structures
