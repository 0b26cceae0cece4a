//! Which words of paths are data: learned from the traffic of each service.
//!
//! [`route::template`] looks at one path and keeps every word. Names of people, articles and repositories are words
//! too, and a route has to be of low cardinality by the HTTP conventions. So the words at each position of a service's
//! paths are counted. A position with too many of them is a parameter: what was not seen often there is `{id}` from then
//! on, and what is behind it is learned for all of them together.
//!
//! Bounded by services and by bytes of a service; what is beyond that ends in `/*`. It learns from the order of
//! the spans alone, without clock or chance. Both ends of a request are named by the same rules, from what each has seen.

use std::collections::HashMap;
use std::mem;

use super::{Role, route};

/// Words at one position: so many are static, whatever they are.
const FEW_WORDS: usize = 16;
/// More than so many are data, however often they come.
const MOST_WORDS: usize = 64;
/// A word at a position that is a parameter stays, if it came so often,
const FREQUENT: u32 = 16;
/// and was one in so many.
const SHARE: u32 = 32;
/// Bytes of one end of a service, as accounted by [`Position::bytes`].
const SERVICE_BYTES: usize = 32 * 1024;
/// Services; the one that was not heard of for the longest time gives way.
const SERVICES: usize = 128;

/// The routes of all services.
#[derive(Debug, Default)]
pub struct Routes {
    services: HashMap<String, Service>,
    /// Counts what is named.
    turn: u64,
}

/// The routes that a service serves, and those that it asks for.
#[derive(Debug, Default)]
struct Service {
    served: Paths,
    called: Paths,
    used: u64,
}

#[derive(Debug, Default)]
struct Paths {
    root: Position,
    bytes: usize,
}

/// A position in a path, behind the same segments.
#[derive(Debug, Default)]
struct Position {
    /// By text.
    words: Vec<Word>,
    /// Behind everything that is no word.
    parameter: Option<Box<Position>>,
    /// It is a parameter: no word is added.
    varies: bool,
}

#[derive(Debug)]
struct Word {
    text: Box<str>,
    seen: u32,
    next: Position,
}

impl Routes {
    /// The route of a path of a service, as [`route::template`] gives it for the path alone, but for words that are data.
    pub fn route(&mut self, service: &str, role: Role, path: &str) -> Option<String> {
        let template = route::template(path)?;
        self.turn += 1;
        let turn = self.turn;
        let service = self.service(service)?;
        service.used = turn;
        let paths = match role {
            Role::Server => &mut service.served,
            Role::Client => &mut service.called,
        };
        Some(paths.name(&template))
    }

    fn service(&mut self, name: &str) -> Option<&mut Service> {
        if !self.services.contains_key(name) {
            self.make_room();
            self.services.insert(name.to_owned(), Service::default());
        }
        self.services.get_mut(name)
    }

    fn make_room(&mut self) {
        if self.services.len() < SERVICES {
            return;
        }
        let services = self.services.iter();
        let oldest = services.min_by_key(|(_, service)| service.used);
        if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
            self.services.remove(&oldest);
        }
    }
}

impl Paths {
    fn name(&mut self, template: &str) -> String {
        let mut name = String::with_capacity(template.len());
        let mut position = &mut self.root;
        let mut changed = false;
        for segment in template.split('/').skip(1) {
            name.push('/');
            let is_word = segment != route::ID && segment != route::REST;
            let room = SERVICE_BYTES.saturating_sub(self.bytes);
            let step = position.step(segment, is_word, room);
            self.bytes += step.added;
            changed |= step.changed;
            let Some(next) = step.next else {
                name.push_str(route::REST);
                break;
            };
            name.push_str(match segment {
                route::REST => route::REST,
                word if step.is_word => word,
                _ => route::ID,
            });
            position = next;
        }
        if changed {
            self.bytes = self.root.bytes();
        }
        name
    }
}

/// What a segment leads to.
struct Step<'p> {
    /// `None`: there is no room to learn it.
    next: Option<&'p mut Position>,
    is_word: bool,
    /// Bytes more than before.
    added: usize,
    /// It has become a parameter: the bytes are to be counted anew.
    changed: bool,
}

impl Position {
    fn step(&mut self, segment: &str, is_word: bool, room: usize) -> Step<'_> {
        let mut step = Step {
            next: None,
            is_word: false,
            added: 0,
            changed: false,
        };
        let mut found = self.find(segment);
        if is_word && found.is_err() && !self.varies {
            let cost = size_of::<Word>() + segment.len();
            if cost > room {
                return step;
            }
            step.added = cost;
            self.insert(segment, found.unwrap_or_else(|at| at));
            step.changed = self.has_too_many_words();
            if step.changed {
                self.become_parameter();
            }
            found = self.find(segment);
        }
        if let (true, Ok(at)) = (is_word, found) {
            let word = self.words.get_mut(at);
            step.is_word = true;
            step.next = word.map(|word| {
                word.seen = word.seen.saturating_add(1);
                &mut word.next
            });
            return step;
        }
        if self.parameter.is_none() {
            if size_of::<Self>() > room {
                return step;
            }
            step.added += size_of::<Self>();
        }
        step.next = Some(self.parameter.get_or_insert_default());
        step
    }

    fn find(&self, text: &str) -> Result<usize, usize> {
        self.words.binary_search_by(|word| (*word.text).cmp(text))
    }

    fn insert(&mut self, text: &str, at: usize) {
        // What is accounted is what is held.
        self.words.reserve_exact(1);
        self.words.insert(
            at,
            Word {
                text: text.into(),
                seen: 0,
                next: Self::default(),
            },
        );
    }

    /// Static words come again soon; of data most comes once.
    fn has_too_many_words(&self) -> bool {
        let words = self.words.len();
        let again = self.words.iter().filter(|word| word.seen > 1).count();
        words > MOST_WORDS || (words > FEW_WORDS && again * 2 < words)
    }

    /// The words that are not frequent are taken together.
    fn become_parameter(&mut self) {
        self.varies = true;
        let total = self
            .words
            .iter()
            .fold(0_u32, |total, word| total.saturating_add(word.seen));
        let least = FREQUENT.max(total / SHARE);
        let (words, data): (Vec<Word>, Vec<Word>) = mem::take(&mut self.words)
            .into_iter()
            .partition(|word| word.seen >= least);
        self.words = words;
        let parameter = self.parameter.get_or_insert_default();
        for word in data {
            parameter.merge(word.next);
        }
    }

    /// Takes in what was learned behind another word.
    fn merge(&mut self, other: Self) {
        for word in other.words {
            match self.find(&word.text) {
                Ok(at) => {
                    if let Some(known) = self.words.get_mut(at) {
                        known.seen = known.seen.saturating_add(word.seen);
                        known.next.merge(word.next);
                    }
                }
                Err(_) if self.varies => self.parameter.get_or_insert_default().merge(word.next),
                Err(at) => self.words.insert(at, word),
            }
        }
        if let Some(parameter) = other.parameter {
            self.parameter.get_or_insert_default().merge(*parameter);
        }
        if !self.varies && (other.varies || self.has_too_many_words()) {
            self.become_parameter();
        }
    }

    /// What it takes, its own fields aside: those are in whatever leads to it.
    fn bytes(&self) -> usize {
        let words = self
            .words
            .iter()
            .map(|word| size_of::<Word>() + word.text.len() + word.next.bytes());
        let parameter = self.parameter.as_ref();
        let parameter = parameter.map_or(0, |position| size_of::<Self>() + position.bytes());
        words.fold(parameter, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests;
