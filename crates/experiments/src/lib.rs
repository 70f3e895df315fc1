//! Runs the experiments of the paper (arXiv 2310.10695) from RON files.

pub mod ablation;
pub mod cgcnn_training;
pub mod csp;
pub mod csp_formula;
pub mod figures;
pub mod hull_agreement;
pub mod hull_reference;
mod journal;
pub mod parity;
pub mod plot;
pub mod prior;
pub mod progress;
pub mod published;
mod relaxing;
pub mod report;
pub mod robustness;
pub mod run_options;
mod sampling;
pub mod stability;
pub mod statistics;
pub mod table;
pub mod table1;
pub mod table2;
pub mod table3;
pub mod throughput;
pub mod wyckoff_model;
