//! What all reports have around their sections: head, links, licence, data and programs.

use serde_json::Value;

use crate::{LIBRARY, LIBRARY_LICENCE, ReportError, STYLE, escaped, fill, for_script};

const FRAME: &str = include_str!("frame.html");

/// A report. Texts are escaped here; `sections` and `own_style` stand as they are.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Of the window.
    pub title: &'a str,
    /// What kind of report it is, above its name.
    pub kicker: &'a str,
    /// What it is of.
    pub name: &'a str,
    /// The most important in a sentence.
    pub heading: &'a str,
    /// Ids of the sections and what the links to them say.
    pub links: &'a [(&'static str, &'static str)],
    /// What is missing where programs are switched off.
    pub without_programs: &'a str,
    /// Rules beside those of [`STYLE`].
    pub own_style: &'a str,
    /// HTML, one `section` element for each link.
    pub sections: &'a str,
    /// What the programs draw.
    pub data: &'a Value,
    /// The programs, in the order in which they are run, after that of the library.
    pub programs: &'a [&'a str],
    /// Version of the program that makes it.
    pub version: &'a str,
}

impl Report<'_> {
    /// The report as one HTML file.
    ///
    /// # Errors
    /// If the data cannot be written as JSON, or a program would end its element.
    pub fn html(&self) -> Result<String, ReportError> {
        if !self.programs.iter().all(|program| may_stand_in_script(program)) {
            return Err(ReportError::Program);
        }
        let link = |(id, text): &(&str, &str)| format!("<a href=\"#{id}\">{}</a>\n", escaped(text));
        let style = match self.own_style {
            "" => STYLE.to_owned(),
            own => format!("{STYLE}\n{own}"),
        };
        let values = [
            ("title", escaped(self.title)),
            ("style", style),
            ("kicker", escaped(self.kicker)),
            ("name", escaped(self.name)),
            ("heading", escaped(self.heading)),
            ("links", self.links.iter().map(link).collect()),
            ("without_programs", escaped(self.without_programs)),
            ("sections", self.sections.to_owned()),
            ("version", escaped(self.version)),
            ("library_licence", escaped(LIBRARY_LICENCE.trim())),
            ("data", for_script(self.data)?),
            ("library", LIBRARY.trim_end().to_owned()),
            ("programs", self.programs.join("\n")),
        ];
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fill(FRAME, &values)
    }
}

/// Rows of a table with two columns, a name and its value: the body of `<table class="plain">`.
pub fn plain_rows<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let row = |(name, value): (&str, String)| {
        format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(&value))
    };
    rows.into_iter().map(row).collect()
}

/// Whether a text may stand in a script element: nothing in it ends the element or begins a comment.
pub fn may_stand_in_script(program: &str) -> bool {
    let program = program.to_lowercase();
    ["</script", "<script", "<!--"].iter().all(|end| !program.contains(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_escaped_and_sections_stand_as_they_are() {
        let html = Report {
            title: "<title>",
            kicker: "a & b",
            name: "name",
            heading: "{{name}}",
            links: &[("one", "The <first>")],
            without_programs: "none",
            own_style: ".own {}",
            sections: "<section id=\"one\">{{data}}</section>\n",
            data: &json!({"end": "</script>"}),
            programs: &["first();", "second();"],
            version: "1",
        }
        .html()
        .expect("a page");
        for part in [
            "<title>&lt;title&gt;</title>",
            "a &amp; b",
            "<p class=\"heading\">{{name}}</p>",
            "<a href=\"#one\">The &lt;first&gt;</a>",
            ".own {}",
            "<section id=\"one\">{{data}}</section>",
            "first();\nsecond();",
            "default-src 'none'",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("\"</script>\""));
    }

    #[test]
    fn a_program_that_ends_its_element_is_refused() {
        let report = Report {
            title: "",
            kicker: "",
            name: "",
            heading: "",
            links: &[],
            without_programs: "",
            own_style: "",
            sections: "",
            data: &json!({}),
            programs: &["write('</script>')"],
            version: "",
        };
        assert!(matches!(report.html(), Err(ReportError::Program)));
    }

    #[test]
    fn rows_have_a_head_and_a_value() {
        let expected = "<tr><th scope=\"row\">a</th><td>&lt;1</td></tr>\n";
        assert_eq!(plain_rows([("a", "<1".to_owned())]), expected);
    }

    #[test]
    fn what_ends_a_script_is_seen() {
        assert!(may_stand_in_script("if (a < b) {}"));
        assert!(["</SCRIPT>", "<!-- a"].iter().all(|text| !may_stand_in_script(text)));
    }
}
