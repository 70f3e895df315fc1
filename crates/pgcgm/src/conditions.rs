//! What a crystal is asked to be, on a device: its group and its elements.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use tensor_ops::{RowIndex, gather_rows};

use crate::ElementSet;
use crate::elements::N_FEATURES;
use crate::groups::{Group, N_GROUPS, N_OPERATIONS};

/// Numbers of an operation as a 4 × 4 matrix.
const ENTRIES: usize = 16;

/// A group and three elements, by their places in the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) group: usize,
    pub(crate) elements: [usize; 3],
}

/// The lists on a device: all that depends on a group or an element.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    device: Device,
    n_elements: usize,
    /// `[20, 4·4·192]`.
    symmetry: Tensor<2>,
    /// `[20·192, 12]`: rotation and translation of each operation, the identity where there is none.
    operations: Tensor<2>,
    /// `[20, 9]`.
    ties: Tensor<2>,
    /// `[20, 2]`: cosine and sine of the angle between a and b.
    angles: Tensor<2>,
    /// `[n, 23]`.
    features: Tensor<2>,
    /// `[n, 1]`, Å.
    radii: Tensor<2>,
}

/// Conditions of B crystals on a device.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    /// The operations as affine 4 × 4 matrices, one channel each, zeros where there are fewer than 192,
    /// `[B, 4, 4, 192]`.
    pub(crate) symmetry: Tensor<4>,
    /// Row i: how the tied length i is averaged from the three, `[B, 3, 3]`.
    pub(crate) ties: Tensor<3>,
    /// Cosine of the angle between a and b, `[B, 1]`.
    pub(crate) cosine: Tensor<2>,
    /// Its sine, `[B, 1]`.
    pub(crate) sine: Tensor<2>,
    /// `[B, 3, 23]`.
    pub(crate) features: Tensor<3>,
    /// Atomic radii, Å, `[B, 3]`.
    pub(crate) radii: Tensor<2>,
}

impl Tables {
    pub(crate) fn new(set: ElementSet, device: &Device) -> Self {
        let elements = set.table();
        let n_elements = elements.species.len();
        let matrix = |values: Vec<f32>, shape: [usize; 2]| Tensor::from_data(TensorData::new(values, shape), device);
        let of_groups = |numbers: fn(&Group) -> Vec<f32>| (0..N_GROUPS).flat_map(move |k| numbers(Group::get(k)));
        let root = 0.75_f32.sqrt();
        let angle = |k: usize| if Group::get(k).is_hexagonal { [-0.5, root] } else { [0.0, 1.0] };
        Self {
            symmetry: matrix(of_groups(channels).collect(), [N_GROUPS, ENTRIES * N_OPERATIONS]),
            operations: matrix(of_groups(rows).collect(), [N_GROUPS * N_OPERATIONS, 12]),
            ties: matrix(of_groups(|group| group.ties.concat()).collect(), [N_GROUPS, 9]),
            angles: matrix((0..N_GROUPS).flat_map(angle).collect(), [N_GROUPS, 2]),
            features: matrix(elements.features.concat(), [n_elements, N_FEATURES]),
            radii: matrix(elements.radii.iter().map(|radius| whole::single(*radius)).collect(), [n_elements, 1]),
            n_elements,
            device: device.clone(),
        }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn conditions(&self, conditions: &[Condition]) -> Conditions {
        let n = conditions.len();
        let groups: Vec<u32> = conditions.iter().map(|condition| whole::compact(condition.group)).collect();
        let groups = RowIndex::new(&groups, N_GROUPS, &self.device);
        let elements: Vec<u32> =
            conditions.iter().flat_map(|condition| condition.elements.map(|element| whole::compact(element))).collect();
        let elements = RowIndex::new(&elements, self.n_elements, &self.device);
        let angles = gather_rows(self.angles.clone(), &groups);
        Conditions {
            symmetry: gather_rows(self.symmetry.clone(), &groups).reshape([n, 4, 4, N_OPERATIONS]),
            ties: gather_rows(self.ties.clone(), &groups).reshape([n, 3, 3]),
            cosine: angles.clone().narrow(1, 0, 1),
            sine: angles.narrow(1, 1, 1),
            features: gather_rows(self.features.clone(), &elements).reshape([n, 3, N_FEATURES]),
            radii: gather_rows(self.radii.clone(), &elements).reshape([n, 3]),
        }
    }

    /// Rotations `[B, 192, 9]` and translations `[B, 192, 3]` of the groups; behind the operations of a group stands
    /// the identity.
    pub(crate) fn operations(&self, conditions: &[Condition]) -> (Tensor<3>, Tensor<3>) {
        let n = conditions.len();
        let row = |condition: &Condition| {
            let first = whole::compact(condition.group * N_OPERATIONS);
            first..first + whole::compact(N_OPERATIONS)
        };
        let rows: Vec<u32> = conditions.iter().flat_map(row).collect();
        let rows = RowIndex::new(&rows, N_GROUPS * N_OPERATIONS, &self.device);
        let all = gather_rows(self.operations.clone(), &rows).reshape([n, N_OPERATIONS, 12]);
        (all.clone().narrow(2, 0, 9), all.narrow(2, 9, 3))
    }
}

/// The 16 entries of all operations, operation by operation within an entry.
fn channels(group: &Group) -> Vec<f32> {
    let mut values = vec![0.0; ENTRIES * N_OPERATIONS];
    for (channel, operation) in group.operations.iter().enumerate() {
        let mut set = |row: usize, column: usize, value: f64| {
            values[(4 * row + column) * N_OPERATIONS + channel] = whole::single(value);
        };
        for row in 0..3 {
            (0..3).for_each(|column| set(row, column, f64::from(operation.rotation[(row, column)])));
            set(row, 3, operation.translation[row]);
        }
        set(3, 3, 1.0);
    }
    values
}

/// Rotation and translation of all operations.
fn rows(group: &Group) -> Vec<f32> {
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let of_group = group.operations.iter().flat_map(|operation| {
        let rotation = (0..9).map(|k| whole::single(f64::from(operation.rotation[(k / 3, k % 3)])));
        rotation.chain(operation.translation.iter().map(|x| whole::single(*x))).collect::<Vec<_>>()
    });
    let missing = N_OPERATIONS - group.operations.len();
    of_group.chain(std::iter::repeat_n(identity, missing).flatten()).collect()
}
