//! The mapped files of a process that matter here (`proc_pid_maps(5)`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The first mapping of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) start: u64,
    pub(super) offset: u64,
    pub(super) device: String,
    pub(super) inode: u64,
    /// It is uvloop's extension module.
    pub(super) is_uvloop: bool,
    /// The package whose extension module it is, of those that matter.
    pub(super) package: Option<Package>,
    /// Last component of the path.
    pub(super) name: String,
    /// `/proc/PID/map_files/START-END`.
    pub(super) link: PathBuf,
}

/// Packages that say how a process serves its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    /// Coroutines that change within a thread.
    Greenlet,
    /// Has an event loop for greenlets.
    Gevent,
    /// Has greenlets for its asyncio interface only.
    SqlAlchemy,
    /// A server and client on asyncio.
    Tornado,
}

impl Package {
    fn of(folder: &str) -> Option<Self> {
        let (parent, last) = folder.rsplit_once('/')?;
        match last {
            "greenlet" => Some(Self::Greenlet),
            "gevent" => Some(Self::Gevent),
            "tornado" => Some(Self::Tornado),
            "cyextension" if parent.ends_with("/sqlalchemy") => Some(Self::SqlAlchemy),
            _ => None,
        }
    }
}

/// The files that `pid` maps, each once, in the order of their addresses.
pub(super) fn read(pid: u32) -> Option<Vec<Mapping>> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let text = fs::read(directory.join("maps")).ok()?;
    Some(parse(
        &String::from_utf8_lossy(&text),
        &directory.join("map_files"),
    ))
}

fn parse(text: &str, links: &Path) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for mapping in text.lines().filter_map(|line| line_of(line, links)) {
        let seen = |other: &Mapping| other.inode == mapping.inode && other.device == mapping.device;
        if !mappings.iter().any(seen) {
            mappings.push(mapping);
        }
    }
    mappings
}

/// Has the process greenlets for something like eventlet, which has no module of its own? gevent keeps its sockets in an epoll, which is
/// seen; SQLAlchemy has greenlets for its asyncio interface only.
pub(super) fn has_unexplained_greenlets(mappings: &[Mapping]) -> bool {
    let packages = || mappings.iter().filter_map(|mapping| mapping.package);
    packages().any(|package| package == Package::Greenlet)
        && !packages().any(|package| matches!(package, Package::Gevent | Package::SqlAlchemy))
}

fn line_of(line: &str, links: &Path) -> Option<Mapping> {
    let mut rest = line;
    let mut field = || {
        let (word, tail) = rest.split_once(' ')?;
        rest = tail.trim_start();
        Some(word)
    };
    let (range, _permissions, offset) = (field()?, field()?, field()?);
    let (device, inode) = (field()?.to_owned(), field()?.parse().ok()?);
    let path = rest.strip_suffix(" (deleted)").unwrap_or(rest);
    let (folder, name) = path.rsplit_once('/')?;
    let address = |digits| u64::from_str_radix(digits, 16).ok();
    let (start, end) = range.split_once('-')?;
    let (start, end) = (address(start)?, address(end)?);
    Some(Mapping {
        start,
        offset: u64::from_str_radix(offset, 16).ok()?,
        device,
        inode,
        is_uvloop: folder.ends_with("/uvloop") && name.starts_with("loop."),
        package: Package::of(folder).filter(|_| name.ends_with(".so")),
        name: name.to_owned(),
        link: links.join(format!("{start:x}-{end:x}")),
    })
}

impl Mapping {
    /// The mapped file itself.
    pub(super) fn open(&self) -> Option<File> {
        File::open(&self.link).ok()
    }

    pub(super) fn is_module(&self) -> bool {
        self.name.starts_with("_asyncio.cpython-3")
    }

    /// grpcio's extension module, with gRPC's C core in it.
    pub(super) fn is_cygrpc(&self) -> bool {
        self.name.starts_with("cygrpc.cpython-3")
    }

    /// Minor version of a release build's module, `_asyncio.cpython-311-x86_64-linux-gnu.so`.
    pub(super) fn module_minor(&self) -> Option<u8> {
        let rest = self.name.strip_prefix("_asyncio.cpython-3")?;
        minor(rest, |end| end.starts_with('-'))
    }

