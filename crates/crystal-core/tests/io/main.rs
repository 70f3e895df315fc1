//! Reading and writing structures.

mod cases;
mod cif;
mod data;
mod formats;
mod kinds;
mod kinds_evidence;
mod kinds_sites;
mod kinds_words;
mod own_files;
mod poscar;
