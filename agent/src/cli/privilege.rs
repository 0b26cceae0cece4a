//! The capabilities the agent works by (capabilities(7)), and which of them this process lacks.

use crate::cli::Failure;
use caps::{CapSet, Capability};
use std::collections::HashSet;

/// A capability and the reason to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privilege {
    /// The capability.
    pub capability: Capability,
    /// What the agent does with it.
    pub purpose: &'static str,
    /// A wider capability that the kernel accepts in its place.
    substitute: Capability,
}

const REQUIRED: [Privilege; 5] = [
    Privilege {
        capability: Capability::CAP_BPF,
        purpose: "load programs and create maps",
        substitute: Capability::CAP_SYS_ADMIN,
    },
    Privilege {
        capability: Capability::CAP_PERFMON,
        purpose: "attach tracing programs",
        substitute: Capability::CAP_SYS_ADMIN,
    },
    Privilege {
        capability: Capability::CAP_NET_ADMIN,
        purpose: "attach socket programs to cgroups",
        substitute: Capability::CAP_SYS_ADMIN,
    },
    Privilege {
        capability: Capability::CAP_SYS_PTRACE,
        purpose: "read the executable and environment of other processes, and take in their open connections",
        substitute: Capability::CAP_SYS_PTRACE,
    },
    Privilege {
        capability: Capability::CAP_DAC_READ_SEARCH,
        purpose: "read files of other users in /proc",
        substitute: Capability::CAP_DAC_OVERRIDE,
    },
];

/// The privileges that this process does not have now.
///
/// # Errors
/// The kernel does not tell the capabilities of this process.
pub fn missing() -> Result<Vec<Privilege>, Failure> {
    let effective = caps::read(None, CapSet::Effective).map_err(|error| {
        Failure::run_time("cannot read the capabilities of this process").because(error)
    })?;
    Ok(missing_from(&effective))
}

/// Stops the agent before it does anything, if it could not work.
///
/// # Errors
/// [`crate::cli::Kind::Missing`] with one sentence that names each missing capability.
pub fn require() -> Result<(), Failure> {
    let missing = missing()?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::missing(sentence(&missing)))
}

fn missing_from(effective: &HashSet<Capability>) -> Vec<Privilege> {
    REQUIRED
        .into_iter()
        .filter(|privilege| {
            !effective.contains(&privilege.capability) && !effective.contains(&privilege.substitute)
        })
        .collect()
}

fn sentence(missing: &[Privilege]) -> String {
    let noun = if missing.len() == 1 {
        "capability"
    } else {
        "capabilities"
    };
    let list: Vec<String> = missing
        .iter()
        .map(|privilege| format!("{} (to {})", privilege.capability, privilege.purpose))
        .collect();
    format!(
        "missing {noun} {}; run as root or grant what is missing",
        list.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{REQUIRED, missing_from, sentence};
    use caps::Capability::{self, *};

    #[test]
    fn what_is_missing() {
        let cases: [(&[Capability], &[Capability]); 3] = [
            (
                &[],
                &[
                    CAP_BPF,
                    CAP_PERFMON,
                    CAP_NET_ADMIN,
                    CAP_SYS_PTRACE,
                    CAP_DAC_READ_SEARCH,
                ],
            ),
            (&[CAP_SYS_ADMIN, CAP_DAC_OVERRIDE], &[CAP_SYS_PTRACE]),
            (
                &[
                    CAP_BPF,
                    CAP_PERFMON,
                    CAP_NET_ADMIN,
                    CAP_SYS_PTRACE,
                    CAP_DAC_READ_SEARCH,
                ],
                &[],
            ),
        ];
        for (effective, expected) in cases {
            let missing = missing_from(&effective.iter().copied().collect());
            let missing: Vec<Capability> = missing
                .iter()
                .map(|privilege| privilege.capability)
                .collect();
            assert_eq!(missing, expected, "{effective:?}");
        }
    }

    #[test]
    fn one_sentence_names_them() {
        assert_eq!(
            sentence(&REQUIRED[..2]),
            "missing capabilities CAP_BPF (to load programs and create maps), CAP_PERFMON (to attach tracing \
             programs); run as root or grant what is missing"
        );
        assert!(sentence(&REQUIRED[..1]).starts_with("missing capability CAP_BPF "));
    }
}
