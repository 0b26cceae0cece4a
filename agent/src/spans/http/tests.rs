//! Tables over the attribute rules.
