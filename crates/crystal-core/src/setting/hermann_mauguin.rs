//! Hermann–Mauguin symbols, in the many ways they are written.

use std::sync::LazyLock;

use super::{SETTINGS, Setting};

/// What a symbol may mean.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// Every setting that it names; empty for a symbol that is not known. Several where it leaves axes or origin open.
    pub settings: Vec<Setting>,
    /// Whether an origin choice or axes were named (`:2`, `Z`, `H`).
    pub names_setting: bool,
}

/// The settings that a symbol names.
///
/// Blanks may be left out or written as underscores; screw axes may be written as `21`, `2_1` or `2(1)`. Understood are
/// short and full symbols, those of before 1992 (`C m c a` for `C m c e`) and of before 1935 (`F m 3 m`), unique axes
/// left out (`P 21/n`), blanks inside screw axes where nothing else can be meant (`P 2 1/c`, `P 2 1 2 1 2 1`), multiple
/// cells (`C -1`, `F 4/m m m`), `H` for the hexagonal cell of a rhombohedral group, and
/// behind the symbol the setting as `:1`, `:2`, `:H`, `:R`, `:b1`, or as data bases write it: `S` and `Z` for the first
/// and the second origin, `H`, `R`.
pub(crate) fn read(symbol: &str) -> Reading {
    let (body, code) = split_code(symbol);
    let has_code = code.is_some();
    let mut code = code.map(|code| code.to_ascii_lowercase());
    let mut found = Vec::new();
    let written = spellings(&body);
    let joined: Vec<Written> = written.iter().filter_map(Written::joined).collect();
    for written in written.into_iter().chain(joined) {
        found = matches(&written);
        if found.is_empty() && written.letter == 'h' {
            // The data bank of proteins: H 3 and H 3 2 for R 3 and R 3 2 on hexagonal axes.
            found = matches(&Written { letter: 'r', ..written });
            found.retain(|setting| setting.is_rhombohedral().is_some());
            code.get_or_insert_with(|| "h".to_owned());
        }
        if !found.is_empty() {
            break;
        }
    }
    if let Some(code) = &code {
        found.retain(|setting| has_code_of(setting, code));
    }
    Reading { settings: found, names_setting: has_code || code.is_some() }
}

fn has_code_of(setting: &Setting, code: &str) -> bool {
    let own = setting.code.to_ascii_lowercase();
    match code {
        "1" | "s" | "o1" => own.starts_with('1'),
        "2" | "z" | "o2" => own.starts_with('2'),
        // Data bases write H or HR also behind symbols of hexagonal groups, where nothing is left open.
        "h" | "hr" => own == "h" || own.is_empty(),
        code => own == code || own.trim_start_matches(['1', '2']) == code,
    }
}

/// The symbol proper, and the code of the setting behind it. A remark such as `(No. 225)` goes.
fn split_code(symbol: &str) -> (String, Option<String>) {
    let lower = symbol.trim().to_ascii_lowercase();
    for (phrase, code) in [("origin choice 1", "1"), ("origin choice 2", "2"), ("origin 1", "1"), ("origin 2", "2")] {
        if let Some(at) = lower.find(phrase) {
            let end = symbol.trim().get(..at).unwrap_or_default().trim_end_matches(['(', '[', ',', ';', ':', ' ']);
            return (end.to_owned(), Some(code.to_owned()));
        }
    }
    let mut body = symbol.trim();
    if let Some(at) = lower.find("no.").filter(|at| *at > 0) {
        body = body.get(..at).unwrap_or(body).trim_end_matches(['(', '[', ',', ' ', '#']);
    }
    if let Some((before, code)) = body.split_once(':') {
        let code = code.trim();
        return (before.to_owned(), (!code.is_empty()).then(|| code.to_owned()));
    }
    let last = body.rsplit([' ', '_']).next().unwrap_or_default();
    if body.len() > last.len() && ["S", "Z", "H", "R", "HR", "h", "r"].contains(&last) {
        return (body[..body.len() - last.len()].to_owned(), Some(last.to_owned()));
    }
    (body.to_owned(), None)
}

/// A symbol as written: the lattice letter and the rest, in lower case, cut at its blanks.
#[derive(Debug, Clone)]
struct Written {
    letter: char,
    parts: Vec<String>,
}

impl Written {
    /// The symbol with its blanks left out, if it has more parts than a symbol has elements, or a part such as `1/c`,
    /// which no symbol has as an element: then a screw axis was written with a blank.
    fn joined(&self) -> Option<Self> {
        let is_cut = |pair: &[String]| {
            pair[0].chars().all(|c| c.is_ascii_digit())
                && pair[1].starts_with(|c: char| c.is_ascii_digit())
                && pair[1].contains('/')
        };
        let has_cut = self.parts.len() > 3 || self.parts.windows(2).any(is_cut);
        has_cut.then(|| Self { letter: self.letter, parts: vec![self.parts.concat()] })
    }
}

