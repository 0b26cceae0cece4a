//! The table, and what it must hold.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::{Skip, environment};

use super::batch::Outcome;
use super::row::Cell;
use super::services::Service;

/// Heads of the columns.
pub(crate) const HEADER: &str = "\
| service | load | by the field the callee received | by the CLIENT spans | uprobe hits a request |\n\
|---|---|---|---|---|";

const BEGIN: &str = "<!-- table: cargo xtask causality --write -->\n";
const END: &str = "<!-- end of table -->";

/// For so many requests, one call may be without a span.
const MOST_UNSEEN: usize = 50;
/// So many repeated span ids of some services are shown.
const EXAMPLES: usize = 5;

/// Rows as they come.
#[derive(Default)]
pub(crate) struct Table {
    /// By service, lines that are written.
    lines: Vec<(&'static str, String)>,
    /// What is below its floor, and what is wrong.
    bad: Vec<String>,
    /// Calls in another request's trace.
    wrong: usize,
    /// Span ids that occur more than once.
    repeated: usize,
    rows: usize,
    skipped: usize,
}

impl Table {
    /// Takes and prints what became of some services.
    pub(crate) fn take(&mut self, outcome: Outcome) {
        for (service, cells) in outcome.rows {
            self.add(service, cells);
        }
        self.repeated += outcome.repeated.len();
        for ids in outcome.repeated.into_iter().take(EXAMPLES) {
            println!("REPEATED {ids}");
            self.bad.push(ids);
        }
    }

    fn add(&mut self, service: &'static Service, cells: Result<Vec<Cell>>) {
        let cells = match cells {
            Ok(cells) => cells,
            Err(error) => return self.failed(service, &error),
        };
        self.rows += 1;
        let mut lines = String::new();
        for cell in cells {
            let way = if cell.load.close {
                ", a connection a request"
            } else {
                ""
            };
            let edge = match cell.load.shape {
                shape if !shape.bare => "",
                shape if shape.unchanged => ", no field came in",
                _ => ", no field came in, the path rewritten",
            };
            let line = format!(
                "| {} | {}{way}{edge} | {} | {} | {} |",
                service.about,
                cell.load.concurrency,
                cell.field,
                cell.span,
                cell.uprobes
                    .map_or("-".to_owned(), |hits| format!("{hits:.1}"))
            );
            println!("{line}");
            if cell.unseen > 0 {
                println!(
                    "UNSEEN {}: {} calls have no span",
                    service.name, cell.unseen
                );
            }
            if cell.unseen * MOST_UNSEEN > cell.load.requests {
                self.bad.push(format!(
                    "{}: {} calls have no span",
                    service.name, cell.unseen
                ));
            }
            lines.push_str(&line);
            lines.push('\n');
            // Where the fault keeps the field away, all are missing; but none may be wrong.
            let no_field = service.asks_fionread && cell.field.right == 0;
            for (tally, has_floor) in [(&cell.field, !no_field), (&cell.span, true)] {
                let has_floor = has_floor && cell.load.concurrency == 64 && !cell.load.shape.bare;
                let low = tally.share() < service.floor;
                if (low && has_floor) || tally.wrong > 0 {
                    self.bad.push(format!("{}: {tally}", service.name));
                }
                self.wrong += tally.wrong;
                for example in &tally.examples {
                    println!("WRONG {}: {example}", service.name);
                }
            }
        }
        self.lines.push((service.about, lines));
    }

    fn failed(&mut self, service: &Service, error: &anyhow::Error) {
        if let Some(Skip(reason)) = error.downcast_ref() {
            println!("SKIP {}: {reason}", service.name);
            self.skipped += 1;
            return;
        }
        println!("| {} | failed: {error:#} |", service.about);
        self.bad.push(format!("{}: {error:#}", service.name));
    }

    /// All rows ran, and none is worse than it may be.
    pub(crate) fn is_good(&self) -> bool {
        self.bad.is_empty() && self.rows > 0
    }

    /// The end of the print-out.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!(
            "{} services, {} skipped, {} wrong calls, {} repeated span ids, {} below their bar",
            self.rows,
            self.skipped,
            self.wrong,
            self.repeated,
            self.bad.len()
        );
        for bad in &self.bad {
            let _infallible = write!(text, "\nBELOW {bad}");
        }
        text
    }

    /// Puts the rows into the table of docs/causality.md; those of other services stay as they are.
    pub(crate) fn write(&self) -> Result<()> {
        ensure!(self.is_good(), "the table is not written");
        let path = environment::repository().join("docs/causality.md");
        let page = std::fs::read_to_string(&path)?;
        let (before, rest) = page
            .split_once(BEGIN)
            .context("docs/causality.md has no table")?;
        let (known, after) = rest.split_once(END).context("the table has no end")?;
        let rows: String = super::services::all()
            .map(|service| self.lines_of(service, known))
            .collect();
        let page = format!("{before}{BEGIN}{HEADER}\n{rows}{END}{after}");
        std::fs::write(&path, page)?;
        Ok(())
    }

    /// What was measured now, else what the page has.
    fn lines_of(&self, service: &Service, known: &str) -> String {
        let measured = self.lines.iter().find(|(about, _)| *about == service.about);
        if let Some((_, lines)) = measured {
            return lines.clone();
        }
        let own = format!("| {} |", service.about);
        let known = known.split_inclusive('\n');
        known.filter(|line| line.starts_with(&own)).collect()
    }
}
