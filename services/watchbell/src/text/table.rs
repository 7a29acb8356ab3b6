//! Tables that fit a terminal: columns as wide as their cells. When the line is too long, the last column may go over
//! several lines, columns that matter less are left out, and the widest is cut first. A pipe has no width, so that nothing
//! is cut for programs.

use console::{measure_text_width, pad_str, truncate_str};

use super::Style;

/// The space between columns.
const GAP: usize = 2;

/// No column is cut below this.
const NARROWEST: usize = 8;

/// Rows under a header.
#[derive(Debug, Default)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    fixed: Vec<usize>,
    optional: Vec<usize>,
    wraps: bool,
}

impl Table {
    /// No rows yet.
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            ..Self::default()
        }
    }

    /// These columns are never cut: ids that one copies.
    pub(crate) fn keep(mut self, columns: &[usize]) -> Self {
        self.fixed = columns.to_vec();
        self
    }

    /// These columns are left out, the first one first, where there is no room for them.
    pub(crate) fn optional(mut self, columns: &[usize]) -> Self {
        self.optional = columns.to_vec();
        self
    }

    /// The last column goes over several lines instead of being cut.
    pub(crate) const fn wrap(mut self) -> Self {
        self.wraps = true;
        self
    }

    /// Adds a row; missing cells are empty, line breaks become spaces.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<_> = cells
            .into_iter()
            .map(|cell| cell.replace(['\n', '\r', '\t'], " "))
            .collect();
        cells.resize(self.header.len(), String::new());
        self.rows.push(cells);
    }

    /// The table, or `empty` when it has no row.
    pub(crate) fn render(&self, style: Style, width: Option<usize>, empty: &str) -> String {
        if self.rows.is_empty() {
            return format!("{}\n", style.faint(empty));
        }
        let widths = self.widths(width);
        let header = self
            .header
            .iter()
            .map(|&title| style.faint(title))
            .collect::<Vec<_>>();
        let rows = std::iter::once(&header).chain(&self.rows);
        rows.fold(String::new(), |text, row| match self.wraps {
            true => text + &wrapped(row, &widths),
            false => text + &line(row, &widths) + "\n",
        })
    }

    /// Of each column; 0 for one that is left out.
    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<_> = self
            .header
            .iter()
            .map(|title| measure_text_width(title))
            .collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(measure_text_width(cell));
            }
        }
        let Some(limit) = limit else { return widths };
        let all = |widths: &[usize]| {
            let shown = widths.iter().filter(|width| **width > 0);
            shown.map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
        };
        let narrowest = |widths: &[usize]| {
            let columns = widths.iter().enumerate();
            let narrowed = columns.map(|(column, &width)| match self.fixed.contains(&column) {
                true => width,
                false => width.min(NARROWEST),
            });
            all(&narrowed.collect::<Vec<_>>())
        };
        for &column in &self.optional {
            if narrowest(&widths) > limit {
                widths[column] = 0;
            }
        }
        while all(&widths) > limit {
            let cuttable = (0..widths.len()).filter(|column| !self.fixed.contains(column));
            let Some(widest) = cuttable
                .max_by_key(|&column| widths[column])
                .filter(|&column| widths[column] > NARROWEST)
            else {
                break;
            };
            widths[widest] -= 1;
        }
        widths
    }
}

/// A row whose last cell goes over as many lines as it needs.
fn wrapped(cells: &[String], widths: &[usize]) -> String {
    let Some(((last, cells), (width, widths))) = cells.split_last().zip(widths.split_last()) else {
        return String::new();
    };
    let indent: usize = widths
        .iter()
        .filter(|width| **width > 0)
        .map(|width| width + GAP)
        .sum();
    let mut text = String::new();
    for (index, words) in fold(last, *width).iter().enumerate() {
        let before = match index {
            0 => line(cells, widths),
            _ => String::new(),
        };
        let before = pad_str(&before, indent, console::Alignment::Left, None).into_owned();
        text += (before + words).trim_end();
        text.push('\n');
    }
    text
}

