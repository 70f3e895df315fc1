//! What the kernels look up: space groups, and which structure, site and image is where in a batch.

use crystal_core::whole;
use crystal_core::{Centring, CrystalState, CrystalSystem, SpaceGroup, SpaceGroupNumber};
use multigraph::GroupTable;

/// Integers per structure, see [`STRUCTURE_FIELDS`].
pub(super) const STRUCTURE_WIDTH: usize = 12;
/// First site of the structure in the batch.
pub(super) const FIRST_SITE: usize = 0;
/// Number of its sites.
pub(super) const N_SITES: usize = 1;
/// First row of its group among the operations.
pub(super) const FIRST_OPERATION: usize = 2;
/// Number of primitive operations.
pub(super) const N_OPERATIONS: usize = 3;
/// First entry of its group among the products.
pub(super) const FIRST_PRODUCT: usize = 4;
/// First image in the batch.
pub(super) const FIRST_IMAGE: usize = 5;
/// First pair of a site and an image in the batch.
pub(super) const FIRST_PAIR: usize = 6;
/// Row of the centring.
pub(super) const CENTRING: usize = 7;
/// Which lattice coordinate gives the length of b, and of c; that of a is the first.
pub(super) const LENGTH_OF_B: usize = 8;
/// See [`LENGTH_OF_B`].
pub(super) const LENGTH_OF_C: usize = 9;
/// Which angles are not right ones: [`RIGHT`], [`HEXAGONAL`], [`MONOCLINIC`] or [`TRICLINIC`].
pub(super) const ANGLES: usize = 10;
/// Number of free lattice coordinates.
pub(super) const N_FREE: usize = 11;

/// All angles are right ones.
pub(super) const RIGHT: i32 = 0;
/// γ = 120°.
pub(super) const HEXAGONAL: i32 = 1;
/// β is free.
pub(super) const MONOCLINIC: i32 = 2;
/// All angles are free.
pub(super) const TRICLINIC: i32 = 3;

/// Integers per operation: nine of the rotation, three of the translation in units of 1/24, the inverse, three of its shift.
pub(super) const OPERATION_WIDTH: usize = 16;
/// Where the translation stands in an operation's row.
pub(super) const TRANSLATION: usize = 9;
/// Where the index of the inverse stands.
pub(super) const INVERSE: usize = 12;
/// Where the inverse's shift stands.
pub(super) const INVERSE_SHIFT: usize = 13;
/// Translations are multiples of one over this.
pub(super) const DENOMINATOR: f32 = GroupTable::DENOMINATOR as f32;

/// Numbers per Wyckoff position, see `crystal_core::FreeCoordinates`: rows of A, b, rows of L, rows of L·M, degrees of freedom.
pub(super) const POSITION_WIDTH: usize = 31;
/// Rows of A.
pub(super) const DIRECTIONS: usize = 0;
/// b.
pub(super) const ORIGIN: usize = 9;
/// Rows of L.
pub(super) const TO_FREE: usize = 12;
/// Rows of L·M.
pub(super) const DISPLACEMENT_TO_FREE: usize = 21;
/// Degrees of freedom.
pub(super) const FREEDOM: usize = 30;

const CENTRINGS: [Centring; 6] = [Centring::P, Centring::A, Centring::C, Centring::I, Centring::F, Centring::R];

/// The operations and Wyckoff positions of all 230 space groups.
#[derive(Default)]
pub(super) struct GroupTables {
    /// `[rows, OPERATION_WIDTH]`.
    pub operations: Vec<i32>,
    /// Index of o∘h of each group, `[n, n]` one after the other.
    pub products: Vec<i32>,
    /// Rows of `M` with primitive = M · conventional lattice, `[6, 3, 3]`.
    pub centrings: Vec<f32>,
    /// Wyckoff positions of all groups, `[rows, POSITION_WIDTH]`.
    pub positions: Vec<f32>,
    /// First row of each group in `operations`, first entry in `products`, first row in `positions`.
    first: Vec<(usize, usize, usize)>,
}