/// The ways in which a symbol may be cut: underscores are blanks (`P_1_21/c_1`) or lower the next digit (`P 2_1/c`).
fn spellings(symbol: &str) -> Vec<Written> {
    let lower: String = symbol.trim().to_ascii_lowercase();
    let has_blank = lower.contains(char::is_whitespace);
    // '2(1)' and '2_1' are 2₁.
    let lowered = {
        let mut text = String::new();
        let mut signs = lower.chars().peekable();
        while let Some(sign) = signs.next() {
            match sign {
                '(' | ')' => {}
                '_' if signs.peek().is_some_and(|next| next.is_ascii_digit() || *next == '{') => {}
                '{' | '}' | '~' => {}
                '_' => text.push(' '),
                other => text.push(other),
            }
        }
        text
    };
    let blanks = lower.replace('_', " ").replace(['(', ')'], "");
    let order = if has_blank || !lower.contains('_') { [lowered, blanks] } else { [blanks, lowered] };
    order.iter().filter_map(|text| written(text)).collect()
}

fn written(text: &str) -> Option<Written> {
    let mut signs = text.trim().chars();
    let letter = signs.next().filter(char::is_ascii_alphabetic)?;
    let parts: Vec<String> = signs.as_str().split_whitespace().map(str::to_owned).collect();
    (!parts.is_empty()).then_some(Written { letter, parts })
}

/// The tables' symbols, cut into letter and elements, with every form that names the same setting.
struct Form {
    letter: char,
    elements: Vec<String>,
    setting: usize,
    /// The ones of a monoclinic or trigonal symbol were left out: such a form may fit several groups.
    shortened: bool,
}

static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let mut forms = Vec::new();
    for (index, setting) in SETTINGS.iter().enumerate() {
        let Some(full) = written(&setting.symbol.to_ascii_lowercase().replace(['(', ')'], "")) else { continue };
        let number = setting.number.get();
        let mut add = |elements: Vec<String>, shortened: bool| {
            let known = |form: &Form| form.setting == index && form.letter == full.letter && form.elements == elements;
            if !elements.is_empty() && !forms.iter().any(known) {
                forms.push(Form { letter: full.letter, elements, setting: index, shortened });
            }
        };
        let mut variants = vec![full.parts.clone()];
        let short = without_axes(&full.parts, number);
        variants.push(short.clone());
        if let Some((_, old)) = OLD_SYMBOLS.iter().find(|(hall, _)| *hall == index + 1) {
            variants.extend(old.iter().map(|old| old.split(' ').map(str::to_owned).collect()));
        }
        // 'F m 3 m': before 1935, and in old data bases, the bar of m -3 m was left out.
        if (195..=230).contains(&number) && short.get(1).is_some_and(|element| element == "-3") {
            variants.push(short.iter().map(|element| element.replace("-3", "3")).collect());
        }
        for variant in &variants {
            add(variant.clone(), false);
        }
        let has_ones = (3..=15).contains(&number) || (143..=167).contains(&number);
        if has_ones {
            for variant in variants {
                let filled = variant.iter().filter(|element| *element != "1").cloned().collect();
                // Only the last one left out: 'P 1 21/c'.
                let trimmed =
                    variant.strip_suffix(&["1".to_owned()]).filter(|rest| rest.last().is_some_and(|last| last != "1"));
                add(filled, true);
                add(trimmed.unwrap_or_default().to_vec(), true);
            }
        }
    }
    forms
});

/// A full symbol without the rotation axes that its planes imply: `2/m 2/m 2/m` is `m m m`, `4/m -3 2/m` is `m -3 m`.
fn without_axes(elements: &[String], number: u8) -> Vec<String> {
    let plane = |element: &String| element.split_once('/').map_or(element.clone(), |(_, plane)| plane.to_owned());
    let keeps_first = (75..=142).contains(&number) || (168..=194).contains(&number);
    if number <= 15 {
        return elements.to_vec();
    }
    elements
        .iter()
        .enumerate()
        .map(|(at, element)| if at == 0 && keeps_first { element.clone() } else { plane(element) })
        .collect()
}

