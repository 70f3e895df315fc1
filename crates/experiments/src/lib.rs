//! Runs the experiments of the paper from RON files
