//! The screen on a terminal of text.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::super::super::model::{Overview, Point, Rates, Service, Summary};
use super::{Screen, State, TABLES};

fn screen() -> Screen {
    let service = Service {
        name: "checkout\u{1b}[2J".to_owned(),
        rates: Rates {
            requests_per_second: 12.0,
            error_ratio: 0.25,
            p50_ms: Some(2.5),
            p95_ms: Some(40.0),
        },
        series: vec![Point { requests: 3 }],
    };
    Screen {
        state: State {
            overview: Overview {
                window: 60,
                services: vec![service],
                edges: Vec::new(),
            },
            slowest: vec![Summary {
                trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
                operation: "GET /slow".to_owned(),
                duration_ms: 1_500.0,
                ..Summary::default()
            }],
            ..State::default()
        },
        problem: None,
        focus: 0,
        tables: Default::default(),
    }
}

fn drawn(screen: &mut Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn shows_services_and_traces() {
    let text = drawn(&mut screen(), 160, 40);
    for part in [
        "checkout\\u{1b}",
        "12/s",
        "25.0%",
        "40.0ms",
        "GET /slow",
        "1.50s",
        "0af7651916cd43dd8448eb211c80319c",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn any_size_will_do() {
    for (width, height) in [(1, 1), (10, 3), (40, 12), (300, 100)] {
        drawn(&mut screen(), width, height);
    }
}

#[test]
fn a_problem_is_shown_and_the_last_state_with_it() {
    let mut screen = screen();
    screen.problem = Some("the agent has gone".to_owned());
    let text = drawn(&mut screen, 160, 40);
    assert!(text.contains("the agent has gone; trying again") && text.contains("checkout"));
}

#[test]
fn keys_move_and_leave() {
    let mut screen = screen();
    let press = |code| Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
    for expected in [1, 2, 3, 0] {
        assert!(!screen.leaves(&press(KeyCode::Tab)));
        assert_eq!(screen.focus, expected);
    }
    assert!(!screen.leaves(&press(KeyCode::BackTab)));
    assert_eq!(screen.focus, TABLES - 1);
    assert!(!screen.leaves(&press(KeyCode::Down)));
    assert_eq!(screen.tables[TABLES - 1].selected(), Some(0));
    assert!(screen.leaves(&press(KeyCode::Char('q'))));
    assert!(screen.leaves(&press(KeyCode::Esc)));
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert!(screen.leaves(&Event::Key(interrupt)));
}