/// Settings whose symbol this is. Complete forms go before shortened ones.
fn matches(written: &Written) -> Vec<Setting> {
    let listed = |shortened: bool| {
        let mut indices: Vec<usize> = FORMS
            .iter()
            .filter(|form| {
                form.shortened == shortened && form.letter == written.letter && fits(&written.parts, &form.elements)
            })
            .map(|form| form.setting)
            .collect();
        indices.dedup();
        indices.into_iter().map(|index| SETTINGS[index].clone()).collect::<Vec<_>>()
    };
    let mut found = listed(false);
    if found.is_empty() {
        found = listed(true);
        // 'C 2' is C 1 2 1, not the multiple cell C 1 1 2 of P 2; 'F 2/m' can only be a multiple cell.
        if found.iter().any(|setting| !setting.code.is_empty()) {
            found.retain(|setting| !setting.code.is_empty() || setting.number.get() > 15);
        }
    }
    if found.is_empty() {
        found = doubled_tetragonal(written);
    }
    found
}

/// Whether the parts as written are the elements, blanks left out here and there. A blank inside an element is none
/// (`P 3 2` is not `P 32`), and in a symbol with blanks a digit follows its own axis (`P 31 2` is not `P 3 1 2`).
fn fits(parts: &[String], elements: &[String]) -> bool {
    let mut elements = elements.iter();
    parts.iter().all(|part| {
        let mut rest = part.as_str();
        while !rest.is_empty() {
            let Some(element) = elements.next() else { return false };
            let Some(after) = rest.strip_prefix(element.as_str()) else { return false };
            let digit_meets_digit =
                element.ends_with(|c: char| c.is_ascii_digit()) && after.starts_with(|c: char| c.is_ascii_digit());
            if parts.len() > 1 && digit_meets_digit {
                return false;
            }
            rest = after;
        }
        true
    }) && elements.next().is_none()
}

/// C and F cells of tetragonal groups (International Tables A, table 4.3.2): the second and third element change
/// places, and in the larger cell the plane across the axis is `a` for `n` and `d` for `a`, glides between axes are `b`
/// or `g` where those along axes were.
fn doubled_tetragonal(written: &Written) -> Vec<Setting> {
    let Some(letter) = (match written.letter {
        'c' => Some('p'),
        'f' => Some('i'),
        _ => None,
    }) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for form in FORMS.iter().filter(|form| form.letter == letter && !form.shortened) {
        let setting = &SETTINGS[form.setting];
        if !(75..=142).contains(&setting.number.get()) {
            continue;
        }
        let mut elements = form.elements.clone();
        let plane = if letter == 'p' { ("/n", "/a") } else { ("/a", "/d") };
        elements[0] = elements[0].replace(plane.0, plane.1);
        let mut variants = vec![elements.clone()];
        if let [axis, second, third] = &elements[..] {
            let glides: &[&str] = match second.as_str() {
                "b" => &["b", "g1", "g", "a"],
                "n" => &["n", "g2"],
                other => &[other],
            };
            variants = glides.iter().map(|glide| vec![axis.clone(), third.clone(), (*glide).to_owned()]).collect();
        }
        if variants.iter().any(|variant| fits(&written.parts, variant))
            && !found.iter().any(|(at, _)| *at == form.setting)
        {
            let symbol = format!("{} {}", written.letter.to_ascii_uppercase(), written.parts.join(" "));
            found.push((form.setting, Setting { symbol, doubled: true, ..setting.clone() }));
        }
    }
    found.into_iter().map(|(_, setting)| setting).collect()
}

