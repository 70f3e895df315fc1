//! Batches one after the other: the host makes the next one while the device works.

use std::sync::mpsc;

use burn::Tensor;
use rayon::prelude::*;
use tensor_ops::{DeviceFailure, has_kernels};

use super::graph::SiteGraph;
use super::potential::{MAX_EDGES, Nequix, Outcome, Wanted, numbers};
use crate::PotentialError;

/// Edges of a batch where the host makes the next one meanwhile: enough to fill a GPU, and few enough that a call has
/// several.
const EDGES_AT_ONCE: usize = 250_000;
/// Crystals whose graphs are made together.
const GRAPHS_AT_ONCE: usize = 512;

impl Nequix {
    /// Results in the order of `items`; graphs are made as they are needed. On a device with kernels the host makes the
    /// graphs of the next batch, and sends them, while the device works on one.
    pub(super) fn all<T: Sync>(
        &self,
        items: &[T],
        graph: impl Fn(&T) -> Result<SiteGraph, PotentialError> + Sync,
        wanted: Wanted,
    ) -> Result<Vec<Outcome>, PotentialError> {
        let mut results = Results::new(self, wanted, items.len());
        if has_kernels(self.network.place().0) {
            results.piped(items, &graph, GRAPHS_AT_ONCE, EDGES_AT_ONCE)?;
        } else {
            let mut waiting = results.sound(0, self.graphs(items, &graph));
            while !waiting.is_empty() {
                let rest = waiting.split_off(self.fitting(&waiting, usize::MAX));
                results.run(&std::mem::replace(&mut waiting, rest))?;
            }
        }
        Ok(results.outcomes.into_iter().map(|outcome| outcome.expect("every graph was in a batch")).collect())
    }

    fn graphs<T: Sync>(
        &self,
        items: &[T],
        graph: &(impl Fn(&T) -> Result<SiteGraph, PotentialError> + Sync),
    ) -> Vec<Result<SiteGraph, PotentialError>> {
        let checked = |item: &T| graph(item).and_then(|graph| self.check_size(&graph).map(|()| graph));
        items.par_iter().map(checked).collect()
    }

    /// How many of the next graphs fit the device together and have this many edges at most; at least one.
    fn fitting(&self, graphs: &[(usize, SiteGraph)], most_edges: usize) -> usize {
        let (mut bytes, mut edges) = (0, 0);
        let fits = |(_, graph): &&(usize, SiteGraph)| {
            bytes += self.bytes(graph);
            edges += graph.n_edges() as u64;
            bytes <= self.batch_bytes && edges <= MAX_EDGES.min(most_edges as u64)
        };
        graphs.iter().take_while(fits).count().max(1)
    }
}

/// An evaluation that a device works on.
pub(super) struct Launched {
    pub energies: Tensor<2>,
    pub by_vectors: Option<Tensor<2>>,
}

/// Its numbers.
pub(super) struct Found {
    pub energies: Vec<f64>,
    pub by_vectors: Vec<f64>,
}

impl Launched {
    /// Waits for the device.
    pub fn read(self) -> Found {
        let by_vectors = self.by_vectors.map(Tensor::into_data);
        Found { energies: numbers(self.energies.into_data()), by_vectors: by_vectors.map(numbers).unwrap_or_default() }
    }
}

/// Graphs with their places among all.
type Placed = Vec<(usize, SiteGraph)>;

/// Results as batches end.
struct Results<'a> {
    of: &'a Nequix,
    wanted: Wanted,
    outcomes: Vec<Option<Outcome>>,
    /// The batch that the device works on.
    running: Option<(Placed, Launched)>,
}

impl<'a> Results<'a> {
    fn new(of: &'a Nequix, wanted: Wanted, n: usize) -> Self {
        Self { of, wanted, outcomes: (0..n).map(|_| None).collect(), running: None }
    }

