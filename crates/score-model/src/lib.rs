//! Score networks on the crystal multigraph, their losses, training and checkpoints
