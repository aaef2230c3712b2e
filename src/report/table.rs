//! Tables that fit their screen: the column of words wraps, and where even that is too wide each row becomes a block.
use super::screen::{STRONG, Screen, columns, wrap};
use anstyle::Style;

/// A column of words that is narrower than this is not worth reading.
const NARROW: usize = 20;
/// Between two columns.
const GAP: usize = 2;
/// How far the further lines of a block stand to the right.
const INDENT: usize = 6;

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    right: bool,
    wraps: bool,
}

impl Column {
    /// Words that are never broken, such as addresses and ids.
    #[must_use]
    pub const fn whole(title: &'static str) -> Self {
        Self { title, right: false, wraps: false }
    }

    /// Words that may be broken; a table has at most one such column.
    #[must_use]
    pub const fn words(title: &'static str) -> Self {
        Self { title, right: false, wraps: true }
    }

    /// Figures, one under the other.
    #[must_use]
    pub const fn figures(title: &'static str) -> Self {
        Self { title, right: true, wraps: false }
    }
}

/// One row, and what belongs under it.
#[derive(Debug, Clone, Default)]
struct Row {
    cells: Vec<String>,
    style: Style,
    /// Text that is laid out already, whole lines.
    under: String,
}

/// Rows under columns.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Table {
    /// No rows yet.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Has it no row?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row; its first cell is in the style.
    pub fn row(&mut self, style: Style, cells: impl IntoIterator<Item = String>) {
        self.rows.push(Row { cells: cells.into_iter().collect(), style, under: String::new() });
    }

    /// Adds lines that stand under the last row as they are.
    pub fn under(&mut self, lines: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.under.push_str(lines);
        }
    }

    /// Appends the table.
    pub fn render(&self, screen: Screen, out: &mut String) {
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| columns(cell));
            cells.chain([columns(self.columns[at].title)]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let over = |gap: usize| {
            let total = widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1);
            total.saturating_sub(screen.width)
        };
        let words = self.columns.iter().position(|column| column.wraps);
        // First words wrap, then the gaps close, then rows become blocks.
        let fits = |gap: usize| {
            over(gap) == 0
                || words
                    .is_some_and(|at| widths[at] >= NARROW + over(gap) && self.wraps_well(at, widths[at] - over(gap)))
        };
        let Some(gap) = [GAP, 1].into_iter().find(|gap| fits(*gap)) else { return self.blocks(screen, &widths, out) };
        let over = over(gap);
        if let Some(at) = words {
            widths[at] -= over;
        }
        if self.columns.iter().any(|column| !column.title.is_empty()) {
            let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
            self.line(screen, (&widths, gap), &titles, STRONG, STRONG, out);
        }
        for row in &self.rows {
            self.line(screen, (&widths, gap), &row.cells, row.style, Style::new(), out);
            out.push_str(&row.under);
        }
    }

    /// Would words have to be cut in a few rows at most?
    fn wraps_well(&self, at: usize, room: usize) -> bool {
        let cells = self.rows.iter().filter_map(|row| row.cells.get(at));
        let cut = cells.filter(|cell| cell.split(' ').any(|word| columns(word) > room)).count();
        cut * 5 <= self.rows.len()
    }

    /// One row side by side; only the column of words can take several lines.
    fn line(
        &self,
        screen: Screen,
        (widths, gap): (&[usize], usize),
        cells: &[String],
        first: Style,
        rest: Style,
        out: &mut String,
    ) {
        let mut more: Vec<(usize, Vec<String>)> = Vec::new();
        let mut line = Line::default();
        let mut left = 0;
        for (at, (column, width)) in self.columns.iter().zip(widths).enumerate() {
            let cell = cells.get(at).map_or("", String::as_str);
            let style = if at == 0 { first } else { rest };
            if column.right {
                line.put(screen, left + width.saturating_sub(columns(cell)), style, cell);
            } else if column.wraps && columns(cell) > *width {
                let mut lines = wrap(cell, *width, *width).into_iter();
                line.put(screen, left, style, &lines.next().unwrap_or_default());
                more.push((left, lines.collect()));
            } else {
                line.put(screen, left, style, cell);
            }
            left += width + gap;
        }
        line.end(out);
        for (left, text) in more.into_iter().flat_map(|(left, lines)| lines.into_iter().map(move |line| (left, line))) {
            let mut line = Line::default();
            line.put(screen, left, rest, &text);
            line.end(out);
        }
    }

    /// Each row as a block: its head and its figures, and everything else under them.
    fn blocks(&self, screen: Screen, widths: &[usize], out: &mut String) {
        let figures: Vec<usize> = (0..self.columns.len()).filter(|at| self.columns[*at].right).collect();
        let taken: usize = figures.iter().map(|at| widths[*at] + GAP).sum();
        let put = |line: &mut Line, cells: &[String], style: Style| {
            let mut left = screen.width.saturating_sub(taken.saturating_sub(GAP));
            for at in &figures {
                let cell = cells.get(*at).map_or("", String::as_str);
                line.put(screen, left + widths[*at].saturating_sub(columns(cell)), style, cell);
                left += widths[*at] + GAP;
            }
        };
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        if figures.iter().any(|at| !titles[*at].is_empty()) {
            let mut line = Line::default();
            if columns(&titles[0]) + taken <= screen.width {
                line.put(screen, 0, STRONG, &titles[0]);
            }
            put(&mut line, &titles, STRONG);
            line.end(out);
        }
        for row in &self.rows {
            let text = |at: &usize| !self.columns[*at].right && row.cells.get(*at).is_some_and(|cell| !cell.is_empty());
            let mut cells = (0..self.columns.len()).filter(text).map(|at| (at, row.cells[at].as_str()));
            let (at, head) = cells.next().unwrap_or((0, ""));
            let head = match at {
                0 => head.to_owned(),
                // Without a head all cells are alike.
                _ => packed(std::iter::once(head).chain(cells.by_ref().map(|(_, cell)| cell)), screen.width - INDENT)
                    .join(" "),
            };
            let head = head.as_str();
            let has_figures = figures.iter().any(|at| row.cells.get(*at).is_some_and(|cell| !cell.is_empty()));
            let indent = if at == 0 { 0 } else { INDENT };
            let style = match at {
                0 if row.style == Style::new() => STRONG,
                0 => row.style,
                _ => Style::new(),
            };
            let beside = screen.width.saturating_sub(indent + if has_figures { taken } else { 0 });
            let whole = screen.width.saturating_sub(INDENT);
            // A head that must not be broken has the line for itself, and its figures the next one.
            let alone = columns(head) > beside && at == 0;
            let lines = if alone { wrap(head, screen.width, whole) } else { wrap(head, beside, whole) };
            for (number, text) in lines.iter().enumerate() {
                let mut line = Line::default();
                line.put(screen, if number == 0 { indent } else { INDENT }, style, text);
                if number == 0 && has_figures && !alone {
                    put(&mut line, &row.cells, Style::new());
                }
                line.end(out);
            }
            let mut first = alone && has_figures;
            let room = if first { whole.saturating_sub(taken) } else { whole };
            for text in packed(cells.map(|(_, cell)| cell), room) {
                let room = if first { whole.saturating_sub(taken) } else { whole };
                for text in wrap(&text, room, whole) {
                    let mut line = Line::default();
                    line.put(screen, INDENT, Style::new(), &text);
                    if std::mem::take(&mut first) {
                        put(&mut line, &row.cells, Style::new());
                    }
                    line.end(out);
                }
            }
            if first {
                let mut line = Line::default();
                put(&mut line, &row.cells, Style::new());
                line.end(out);
            }
            out.push_str(&row.under);
        }
    }
}

