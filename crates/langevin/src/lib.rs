//! Annealed Langevin sampling of lattices and atomic positions