    /// Evaluates everything in batches of about `edges` edges; a thread makes the graphs, so many crystals at once.
    fn piped<T: Sync>(
        &mut self,
        items: &[T],
        graph: &(impl Fn(&T) -> Result<SiteGraph, PotentialError> + Sync),
        crystals: usize,
        edges: usize,
    ) -> Result<(), PotentialError> {
        let of = self.of;
        let (sender, made) = mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for (nth, items) in items.chunks(crystals).enumerate() {
                    // Nobody receives any more after a failure.
                    if sender.send((nth * crystals, of.graphs(items, graph))).is_err() {
                        return;
                    }
                }
            });
            let mut waiting: Placed = Vec::new();
            for (first, graphs) in made {
                waiting.extend(self.sound(first, graphs));
                while waiting.iter().map(|(_, graph)| graph.n_edges()).sum::<usize>() >= edges {
                    self.start_next(&mut waiting, edges)?;
                }
            }
            while !waiting.is_empty() {
                self.start_next(&mut waiting, edges)?;
            }
            self.finish()
        })
    }

    fn start_next(&mut self, waiting: &mut Placed, edges: usize) -> Result<(), PotentialError> {
        let rest = waiting.split_off(self.of.fitting(waiting, edges));
        self.start(std::mem::replace(waiting, rest))
    }

    /// Those graphs that could be made; the errors of the others are results.
    fn sound(&mut self, first: usize, graphs: Vec<Result<SiteGraph, PotentialError>>) -> Placed {
        let mut sound = Vec::with_capacity(graphs.len());
        for (place, graph) in graphs.into_iter().enumerate() {
            match graph {
                Ok(graph) => sound.push((first + place, graph)),
                Err(error) => self.outcomes[first + place] = Some(Err(error)),
            }
        }
        sound
    }

    /// Sends a batch to the device, then waits for the one before it.
    fn start(&mut self, batch: Placed) -> Result<(), PotentialError> {
        let launched = self.of.caught(|| self.of.launch(&graphs_of(&batch), self.wanted));
        self.finish()?;
        match launched {
            Ok(launched) => {
                self.running = Some((batch, launched));
                Ok(())
            }
            // Alone it may fit, or in parts.
            Err(DeviceFailure::OutOfMemory(_)) => self.run(&batch),
            Err(failure) => Err(PotentialError::Device { reason: failure.to_string() }),
        }
    }

    /// Waits for the batch that the device works on.
    fn finish(&mut self) -> Result<(), PotentialError> {
        let Some((batch, launched)) = self.running.take() else { return Ok(()) };
        match self.of.caught(|| launched.read()) {
            Ok(found) => {
                let outcomes = self.of.outcomes(&graphs_of(&batch), &found, self.wanted);
                self.note(&batch, outcomes);
                Ok(())
            }
            Err(DeviceFailure::OutOfMemory(_)) => self.run(&batch),
            Err(failure) => Err(PotentialError::Device { reason: failure.to_string() }),
        }
    }

    /// Evaluates a batch by itself.
    fn run(&mut self, batch: &Placed) -> Result<(), PotentialError> {
        let outcomes = self.of.run(&graphs_of(batch), self.wanted)?;
        self.note(batch, outcomes);
        Ok(())
    }

    fn note(&mut self, batch: &Placed, outcomes: Vec<Outcome>) {
        for ((place, _), outcome) in batch.iter().zip(outcomes) {
            self.outcomes[*place] = Some(outcome);
        }
    }
}

fn graphs_of(batch: &Placed) -> Vec<&SiteGraph> {
    batch.iter().map(|(_, graph)| graph).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use crystal_core::{Lattice, Site, Structure};

    use super::*;

    #[test]
    fn batches_one_after_the_other_give_what_one_call_gives() {
        let potential = Nequix::bundled(&Device::flex()).expect("the potential");
        let chloride = |a: f64| {
            let site = |symbol: &str, x: f64| Site {
                species: symbol.parse().expect("an element"),
                frac_coords: [x; 3].into(),
            };
            let lattice = Lattice::from_rows([[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]]).expect("a cell");
            Structure::allowing_overlap(lattice, vec![site("Cs", 0.0), site("Cl", 0.5)]).expect("a structure")
        };
        // The third is refused: its atoms are on top of each other.
        let mut items: Vec<Structure> = (0..7).map(|k| chloride(4.0 + 0.05 * f64::from(k))).collect();
        items[2] = chloride(0.1);
        let elements = potential.elements_by_index();
        let graph = |item: &Structure| SiteGraph::of_structure(item, &elements);
        let whole = potential.all(&items, graph, Wanted::All).expect("no failure");
        for (crystals, edges) in [(1, 1), (2, 150), (3, 400), (9, usize::MAX)] {
            let mut results = Results::new(&potential, Wanted::All, items.len());
            results.piped(&items, &graph, crystals, edges).expect("no failure");
            assert!(results.running.is_none());
            for (place, (one, other)) in results.outcomes.into_iter().zip(&whole).enumerate() {
                match (one.expect("an outcome"), other) {
                    (Ok(one), Ok(other)) => {
                        assert!((one.energy - other.energy).abs() < 1e-5, "{place}: {} {}", one.energy, other.energy)
                    }
                    (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
                    (one, other) => panic!("{place}: {one:?} {other:?}"),
                }
            }
            assert!(whole[2].is_err() && whole.iter().filter(|outcome| outcome.is_err()).count() == 1);
        }
    }
}