impl GroupTables {
    /// Made once per device.
    pub(super) fn new() -> Self {
        let mut tables = Self::default();
        for number in SpaceGroupNumber::all() {
            let space_group = SpaceGroup::get(number);
            let group = GroupTable::get(space_group);
            let first_position = tables.positions.len() / POSITION_WIDTH;
            tables.first.push((tables.operations.len() / OPERATION_WIDTH, tables.products.len(), first_position));
            for position in space_group.wyckoff_positions() {
                let free = position.free_coordinates();
                // Row by row: nalgebra iterates by columns.
                let numbers = [
                    free.directions().transpose(),
                    free.to_free().transpose(),
                    free.displacement_to_free().transpose(),
                ];
                let [directions, to_free, displacement_to_free] = numbers.map(|matrix| matrix.map(whole::single));
                tables.positions.extend(directions.iter());
                tables.positions.extend(free.origin().map(whole::single).iter());
                tables.positions.extend(to_free.iter().chain(displacement_to_free.iter()));
                tables.positions.push(free.n_free() as f32);
            }
            for operation in 0..group.len() {
                let rotation = group.rotations[operation].transpose();
                tables.operations.extend(rotation.iter());
                tables.operations.extend(group.numerators[operation].iter());
                tables.operations.push(whole::compact_signed(group.inverse[operation]));
                tables.operations.extend(group.inverse_shift[operation].iter());
                tables
                    .products
                    .extend((0..group.len()).map(|other| whole::compact_signed(group.product(operation, other))));
            }
        }
        tables.centrings = CENTRINGS
            .iter()
            .flat_map(|centring| {
                centring.to_primitive().transpose().iter().map(|x| whole::single(*x)).collect::<Vec<_>>()
            })
            .collect();
        tables
    }
}

/// Where everything of a batch is; what does not change while its structures move.
#[derive(Default)]
pub(super) struct Layout {
    /// `[S, STRUCTURE_WIDTH]`.
    pub structures: Vec<i32>,
    /// Structure of each site, `[N]`.
    pub site_structure: Vec<i32>,
    /// Wyckoff position of each site, `[N]`: a row of [`GroupTables::positions`].
    pub site_position: Vec<i32>,
    /// Site of each image, `[I]`.
    pub image_site: Vec<i32>,
    /// Number of pairs of a site and an image of the same structure.
    pub n_pairs: usize,
}

impl Layout {
    pub(super) fn new<'a>(states: impl Iterator<Item = &'a CrystalState>, tables: &GroupTables) -> Self {
        let mut layout = Self::default();
        for (structure, state) in states.enumerate() {
            let group = state.space_group;
            let (first_operation, first_product, first_position) = tables.first[usize::from(group.number().get()) - 1];
            let (n_sites, n_operations) = (state.sites.len(), group.primitive_operations().len());
            let centring =
                CENTRINGS.iter().position(|known| *known == group.centring()).expect("all centrings are listed");
            let (length_of_b, length_of_c, angles) = match group.system() {
                CrystalSystem::Cubic => (0, 0, RIGHT),
                CrystalSystem::Tetragonal => (0, 1, RIGHT),
                CrystalSystem::Trigonal | CrystalSystem::Hexagonal => (0, 1, HEXAGONAL),
                CrystalSystem::Orthorhombic => (1, 2, RIGHT),
                CrystalSystem::Monoclinic => (1, 2, MONOCLINIC),
                CrystalSystem::Triclinic => (1, 2, TRICLINIC),
            };
            let mut row = [0; STRUCTURE_WIDTH];
            row[FIRST_SITE] = whole::compact_signed(layout.site_structure.len());
            row[N_SITES] = whole::compact_signed(n_sites);
            row[FIRST_OPERATION] = whole::compact_signed(first_operation);
            row[N_OPERATIONS] = whole::compact_signed(n_operations);
            row[FIRST_PRODUCT] = whole::compact_signed(first_product);
            row[FIRST_IMAGE] = whole::compact_signed(layout.image_site.len());
            row[FIRST_PAIR] = whole::compact_signed(layout.n_pairs);
            row[CENTRING] = whole::compact_signed(centring);
            row[LENGTH_OF_B] = length_of_b;
            row[LENGTH_OF_C] = length_of_c;
            row[ANGLES] = angles;
            row[N_FREE] = whole::compact_signed(state.coordinates().n_free());
            layout.structures.extend(row);
            for bound in &state.sites {
                let site = whole::compact_signed(layout.site_structure.len());
                layout.image_site.extend(std::iter::repeat_n(site, n_operations));
                layout.site_structure.push(whole::compact_signed(structure));
                layout.site_position.push(whole::compact_signed(first_position + bound.position()));
            }
            layout.n_pairs += n_sites * n_sites * n_operations;
        }
        layout
    }
}
