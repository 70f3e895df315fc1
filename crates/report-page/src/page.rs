//! The parts of a page put together.

use crystal_core::Species;
use serde::Serialize;
use serde_json::json;

use crate::elements::look;
use crate::{Crystal, ReportError};

/// Puts values in place of `{{name}}`, each once looked at: what a value holds is not searched again.
///
/// # Errors
/// If the template has a place without an end or without a value.
pub fn fill(template: &str, values: &[(&str, &str)]) -> Result<String, ReportError> {
    let mut parts = template.split("{{");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((name, rest)) = part.split_once("}}") else {
            return Err(ReportError::Open { text: part.chars().take(40).collect() });
        };
        let Some((_, value)) = values.iter().find(|(known, _)| *known == name) else {
            return Err(ReportError::Missing { name: name.to_owned() });
        };
        page += value;
        page += rest;
    }
    Ok(page)
}

/// Text as HTML shows it.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            other => out.push(other),
        }
    }
    out
}

/// JSON that may stand in a script element: nothing in it can end the element or begin a comment.
///
/// # Errors
/// [`ReportError::Data`] for a value that is not JSON.
pub fn for_script(value: &impl Serialize) -> Result<String, ReportError> {
    let json = serde_json::to_string(value)?;
    // Outside of strings JSON has none of these characters, and inside of strings their codes mean the same.
    Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// A table of lines, each with its class; the first cell of a line is its head.
pub fn html_table<const N: usize>(head: [&str; N], lines: impl Iterator<Item = (&'static str, [String; N])>) -> String {
    let cells = |cells: &[String]| cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect::<String>();
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escaped(name))).collect();
    let line = |(kind, line): (&str, [String; N])| {
        format!("<tr class=\"{kind}\"><th scope=\"row\">{}</th>{}</tr>\n", escaped(&line[0]), cells(&line[1..]))
    };
    let body: String = lines.map(line).collect();
    format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>")
}

/// Colours and radii of the elements that occur in the gallery.
pub fn looks(crystals: &[Crystal]) -> serde_json::Value {
    let symbols = crystals.iter().flat_map(|crystal| &crystal.elements);
    let entry = |symbol: &&'static str| {
        let look = look(symbol.parse::<Species>().expect("the gallery holds elements"));
        ((*symbol).to_owned(), json!({ "colour": look.colour, "radius": look.radius }))
    };
    symbols.map(entry).collect::<serde_json::Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GALLERY, LIBRARY, NODES, VIEWER};

    #[test]
    fn the_programs_do_not_end_their_element() {
        assert!([GALLERY, LIBRARY, NODES, VIEWER].into_iter().all(crate::may_stand_in_script));
    }

    #[test]
    fn values_are_not_searched_for_places() {
        assert_eq!(fill("a {{x}} {{y}}", &[("x", "{{y}}"), ("y", "1")]).expect("a page"), "a {{y}} 1");
        assert!(fill("{{x}}", &[]).is_err() && fill("{{x", &[("x", "")]).is_err());
    }

    #[test]
    fn nothing_in_the_data_ends_the_script() {
        let hostile = json!({ "id": "</script><!--&\u{2028}\"" });
        let text = for_script(&hostile).expect("JSON");
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), hostile);
        assert_eq!(escaped("<a href='&'>\""), "&lt;a href=&#39;&amp;&#39;&gt;&quot;");
    }

    #[test]
    fn the_library_is_the_one_that_is_noted() {
        let digest = sealed_file::sha256_hex(LIBRARY.as_bytes());
        let notes = include_str!("../assets/README.md");
        let line = notes.lines().find(|line| line.starts_with("| `3Dmol-min.js`")).expect("a line about the library");
        assert!(line.contains(&digest), "{digest} is not in: {line}");
    }
}
