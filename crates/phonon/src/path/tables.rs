//! Special points and paths of the extended Bravais lattices: tables 69 to 94 of Hinuma, Pizzi, Kumagai, Oba & Tanaka, Comput. Mater.
//! Sci. 128 (2017) 140, as their reference implementation (seekpath 2.2.2) has them.

/// One extended Bravais lattice.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its symbol.
    pub(super) name: &'static str,
    /// Labels and coordinates in the reciprocal basis of the paper's primitive cell, separated by semicolons. A coordinate is a sum of
    /// fractions and parameters.
    pub(super) points: &'static str,
    /// The path; a bar where it is interrupted.
    pub(super) path: &'static str,
}

/// All of them, by symbol.
pub(super) const ENTRIES: [Entry; 29] = [
    Entry {
        name: "aP2",
        points: "Γ 0 0 0; Z 0 0 1/2; Y 0 1/2 0; X 1/2 0 0; V 1/2 1/2 0; U 1/2 0 1/2; T 0 1/2 1/2; R 1/2 1/2 1/2",
        path: "Γ X|Y Γ Z|R Γ T|U Γ V",
    },
    Entry {
        name: "aP3",
        points: "Γ 0 0 0; Z 0 0 1/2; Y 0 1/2 0; Y_2 0 -1/2 0; X 1/2 0 0; V_2 1/2 -1/2 0; U_2 -1/2 0 1/2; \
                 T_2 0 -1/2 1/2; R_2 -1/2 -1/2 1/2",
        path: "Γ X|Y Γ Z|R_2 Γ T_2|U_2 Γ V_2",
    },
    Entry {
        name: "cF1",
        points: "Γ 0 0 0; X 1/2 0 1/2; L 1/2 1/2 1/2; W 1/2 1/4 3/4; W_2 3/4 1/4 1/2; K 3/8 3/8 3/4; \
                 U 5/8 1/4 5/8",
        path: "Γ X U|K Γ L W X W_2",
    },
    Entry {
        name: "cF2",
        points: "Γ 0 0 0; X 1/2 0 1/2; L 1/2 1/2 1/2; W 1/2 1/4 3/4; W_2 3/4 1/4 1/2; K 3/8 3/8 3/4; \
                 U 5/8 1/4 5/8",
        path: "Γ X U|K Γ L W X",
    },
    Entry { name: "cI1", points: "Γ 0 0 0; H 1/2 -1/2 1/2; P 1/4 1/4 1/4; N 0 0 1/2", path: "Γ H N Γ P H|P N" },
    Entry {
        name: "cP1",
        points: "Γ 0 0 0; R 1/2 1/2 1/2; M 1/2 1/2 0; X 0 1/2 0; X_1 1/2 0 0",
        path: "Γ X M Γ R X|R M X_1",
    },
    Entry {
        name: "cP2",
        points: "Γ 0 0 0; R 1/2 1/2 1/2; M 1/2 1/2 0; X 0 1/2 0; X_1 1/2 0 0",
        path: "Γ X M Γ R X|R M",
    },
    Entry {
        name: "hP1",
        points: "Γ 0 0 0; A 0 0 1/2; K 1/3 1/3 0; H 1/3 1/3 1/2; H_2 1/3 1/3 -1/2; M 1/2 0 0; L 1/2 0 1/2",
        path: "Γ M K Γ A L H A|L M|H K H_2",
    },
    Entry {
        name: "hP2",
        points: "Γ 0 0 0; A 0 0 1/2; K 1/3 1/3 0; H 1/3 1/3 1/2; H_2 1/3 1/3 -1/2; M 1/2 0 0; L 1/2 0 1/2",
        path: "Γ M K Γ A L H A|L M|H K",
    },
    Entry {
        name: "hR1",
        points: "Γ 0 0 0; T 1/2 1/2 1/2; L 1/2 0 0; L_2 0 -1/2 0; L_4 0 0 -1/2; F 1/2 0 1/2; F_2 1/2 1/2 0; \
                 S_0 N -N 0; S_2 1-N 0 N; S_4 N 0 -N; S_6 1-N N 0; H_0 1/2 -1+Y 1-Y; H_2 Y 1-Y 1/2; \
                 H_4 Y 1/2 1-Y; H_6 1/2 1-Y -1+Y; M_0 N -1+Y N; M_2 1-N 1-Y 1-N; M_4 Y N N; M_6 1-N 1-N 1-Y; \
                 M_8 N N -1+Y",
        path: "Γ T H_2|H_0 L Γ S_0|S_2 F Γ",
    },
    Entry {
        name: "hR2",
        points: "Γ 0 0 0; T 1/2 -1/2 1/2; P_0 H -1+H H; P_2 H H H; R_0 1-H -H -H; M 1-N -N 1-N; M_2 N -1+N -1+N; \
                 L 1/2 0 0; F 1/2 -1/2 0",
        path: "Γ L T P_0|P_2 Γ F",
    },
    Entry {
        name: "mC1",
        points: "Γ 0 0 0; Y_2 -1/2 1/2 0; Y_4 1/2 -1/2 0; A 0 0 1/2; M_2 -1/2 1/2 1/2; V 1/2 0 0; V_2 0 1/2 0; \
                 L_2 0 1/2 1/2; C 1-S 1-S 0; C_2 -1+S S 0; C_4 S -1+S 0; D -1+P P 1/2; D_2 1-P 1-P 1/2; \
                 E -1+Z 1-Z 1-H; E_2 -Z Z H; E_4 Z -Z 1-H",
        path: "Γ C|C_2 Y_2 Γ M_2 D|D_2 A Γ|L_2 Γ V_2",
    },
    Entry {
        name: "mC2",
        points: "Γ 0 0 0; Y 1/2 1/2 0; A 0 0 1/2; M 1/2 1/2 1/2; V_2 0 1/2 0; L_2 0 1/2 1/2; F -1+P 1-P 1-S; \
                 F_2 1-P P S; F_4 P 1-P 1-S; H -Z Z X; H_2 Z 1-Z 1-X; H_4 Z -Z 1-X; G -M M D; G_2 M 1-M -D; \
                 G_4 M -M -D; G_6 1-M M D",
        path: "Γ Y M A Γ|L_2 Γ V_2",
    },
    Entry {
        name: "mC3",
        points: "Γ 0 0 0; Y 1/2 1/2 0; A 0 0 1/2; M_2 -1/2 1/2 1/2; V 1/2 0 0; V_2 0 1/2 0; L_2 0 1/2 1/2; \
                 I -1+R R 1/2; I_2 1-R 1-R 1/2; K -U U W; K_2 -1+U 1-U 1-W; K_4 1-U U W; H -Z Z E; \
                 H_2 Z 1-Z 1-E; H_4 Z -Z 1-E; N -F F D; N_2 F 1-F -D; N_4 F -F -D; N_6 1-F F D",
        path: "Γ A I_2|I M_2 Γ Y|L_2 Γ V_2",
    },
    Entry {
        name: "mP1",
        points: "Γ 0 0 0; Z 0 1/2 0; B 0 0 1/2; B_2 0 0 -1/2; Y 1/2 0 0; Y_2 -1/2 0 0; C 1/2 1/2 0; \
                 C_2 -1/2 1/2 0; D 0 1/2 1/2; D_2 0 1/2 -1/2; A -1/2 0 1/2; E -1/2 1/2 1/2; H -Y 0 1-N; \
                 H_2 -1+Y 0 N; H_4 -Y 0 -N; M -Y 1/2 1-N; M_2 -1+Y 1/2 N; M_4 -Y 1/2 -N",
        path: "Γ Z D B Γ A E Z C_2 Y_2 Γ",
    },
    Entry {
        name: "oA1",
        points: "Γ 0 0 0; Y -1/2 1/2 0; T -1/2 1/2 1/2; Z 0 0 1/2; S 0 1/2 0; R 0 1/2 1/2; Σ_0 X X 0; \
                 C_0 -X 1-X 0; A_0 X X 1/2; E_0 -X 1-X 1/2",
        path: "Γ Y C_0|Σ_0 Γ Z A_0|E_0 T Y|Γ S R Z T",
    },
    Entry {
        name: "oA2",
        points: "Γ 0 0 0; Y 1/2 1/2 0; T 1/2 1/2 1/2; T_2 1/2 1/2 -1/2; Z 0 0 1/2; Z_2 0 0 -1/2; S 0 1/2 0; \
                 R 0 1/2 1/2; R_2 0 1/2 -1/2; Δ_0 -X X 0; F_0 X 1-X 0; B_0 -X X 1/2; B_2 -X X -1/2; \
                 G_0 X 1-X 1/2; G_2 X 1-X -1/2",
        path: "Γ Y F_0|Δ_0 Γ Z B_0|G_0 T Y|Γ S R Z T",
    },
    Entry {
        name: "oC1",
        points: "Γ 0 0 0; Y -1/2 1/2 0; T -1/2 1/2 1/2; Z 0 0 1/2; S 0 1/2 0; R 0 1/2 1/2; Σ_0 X X 0; \
                 C_0 -X 1-X 0; A_0 X X 1/2; E_0 -X 1-X 1/2",
        path: "Γ Y C_0|Σ_0 Γ Z A_0|E_0 T Y|Γ S R Z T",
    },
    Entry {
        name: "oC2",
        points: "Γ 0 0 0; Y 1/2 1/2 0; T 1/2 1/2 1/2; T_2 1/2 1/2 -1/2; Z 0 0 1/2; Z_2 0 0 -1/2; S 0 1/2 0; \
                 R 0 1/2 1/2; R_2 0 1/2 -1/2; Δ_0 -X X 0; F_0 X 1-X 0; B_0 -X X 1/2; B_2 -X X -1/2; \
                 G_0 X 1-X 1/2; G_2 X 1-X -1/2",
        path: "Γ Y F_0|Δ_0 Γ Z B_0|G_0 T Y|Γ S R Z T",
    },
    Entry {
        name: "oF1",
        points: "Γ 0 0 0; T 1 1/2 1/2; Z 1/2 1/2 0; Y 1/2 0 1/2; Σ_0 0 H H; U_0 1 1-H 1-H; A_0 1/2 1/2+J J; \
                 C_0 1/2 1/2-J 1-J; L 1/2 1/2 1/2",
        path: "Γ Y T Z Γ Σ_0|U_0 T|Y C_0|A_0 Z|Γ L",
    },
    Entry {
        name: "oF2",
        points: "Γ 0 0 0; T 0 1/2 1/2; Z 1/2 1/2 1; Y 1/2 0 1/2; Λ_0 K K 0; Q_0 1-K 1-K 1; G_0 1/2-J 1-J 1/2; \
                 H_0 1/2+J J 1/2; L 1/2 1/2 1/2",
        path: "Γ T Z Y Γ Λ_0|Q_0 Z|T G_0|H_0 Y|Γ L",
    },
    Entry {
        name: "oF3",
        points: "Γ 0 0 0; T 0 1/2 1/2; Z 1/2 1/2 0; Y 1/2 0 1/2; A_0 1/2 1/2+H H; C_0 1/2 1/2-H 1-H; \
                 B_0 1/2+K 1/2 K; D_0 1/2-K 1/2 1-K; G_0 P 1/2+P 1/2; H_0 1-P 1/2-P 1/2; L 1/2 1/2 1/2",
        path: "Γ Y C_0|A_0 Z B_0|D_0 T G_0|H_0 Y|T Γ Z|Γ L",
    },
    Entry {
        name: "oI1",
        points: "Γ 0 0 0; X 1/2 1/2 -1/2; S 1/2 0 0; R 0 1/2 0; T 0 0 1/2; W 1/4 1/4 1/4; Σ_0 -Z Z Z; \
                 F_2 Z 1-Z -Z; Y_0 H -H H; U_0 1-H H -H; L_0 -N N 1/2-D; M_0 N -N 1/2+D; J_0 1/2-D 1/2+D -N",
        path: "Γ X F_2|Σ_0 Γ Y_0|U_0 X|Γ R W S Γ T W",
    },
    Entry {
        name: "oI2",
        points: "Γ 0 0 0; X -1/2 1/2 1/2; S 1/2 0 0; R 0 1/2 0; T 0 0 1/2; W 1/4 1/4 1/4; Y_0 Z -Z Z; \
                 U_2 -Z Z 1-Z; Λ_0 H H -H; G_2 -H 1-H H; K 1/2-D -N N; K_2 1/2+D N -N; K_4 -N 1/2-D 1/2+D",
        path: "Γ X U_2|Y_0 Γ Λ_0|G_2 X|Γ R W S Γ T W",
    },
    Entry {
        name: "oI3",
        points: "Γ 0 0 0; X 1/2 -1/2 1/2; S 1/2 0 0; R 0 1/2 0; T 0 0 1/2; W 1/4 1/4 1/4; Σ_0 -Y Y Y; \
                 F_0 Y -Y 1-Y; Λ_0 Z Z -Z; G_0 1-Z -Z Z; V_0 M 1/2-D -M; H_0 -M 1/2+D M; H_2 1/2+D -M 1/2-D",
        path: "Γ X F_0|Σ_0 Γ Λ_0|G_0 X|Γ R W S Γ T W",
    },
    Entry {
        name: "oP1",
        points: "Γ 0 0 0; X 1/2 0 0; Z 0 0 1/2; U 1/2 0 1/2; Y 0 1/2 0; S 1/2 1/2 0; T 0 1/2 1/2; R 1/2 1/2 1/2",
        path: "Γ X S Y Γ Z U R T Z|X U|Y T|S R",
    },
    Entry {
        name: "tI1",
        points: "Γ 0 0 0; M -1/2 1/2 1/2; X 0 0 1/2; P 1/4 1/4 1/4; Z H H -H; Z_0 -H 1-H H; N 0 1/2 0",
        path: "Γ X M Γ Z|Z_0 M|X P N Γ",
    },
    Entry {
        name: "tI2",
        points: "Γ 0 0 0; M 1/2 1/2 -1/2; X 0 0 1/2; P 1/4 1/4 1/4; N 0 1/2 0; S_0 -H H H; S H 1-H -H; \
                 R -Z Z 1/2; G 1/2 1/2 -Z",
        path: "Γ X P N Γ M S|S_0 Γ|X R|G M",
    },
    Entry {
        name: "tP1",
        points: "Γ 0 0 0; Z 0 0 1/2; M 1/2 1/2 0; A 1/2 1/2 1/2; R 0 1/2 1/2; X 0 1/2 0",
        path: "Γ X M Γ Z R A Z|X R|M A",
    },
];
