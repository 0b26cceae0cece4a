//! Looks for texts in a part of a file, a window at a time: the read-only data of an executable may have tens of megabytes.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

const WINDOW: usize = 256 * 1024;
/// The most that is read.
const MOST: u64 = 64 * 1024 * 1024;

/// Which of the texts are in the `size` bytes at `offset`.
pub(super) fn contains<const N: usize>(
    file: &File,
    (offset, size): (u64, u64),
    texts: [&str; N],
) -> [bool; N] {
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    let end = offset.saturating_add(size.min(MOST));
    let mut found = [false; N];
    let mut window = vec![0; WINDOW + longest];
    let mut at = offset;
    while at < end && !found.iter().all(|found| *found) {
        let wanted = window
            .len()
            .min(usize::try_from(end - at).unwrap_or(WINDOW));
        let Ok(read) = file.read_at(&mut window[..wanted], at) else {
            break;
        };
        for (text, found) in texts.iter().zip(&mut found) {
            *found |= memchr::memmem::find(&window[..read], text.as_bytes()).is_some();
        }
        // What lies across the end of the window is found in the next one, which begins that much earlier.
        let step = read.saturating_sub(longest);
        if step == 0 {
            break;
        }
        at += step as u64;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn texts_at_the_ends_and_across_windows() {
        let mut file = tempfile::tempfile().unwrap();
        let mut bytes = vec![b'.'; 3 * WINDOW];
        let mut put = |at: usize, text: &[u8]| bytes[at..at + text.len()].copy_from_slice(text);
        put(0, b"first");
        put(WINDOW - 2, b"across");
        put(3 * WINDOW - 4, b"last");
        file.write_all(&bytes).unwrap();
        let size = 3 * WINDOW as u64;
        let texts = ["first", "across", "last", "none"];
        assert_eq!(contains(&file, (0, size), texts), [true, true, true, false]);
        assert_eq!(
            contains(&file, (1, size), texts),
            [false, true, true, false]
        );
        assert_eq!(
            contains(&file, (0, size - 1), texts),
            [true, true, false, false]
        );
        assert_eq!(contains(&file, (size, 10), texts), [false; 4]);
        assert_eq!(contains(&file, (u64::MAX, 10), texts), [false; 4]);
    }
}