    /// Of a shared interpreter, `libpython3.11.so.1.0`: its minor version if it is a release build.
    /// (`libpython3.so` only forwards.)
    pub(super) fn library_minor(&self) -> Option<Option<u8>> {
        let rest = self.name.strip_prefix("libpython3.")?;
        (!rest.starts_with("so")).then(|| minor(rest, |end| end.starts_with(".so")))
    }

    /// Of an executable, `python3.11`: its minor version. `python3` and `python` tell none.
    pub(super) fn executable_minor(&self) -> Option<Option<u8>> {
        let rest = self.name.strip_prefix("python")?;
        if rest.is_empty() || rest == "3" {
            return Some(None);
        }
        Some(minor(rest.strip_prefix("3.")?, str::is_empty))
    }
}

/// Leading digits, if what follows them is as it should be.
fn minor(text: &str, end: impl Fn(&str) -> bool) -> Option<u8> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    end(rest).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{Mapping, Package, has_unexplained_greenlets, parse};
    use std::path::Path;

    #[test]
    fn files_once_by_first_mapping() {
        let text = "\
00400000-00420000 r--p 00000000 fe:00 12                         /usr/bin/python3.11
00420000-006d2000 r-xp 00020000 fe:00 12                         /usr/bin/python3.11
7f0000000000-7f0000001000 rw-p 00000000 00:00 0 
7f0000002000-7f0000003000 r--p 00000000 fe:00 13   /opt/a b/_asyncio.cpython-311-x86_64-linux-gnu.so (deleted)
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0                  [vdso]
";
        let found = parse(text, Path::new("/proc/1/map_files"));
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].start, found[0].inode), (0x40_0000, 12));
        assert_eq!(found[0].link, Path::new("/proc/1/map_files/400000-420000"));
        assert!(found[1].is_module());
        assert_eq!(found[1].module_minor(), Some(11));
    }

    #[test]
    fn packages_by_folder() {
        let package = |path: &str| {
            let line = format!("7f0000000000-7f0000001000 r-xp 00000000 fe:00 13 {path}");
            parse(&line, Path::new("/"))[0].package
        };
        let site = "/srv/lib/python3.11/site-packages";
        let named = |path: &str| package(&format!("{site}/{path}"));
        let greenlet = named("greenlet/_greenlet.cpython-311-x86_64-linux-gnu.so");
        assert_eq!(greenlet, Some(Package::Greenlet));
        let gevent = named("gevent/_gevent_cgreenlet.cpython-311-x86_64-linux-gnu.so");
        assert_eq!(gevent, Some(Package::Gevent));
        let extension = named("sqlalchemy/cyextension/util.cpython-311-x86_64-linux-gnu.so");
        assert_eq!(extension, Some(Package::SqlAlchemy));
        assert_eq!(named("tornado/speedups.abi3.so"), Some(Package::Tornado));
        assert_eq!(named("tornado/data.bin"), None);
        assert_eq!(named("other/cyextension/util.so"), None);
    }

    #[test]
    fn greenlets_are_explained_by_who_has_them() {
        let of = |packages: &[Package]| {
            let mapping = |package: &Package| Mapping {
                package: Some(*package),
                ..Mapping::default()
            };
            let mappings: Vec<Mapping> = packages.iter().map(mapping).collect();
            has_unexplained_greenlets(&mappings)
        };
        assert!(of(&[Package::Greenlet]));
        assert!(of(&[Package::Tornado, Package::Greenlet]));
        assert!(!of(&[Package::Greenlet, Package::Gevent]));
        assert!(!of(&[Package::SqlAlchemy, Package::Greenlet]));
        assert!(!of(&[Package::Tornado]));
    }

    #[test]
    fn versions_by_name() {
        let named = |name: &str| Mapping {
            name: name.to_owned(),
            ..Mapping::default()
        };
        assert_eq!(named("libpython3.9.so.1.0").library_minor(), Some(Some(9)));
        assert_eq!(named("libpython3.13t.so.1.0").library_minor(), Some(None));
        assert_eq!(named("libpython3.11d.so.1.0").library_minor(), Some(None));
        assert_eq!(named("libpython3.so").library_minor(), None);
        assert_eq!(named("python3.12").executable_minor(), Some(Some(12)));
        assert_eq!(named("python3").executable_minor(), Some(None));
        assert_eq!(named("python2.7").executable_minor(), None);
        assert_eq!(
            named("_asyncio.cpython-313t-x86_64-linux-gnu.so").module_minor(),
            None
        );
    }
}