/// Cells, as many on a line as there is room for.
fn packed<'c>(cells: impl Iterator<Item = &'c str>, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for cell in cells {
        match lines.last_mut() {
            Some(line) if columns(line) + GAP + columns(cell) <= room => {
                line.push_str("  ");
                line.push_str(cell);
            }
            _ => lines.push(cell.to_owned()),
        }
    }
    lines
}

/// One line that is written from left to right.
#[derive(Default)]
struct Line {
    text: String,
    at: usize,
}

impl Line {
    fn put(&mut self, screen: Screen, left: usize, style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        self.text.extend(std::iter::repeat_n(' ', left.saturating_sub(self.at)));
        self.text.push_str(&screen.paint(style, text));
        self.at = self.at.max(left) + columns(text);
    }

    /// A line of nothing is none.
    fn end(self, out: &mut String) {
        if !self.text.is_empty() {
            out.push_str(&self.text);
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table =
            Table::new(&[Column::whole(""), Column::words(""), Column::figures("$/h"), Column::figures("time")]);
        let mut row = |cells: [&str; 4]| table.row(Style::new(), cells.map(str::to_owned));
        row(["+   cache.file-system", "9600 GiB, persistent-2, 1 repository", "4.471", "13m32s"]);
        row(["+   network.vpc", "10.0.0.0/16", "-", "5s"]);
        table
    }

    fn shown(width: usize) -> String {
        let mut out = String::new();
        table().render(Screen { width, color: false }, &mut out);
        out
    }

    #[test]
    fn wide_enough() {
        let wanted = "                                                               $/h    time\n\
                      +   cache.file-system  9600 GiB, persistent-2, 1 repository  4.471  13m32s\n\
                      +   network.vpc        10.0.0.0/16                               -      5s\n";
        assert_eq!(shown(74), wanted);
        assert_eq!(shown(200), wanted);
    }

    #[test]
    fn words_wrap_in_their_column() {
        let wanted = "                                                     $/h    time\n\
                      +   cache.file-system  9600 GiB, persistent-2, 1   4.471  13m32s\n\
                      \u{20}                      repository\n\
                      +   network.vpc        10.0.0.0/16                     -      5s\n";
        assert_eq!(shown(64), wanted);
    }

    #[test]
    fn gaps_close_before_rows_become_blocks() {
        let wanted = "                                              $/h   time\n\
                      +   cache.file-system 9600 GiB,             4.471 13m32s\n\
                      \u{20}                     persistent-2, 1\n\
                      \u{20}                     repository\n\
                      +   network.vpc       10.0.0.0/16               -     5s\n";
        assert_eq!(shown(56), wanted);
    }

    #[test]
    fn blocks_where_there_is_no_room_for_columns() {
        let wanted = "                               $/h    time\n\
                      +   cache.file-system        4.471  13m32s\n\
                      \u{20}     9600 GiB, persistent-2, 1 repository\n\
                      +   network.vpc                  -      5s\n\
                      \u{20}     10.0.0.0/16\n";
        assert_eq!(shown(42), wanted);
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in 24..90 {
            for line in shown(width).lines() {
                assert!(columns(line) <= width, "{width}: {line}");
            }
        }
    }
}
