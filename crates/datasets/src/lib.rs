//! Crystal data sets: MP-20, embedded prototypes, download and cache
