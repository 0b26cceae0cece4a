//! The query part of a URL.

/// A parameter that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(name: &str, problem: &str) -> Self {
        Self {
            message: format!("parameter '{name}' {problem}"),
        }
    }
}

/// Names and values in their order; an empty value counts as none.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// All values of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(found, value)| found == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a name.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.all(name).next().map(str::to_owned)
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Problem> {
        let parse = |text: &str| text.parse().map_err(|_| Problem::new(name, what));
        self.all(name).next().map(parse).transpose()
    }

    /// A number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, Problem> {
        let number = self.parsed::<f64>(name, "is not a number")?;
        match number {
            Some(number) if !number.is_finite() || number < 0.0 => {
                Err(Problem::new(name, "is not a number from 0"))
            }
            number => Ok(number),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, name: &str) -> Result<Option<usize>, Problem> {
        self.parsed(name, "is not a whole number from 0")
    }

    /// A time that may lie before 1970.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.parsed(name, "is not a whole number")
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.all(name).next() {
            None => Ok(None),
            Some("true" | "1" | "t" | "T" | "TRUE" | "True") => Ok(Some(true)),
            Some("false" | "0" | "f" | "F" | "FALSE" | "False") => Ok(Some(false)),
            Some(_) => Err(Problem::new(name, "is not true or false")),
        }
    }
}
