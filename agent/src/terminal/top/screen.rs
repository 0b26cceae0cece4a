//! The state on a terminal.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState};

use super::super::client::Client;
use super::super::model::Summary;
use super::state::{State, ask};
use super::widgets::{cells_of_edge, cells_of_service, cells_of_trace, sparkline, summary};
use crate::cli::Failure;

/// Between two looks at the agent.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait for a key.
const KEYS: Duration = Duration::from_millis(100);
/// Seconds in a sparkline.
const SPARKLINE: u16 = 30;
/// Tables on the screen.
const TABLES: usize = 4;

type Answers = Receiver<Result<State, Failure>>;

struct Screen {
    state: State,
    /// Why the last look failed.
    problem: Option<String>,
    /// The table that the keys move in.
    focus: usize,
    tables: [TableState; TABLES],
}

/// Shows the state until the user leaves; the terminal is as before then.
pub(super) fn show(client: Client, window: u64, first: State) -> Result<(), Failure> {
    let (asker, answers) = channel();
    thread::spawn(move || keep_asking(&client, window, &asker));
    let mut terminal = ratatui::try_init().map_err(unusable)?;
    let mut screen = Screen {
        state: first,
        problem: None,
        focus: 0,
        tables: Default::default(),
    };
    let result = screen.run(&mut terminal, &answers);
    ratatui::restore();
    result.map_err(unusable)
}

fn unusable(error: std::io::Error) -> Failure {
    Failure::run_time("the terminal cannot be used: `sonde top --once` needs none").because(error)
}

fn keep_asking(client: &Client, window: u64, asker: &Sender<Result<State, Failure>>) {
    loop {
        thread::sleep(INTERVAL);
        if asker.send(ask(client, window)).is_err() {
            return;
        }
    }
}

impl Screen {
    fn run(
        &mut self,
        terminal: &mut ratatui::DefaultTerminal,
        answers: &Answers,
    ) -> std::io::Result<()> {
        loop {
            for answer in answers.try_iter() {
                match answer {
                    Ok(state) => (self.state, self.problem) = (state, None),
                    Err(failure) => self.problem = Some(failure.message),
                }
            }
            terminal.draw(|frame| self.draw(frame))?;
            if event::poll(KEYS)? && self.leaves(&event::read()?) {
                return Ok(());
            }
        }
    }

    /// Takes a key; true: the user is done.
    fn leaves(&mut self, event: &Event) -> bool {
        let Event::Key(key) = event else { return false };
        if key.kind != KeyEventKind::Press {
            return false;
        }
        let table = &mut self.tables[self.focus];
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Tab => self.focus = (self.focus + 1) % TABLES,
            KeyCode::BackTab => self.focus = (self.focus + TABLES - 1) % TABLES,
            KeyCode::Down | KeyCode::Char('j') => table.select_next(),
            KeyCode::Up | KeyCode::Char('k') => table.select_previous(),
            KeyCode::Home | KeyCode::Char('g') => table.select_first(),
            KeyCode::End | KeyCode::Char('G') => table.select_last(),
            _ => {}
        }
        false
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        let rows = Layout::vertical([
            Constraint::Length(1),
            Constraint::Fill(3),
            Constraint::Fill(2),
            Constraint::Fill(2),
            Constraint::Length(1),
        ]);
        let [head, above, middle, below, foot] = rows.areas(frame.area());
        frame.render_widget(self.head(), head);
        self.draw_services(frame, above);
        self.draw_edges(frame, middle);
        let [left, right] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(below);
        let slowest = traces("slowest", &self.state.slowest, self.focus == 2);
        frame.render_stateful_widget(slowest, left, &mut self.tables[2]);
        let failing = traces("failing", &self.state.failing, self.focus == 3);
        frame.render_stateful_widget(failing, right, &mut self.tables[3]);
        let keys = "q leave · tab next table · ↑↓ move · `sonde trace ID` shows one";
        frame.render_widget(Paragraph::new(keys).dim(), foot);
    }

    fn head(&self) -> Line<'static> {
        match &self.problem {
            None => Line::from(summary(&self.state)).bold(),
            Some(problem) => Line::from(format!("{problem}; trying again")).red(),
        }
    }

    fn draw_services(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let rows = self.state.overview.services.iter().map(|service| {
            let bars = sparkline(service, usize::from(SPARKLINE));
            let failing = service.rates.error_ratio > 0.0;
            let cells = cells_of_service(service).map(Cell::from);
            row(cells.into_iter().chain([Cell::from(bars)]), failing)
        });
        let widths = [
            Constraint::Fill(1),
            Constraint::Length(9),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(SPARKLINE),
        ];
        let titles = ["service", "rate", "errors", "p50", "p95", "requests"];
        let table = table(
            "services",
            Table::new(rows, widths),
            titles,
            self.focus == 0,
        );
        frame.render_stateful_widget(table, area, &mut self.tables[0]);
    }

    fn draw_edges(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let edges = &self.state.overview.edges;
        let rows = edges.iter().map(|edge| {
            row(
                cells_of_edge(edge).map(Cell::from),
                edge.rates.error_ratio > 0.0,
            )
        });
        let widths = [
            Constraint::Fill(1),
            Constraint::Fill(1),
            Constraint::Length(9),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(8),
        ];
        let titles = ["client", "server", "rate", "errors", "p50", "p95"];
        let table = table("calls", Table::new(rows, widths), titles, self.focus == 1);
        frame.render_stateful_widget(table, area, &mut self.tables[1]);
    }
}

fn traces(title: &'static str, traces: &[Summary], focused: bool) -> Table<'static> {
    let rows = traces.iter().map(|trace| {
        let [id, duration, errors, service, operation] = cells_of_trace(trace);
        let cells = [duration, errors, service, operation, id];
        row(cells.map(Cell::from), trace.errors > 0)
    });
    let rows: Vec<Row<'static>> = rows.collect();
    let widths = [
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Fill(1),
        Constraint::Fill(2),
        Constraint::Length(32),
    ];
    let titles = ["duration", "errors", "service", "operation", "trace"];
    table(title, Table::new(rows, widths), titles, focused)
}

fn row<'a>(cells: impl IntoIterator<Item = Cell<'a>>, failing: bool) -> Row<'a> {
    let style = if failing {
        Style::new().red()
    } else {
        Style::new()
    };
    Row::new(cells).style(style)
}

fn table<'a, const N: usize>(
    title: &'static str,
    table: Table<'a>,
    titles: [&'static str; N],
    focused: bool,
) -> Table<'a> {
    let border = if focused {
        Style::new().cyan()
    } else {
        Style::new().dim()
    };
    table
        .header(Row::new(titles).style(Style::new().bold()))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(Block::bordered().title(title).border_style(border))
}

#[cfg(test)]
mod tests;
