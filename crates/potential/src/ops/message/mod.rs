//! Messages: products of the neighbours' features with the harmonics of the edges, weighted by the radial network,
//! summed over neighbours.
//!
//! For an edge e from receiver i to sender j with vector r, length d and direction u = r/d, path p = (a, b, c), channel
//! w and component k, `M_c(i)[k, p w] = Σ_e R_p(d)[w]·Σ_i' T_p(u)[i', k]·g_a(j)[i', w]` with
//! `T_p[i', k] = Σ_j' K_i'j'k Y_bj'(u)`.
//!
//! Given the gradient G by M, with `y = Σ_k T[i', k]·G[k]` the gradients are `R·y` by g, and by r along u `Σ R'·g·y`,
//! along a tangent τ `Σ R·g·y_τ/d`, where y_τ is y with the derivative of Y along τ in T's place.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "cpu")]
pub(crate) mod flex;
#[cfg(test)]
pub(crate) mod reference;