/// A text in lines of at most so many characters, broken between words. One with colours stays whole.
fn fold(text: &str, width: usize) -> Vec<String> {
    if measure_text_width(text) <= width || measure_text_width(text) < text.chars().count() {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| measure_text_width(line));
        match lines.last_mut() {
            Some(line) if last == 0 || last + 1 + measure_text_width(word) <= width => {
                if last > 0 {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let gap = " ".repeat(GAP);
    let padded: Vec<_> = cells
        .iter()
        .zip(widths)
        .filter(|(_, width)| **width > 0)
        .map(|(cell, &width)| {
            let cell = truncate_str(cell, width, "…");
            pad_str(&cell, width, console::Alignment::Left, None).into_owned()
        })
        .collect();
    padded.join(&gap).trim_end().to_owned()
}

/// One thing, field by field; fields without a value are left out.
pub(crate) fn pairs(style: Style, fields: &[(&str, String)]) -> String {
    let shown: Vec<_> = fields.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = shown
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    shown.iter().fold(String::new(), |text, (name, value)| {
        let indent = format!("\n{}", " ".repeat(width + GAP));
        let label = style.faint(&format!("{name:width$}"));
        text + &format!("{label}{}{}\n", " ".repeat(GAP), value.replace('\n', &indent))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "TITLE"]).keep(&[0]);
        table.row([
            "chn_1234567890".to_owned(),
            "a title that is far too long for the line".to_owned(),
        ]);
        table.row(["chn_2".to_owned(), "日本\nx".to_owned()]);
        table
    }

    #[test]
    fn a_pipe_gets_everything() {
        let text = table().render(Style::new(false), None, "none");
        assert_eq!(
            text,
            "ID              TITLE\n\
             chn_1234567890  a title that is far too long for the line\n\
             chn_2           日本 x\n"
        );
    }

    #[test]
    fn a_terminal_cuts_the_widest_column_and_never_an_id() {
        let text = table().render(Style::new(false), Some(30), "none");
        assert!(text.lines().all(|line| measure_text_width(line) <= 30), "{text}");
        assert!(text.contains("chn_1234567890  a title that …\n"), "{text}");
        let text = table().render(Style::new(false), Some(5), "none");
        assert!(text.contains("chn_1234567890  a title…"), "{text}");
    }

    #[test]
    fn columns_that_matter_less_are_left_out_before_others_are_squeezed() {
        let mut table = Table::new(&["STATE", "TO", "NOTE", "ID"])
            .keep(&[0, 3])
            .optional(&[2]);
        let id = "dlv_01h455vb4pex5vsknk084sn02q";
        table.row(["PENDING", "webhook siem", "the endpoint answered 503", id].map(str::to_owned));
        let at = |width| table.render(Style::new(false), Some(width), "");
        assert!(
            at(80).contains("the endpoint answered…") || at(80).contains("503"),
            "{}",
            at(80)
        );
        let narrow = at(56);
        assert!(
            !narrow.contains("NOTE") && narrow.contains("webhook siem"),
            "{narrow}"
        );
        assert!(
            narrow.lines().all(|line| measure_text_width(line) <= 56),
            "{narrow}"
        );
    }

    #[test]
    fn the_last_column_may_go_over_several_lines() {
        let mut table = Table::new(&["ASKED", "WHY"]).keep(&[0]).wrap();
        table.row(
            [
                "rule noisy",
                "the severity is HIGH, and the rule takes CRITICAL only",
            ]
            .map(str::to_owned),
        );
        assert_eq!(
            table.render(Style::new(false), Some(36), ""),
            "ASKED       WHY\n\
             rule noisy  the severity is HIGH,\n            \
             and the rule takes\n            \
             CRITICAL only\n"
        );
        let whole = table.render(Style::new(false), None, "");
        assert!(whole.contains("only\n") && whole.lines().count() == 2, "{whole}");
    }

    #[test]
    fn colours_take_no_room() {
        let mut table = Table::new(&["STATE", "WHY"]);
        table.row([Style::new(true).state("FAILED"), "because".to_owned()]);
        let line = table
            .render(Style::new(true), Some(80), "")
            .lines()
            .last()
            .unwrap()
            .to_owned();
        assert_eq!(measure_text_width(&line), "FAILED  because".len());
    }

    #[test]
    fn no_rows_say_so() {
        assert_eq!(
            Table::new(&["ID"]).render(Style::new(false), Some(80), "no channels"),
            "no channels\n"
        );
    }

    #[test]
    fn pairs_align_and_leave_out_what_is_empty() {
        let fields = [
            ("id", "chn_1".to_owned()),
            ("url", String::new()),
            ("health", "one\ntwo".to_owned()),
        ];
        assert_eq!(
            pairs(Style::new(false), &fields),
            "id      chn_1\nhealth  one\n        two\n"
        );
    }
}
