//! One table, three formats: the catalogues of models, cards and frameworks.

use serde_json::{Map, Value};

use super::csv;

/// Rows under named columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in JSON and CSV.
    pub key: &'static str,
    /// Its heading in text; columns without one are left out there.
    pub heading: Option<&'static str>,
    /// Whether it lines up on the right, as numbers do.
    pub right: bool,
}

impl Column {
    /// A column of words.
    pub const fn text(key: &'static str, heading: &'static str) -> Self {
        Self { key, heading: Some(heading), right: false }
    }

    /// A column of numbers.
    pub const fn number(key: &'static str, heading: &'static str) -> Self {
        Self { key, heading: Some(heading), right: true }
    }

    /// A column for programs only.
    pub const fn hidden(key: &'static str) -> Self {
        Self { key, heading: None, right: false }
    }
}

/// A value, and how it is shown to people.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    value: Value,
    shown: String,
}

impl Cell {
    /// A value that is shown as it is; nothing is shown as `-`.
    pub fn new(value: impl Into<Value>) -> Self {
        let value = value.into();
        let shown = match &value {
            Value::Null => String::from("-"),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self { value, shown }
    }

    /// A value with other words for people.
    pub fn shown_as(value: impl Into<Value>, shown: impl Into<String>) -> Self {
        Self { value: value.into(), shown: shown.into() }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row);
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Aligned columns under headings.
    pub fn text(&self) -> String {
        let shown: Vec<usize> =
            (0..self.columns.len()).filter(|index| self.columns[*index].heading.is_some()).collect();
        let heading = |index: usize| self.columns[index].heading.unwrap_or_default();
        let width = |index: usize| {
            let cells = self.rows.iter().map(|row| row[index].shown.chars().count());
            cells.chain([heading(index).chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = shown.iter().map(|index| width(*index)).collect();
        let mut text = String::new();
        let mut line = |cells: Vec<&str>| {
            let padded = shown.iter().zip(&widths).zip(cells).map(|((index, width), cell)| {
                if self.columns[*index].right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        };
        line(shown.iter().map(|index| heading(*index)).collect());
        for row in &self.rows {
            line(shown.iter().map(|index| row[*index].shown.as_str()).collect());
        }
        text
    }

    /// An array of objects.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let object = |row: &Vec<Cell>| -> Map<String, Value> {
            let pairs = self.columns.iter().zip(row);
            pairs.map(|(column, cell)| (column.key.to_owned(), cell.value.clone())).collect()
        };
        let mut text = serde_json::to_string_pretty(&self.rows.iter().map(object).collect::<Vec<_>>())?;
        text.push('\n');
        Ok(text)
    }

    /// A header and a row a line.
    pub fn csv(&self) -> String {
        let header: Vec<&str> = self.columns.iter().map(|column| column.key).collect();
        let field = |cell: &Cell| match &cell.value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        csv::write(&header, self.rows.iter().map(|row| row.iter().map(field).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table =
            Table::new(vec![Column::text("id", "id"), Column::number("size", "size"), Column::hidden("note")]);
        table.push(vec![Cell::new("a"), Cell::shown_as(1024, "1 K"), Cell::new(Value::Null)]);
        table.push(vec![Cell::new("longer"), Cell::new(Value::Null), Cell::new("x, y")]);
        table
    }

    #[test]
    fn people_see_aligned_columns() {
        assert_eq!(table().text(), "id      size\na        1 K\nlonger     -\n");
    }

    #[test]
    fn programs_see_every_column_and_plain_values() {
        assert_eq!(table().csv(), "id,size,note\na,1024,\nlonger,,\"x, y\"\n");
        let parsed: Value = serde_json::from_str(&table().json().unwrap()).unwrap();
        assert_eq!(
            parsed,
            serde_json::json!([
                {"id": "a", "size": 1024, "note": null},
                {"id": "longer", "size": null, "note": "x, y"},
            ])
        );
    }
}