/// Elements of the symbols of before 1992 for groups 39, 41, 64, 67 and 68, whose `e` planes were `a`, `b` or `c`; by
/// Hall number.
const OLD_SYMBOLS: [(usize, &[&str]); 36] = [
    (191, &["b m 2"]),
    (192, &["m a 2"]),
    (193, &["2 c m"]),
    (194, &["2 m b"]),
    (195, &["m 2 a"]),
    (196, &["c 2 m"]),
    (203, &["b a 2"]),
    (204, &["b a 2"]),
    (205, &["2 c b"]),
    (206, &["2 c b"]),
    (207, &["c 2 a"]),
    (208, &["c 2 a"]),
    (304, &["m c a", "m c e"]),
    (305, &["c m b"]),
    (306, &["b m a"]),
    (307, &["c a m"]),
    (308, &["b c m"]),
    (309, &["m a b"]),
    (316, &["m m a"]),
    (317, &["m m b"]),
    (318, &["b m m"]),
    (319, &["c m m"]),
    (320, &["m c m"]),
    (321, &["m a m"]),
    (322, &["c c a"]),
    (323, &["c c a"]),
    (324, &["c c b"]),
    (325, &["c c b"]),
    (326, &["b a a"]),
    (327, &["b a a"]),
    (328, &["c a a"]),
    (329, &["c a a"]),
    (330, &["b c b"]),
    (331, &["b c b"]),
    (332, &["b a b"]),
    (333, &["b a b"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::same_operations;

    fn numbers(symbol: &str) -> Vec<u8> {
        let mut numbers: Vec<u8> = read(symbol).settings.iter().map(|setting| setting.number.get()).collect();
        numbers.dedup();
        numbers
    }

    fn symbols(symbol: &str) -> Vec<String> {
        read(symbol).settings.into_iter().map(|setting| format!("{}:{}", setting.symbol, setting.code)).collect()
    }

    #[test]
    fn every_symbol_of_the_tables_names_its_setting() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            for spelling in [setting.symbol.clone(), setting.symbol.replace(' ', ""), setting.symbol.replace(' ', "_")]
            {
                let found = read(&spelling).settings;
                let operations = setting.operations();
                let hit = found
                    .iter()
                    .any(|found| found.number == setting.number && same_operations(&found.operations(), &operations));
                assert!(hit, "{index} '{spelling}': {found:?}");
                assert!(found.iter().all(|found| found.number == setting.number), "{index} '{spelling}': {found:?}");
            }
            if !setting.code.is_empty() {
                let found = read(&format!("{}:{}", setting.symbol, setting.code)).settings;
                assert!(found.iter().any(|found| found.code == setting.code), "{index} {setting:?}");
            }
        }
    }

    #[test]
    fn the_many_ways_of_writing() {
        for (written, number) in [
            ("Fm-3m", 225),
            ("F m 3 m", 225),
            ("F m3m", 225),
            ("F 4/m -3 2/m", 225),
            ("Fd3m", 227),
            ("I a 3 d", 230),
            ("P m 3", 200),
            ("P2(1)/c", 14),
            ("P 2_1/c", 14),
            ("P_1_21/c_1", 14),
            ("P 1 21/c", 14),
            ("P2_1_2_1_2_1", 19),
            ("P 21/a", 14),
            ("C2/c", 15),
            ("I 2/a", 15),
            ("P n m a", 62),
            ("Pbnm", 62),
            ("P 21/n 21/m 21/a", 62),
            ("C m c a", 64),
            ("C m c e", 64),
            ("A b a m", 64),
            ("C c c a", 68),
            ("A b a 2", 41),
            ("A e a 2", 41),
            ("P 3 2 1", 150),
            ("P321", 150),
            ("P 31 2 1", 152),
            ("P3121", 152),
            ("P 32", 145),
            ("R -3 m :H", 166),
            ("R -3 m R", 166),
            ("R-3c H", 167),
            ("H 3 2", 155),
            ("H 3", 146),
            ("F d -3 m S", 227),
            ("F d -3 m Z", 227),
            ("F d -3 m (origin choice 2)", 227),
            ("P 63/m m c (No. 194)", 194),
            ("P 42/m n m", 136),
            ("P42/mnm", 136),
            ("C -1", 2),
            ("F 4/m m m", 139),
            ("F 4/mmc", 140),
            ("C 4/a m b", 125),
            ("F 41/d d m", 141),
            ("C 4 2 21", 90),
            ("C -4 2 b", 117),
            ("F -4 d 2", 122),
            ("P -3 m 1", 164),
            ("P -3 1 m", 162),
            ("P 2 1/c", 14),
            ("P 2 1 2 1 2 1", 19),
            ("P 6 3/m m c", 194),
            ("I 4 1/a m d", 141),
            ("F 4 1 3 2", 210),
            ("P 3 1 2 1", 152),
        ] {
            assert_eq!(numbers(written), [number], "{written}: {:?}", symbols(written));
        }
    }

    #[test]
    fn what_a_symbol_leaves_open_stays_open() {
        assert_eq!(read("F d -3 m").settings.len(), 2);
        assert_eq!(symbols("F d -3 m Z"), ["F 41/d -3 2/m:2"]);
        assert_eq!(symbols("R 3 m :R"), ["R 3 m:R"]);
        assert_eq!(symbols("H 3 2"), ["R 3 2:H"]);
        assert_eq!(numbers("P 3 2"), [149, 150]);
        assert_eq!(numbers("P -3 m"), [162, 164]);
        assert_eq!(numbers("P 31 2"), [151, 152]);
        assert_eq!(symbols("P 21").len(), 3);
    }

    #[test]
    fn unknown_symbols_stay_unknown() {
        for written in [
            "",
            "P",
            "Q 7",
            "P 9",
            "P n n' m'",
            "F 4 3",
            "P 2 2",
            "C 4/q m m",
            "Pbmn(0b1/2)s00",
            "P 5 3 2",
            "P 2 1",
            "P 6 3",
            "P 2 1 1 1 1",
        ] {
            assert!(read(written).settings.is_empty(), "{written}: {:?}", symbols(written));
        }
    }
}
