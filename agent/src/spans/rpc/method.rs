//! The fully-qualified method in the path of a call.

use super::system::System;

/// Longer names are no names.
const MAX_BYTES: usize = 512;

/// What a path says of the method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// `package.Service/Method`
    Named(String),
    /// A path that has not the form of a call.
    Other(String),
}

impl Method {
    /// gRPC: a slash, the service, a slash, the method. gRPC-Web and Connect may be routed by a prefix, which is left out.
    pub(super) fn of(target: &[u8], system: System) -> Self {
        let path = target
            .split(|byte| *byte == b'?')
            .next()
            .unwrap_or_default();
        let name = path
            .strip_prefix(b"/")
            .filter(|path| path.len() <= MAX_BYTES && path.iter().all(u8::is_ascii_graphic))
            .and_then(|path| std::str::from_utf8(path).ok())
            .and_then(|path| Self::name(path, system));
        match name {
            Some(name) => Self::Named(name.to_owned()),
            None => {
                let start = path.get(..MAX_BYTES).unwrap_or(path);
                Self::Other(String::from_utf8_lossy(start).into_owned())
            }
        }
    }

    fn name(path: &str, system: System) -> Option<&str> {
        let (before, method) = path.rsplit_once('/')?;
        let service = match system {
            System::Grpc => before,
            _ => before.rsplit_once('/').map_or(before, |(_, last)| last),
        };
        let start = before.len() - service.len();
        (!service.is_empty() && !method.is_empty()).then(|| path.get(start..))?
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, System};

    #[test]
    fn methods_of_paths() {
        let named = |name: &str| Method::Named(name.to_owned());
        let other = |path: &str| Method::Other(path.to_owned());
        for (path, system, expected) in [
            ("/a.B/C", System::Grpc, named("a.B/C")),
            ("/a/b.B/C", System::Grpc, named("a/b.B/C")),
            ("/B/C?x=1", System::Grpc, named("B/C")),
            ("/api/v1/a.B/C", System::ConnectUnary, named("a.B/C")),
            ("/a.B/C", System::ConnectUnary, named("a.B/C")),
            ("/web/a.B/C", System::GrpcWeb, named("a.B/C")),
            ("/C", System::Grpc, other("/C")),
            ("/a.B/", System::Grpc, other("/a.B/")),
            ("//C", System::ConnectStreaming, other("//C")),
            ("a.B/C", System::Grpc, other("a.B/C")),
            ("", System::Grpc, other("")),
            ("/a B/C", System::Grpc, other("/a B/C")),
        ] {
            assert_eq!(Method::of(path.as_bytes(), system), expected, "{path}");
        }
        let long = format!("/{}/C", "s".repeat(600));
        assert_eq!(
            Method::of(long.as_bytes(), System::Grpc),
            other(&long[..512])
        );
    }
}
