//! The rows as a table for people, or as JSON.

use super::{Row, Status};
use crate::cli::Failure;
use std::fmt::Write as _;

/// A line a row, in columns; advice on a line of its own below.
pub(super) fn text(rows: &[Row]) -> String {
    let width = rows
        .iter()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let (status, name, detail) = (word(row.status), &row.name, &row.detail);
        let _ = writeln!(text, "{status:7}  {name:width$}  {detail}");
        if let Some(advice) = &row.advice {
            let _ = writeln!(text, "{:7}  {:width$}  -> {advice}", "", "");
        }
    }
    let count = |status| rows.iter().filter(|row| row.status == status).count();
    let _ = writeln!(
        text,
        "\n{} ok, {} warnings, {} failed, {} skipped",
        count(Status::Ok),
        count(Status::Warning),
        count(Status::Failed),
        count(Status::Skipped)
    );
    text
}

/// `{"checks": [row, ..]}` and a line end.
pub(super) fn json(rows: &[Row]) -> Result<String, Failure> {
    serde_json::to_string_pretty(&serde_json::json!({ "checks": rows }))
        .map(|text| text + "\n")
        .map_err(|error| Failure::run_time("cannot write the table as JSON").because(error))
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Failed => "FAILED",
        Status::Skipped => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use super::{json, text};
    use crate::cli::check::{Row, Status};

    fn rows() -> Vec<Row> {
        vec![
            Row::new("kernel", Status::Ok, "6.18.44 on x86_64"),
            Row::new("cgroup2", Status::Failed, "not mounted").advise("mount it"),
        ]
    }

    #[test]
    fn columns() {
        assert_eq!(
            text(&rows()),
            "ok       kernel   6.18.44 on x86_64\n\
             FAILED   cgroup2  not mounted\n                  -> mount it\n\
             \n1 ok, 0 warnings, 1 failed, 0 skipped\n"
        );
    }

    #[test]
    fn json_has_all_rows() {
        let text = json(&rows()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["checks"][0]["status"], "ok");
        assert_eq!(value["checks"][1]["advice"], "mount it");
        assert_eq!(value["checks"][0].get("advice"), None);
    }
}
