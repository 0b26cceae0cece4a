//! Functions of the `_asyncio` module, by the tables through which the interpreter finds them.
//!
//! `Task.__init__` is the `tp_init` of the type named `_asyncio.Task`: a field of the static type up to
//! 3.11, a slot of its `PyType_Spec` from 3.12 on. `Future.set_result` is an entry of a table of
//! `PyMethodDef`; the other table with such an entry is Task's, which also has `get_coro`.

use super::image::Image;

/// `offsetof(PyTypeObject, tp_name)` and `tp_init`, 3.9 to 3.11.
const TP_NAME: u64 = 24;
const TP_INIT: u64 = 296;
/// `offsetof(PyType_Spec, slots)`; `name` is first.
const SPEC_SLOTS: u64 = 24;
/// `Py_tp_init` (`Include/typeslots.h`).
const SLOT_TP_INIT: u64 = 60;
/// `sizeof(PyType_Slot)`, `sizeof(PyMethodDef)`.
const SLOT: u64 = 16;
const METHOD: u64 = 32;
/// More entries than any of these tables has.
const MOST: u64 = 64;

/// Addresses in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) task_init: u64,
    pub(super) set_result: u64,
}

/// The two functions; nothing unless each is found exactly once.
pub(super) fn find(image: &Image, minor: u8) -> Option<Tables> {
    Some(Tables {
        task_init: task_init(image, minor)?,
        set_result: set_result(image)?,
    })
}

fn task_init(image: &Image, minor: u8) -> Option<u64> {
    let names = image.pointers_to(&image.strings("_asyncio.Task"));
    let function = |name: u64| match minor {
        ..=11 => image.pointer(name - TP_NAME + TP_INIT),
        _ => spec_init(image, image.pointer(name + SPEC_SLOTS)?),
    };
    only(image, names.into_iter().filter_map(function))
}

fn spec_init(image: &Image, slots: u64) -> Option<u64> {
    let slots = (0..MOST).map(|index| slots + index * SLOT);
    let mut used = slots.take_while(|slot| image.word(*slot).is_some_and(|id| id != 0));
    let init = used.find(|slot| image.word(*slot) == Some(SLOT_TP_INIT))?;
    image.pointer(init + 8)
}

fn set_result(image: &Image) -> Option<u64> {
    let entries = image.pointers_to(&image.strings("set_result"));
    let of_task = image.strings("get_coro");
    let is_future = |entry: &u64| !rest(image, *entry).any(|name| of_task.contains(&name));
    let function = |entry: u64| image.pointer(entry + 8);
    only(
        image,
        entries.into_iter().filter(is_future).filter_map(function),
    )
}

/// Names of the methods from `entry` to the end of its table.
fn rest(image: &Image, entry: u64) -> impl Iterator<Item = u64> {
    let names = (0..MOST).map(move |index| image.pointer(entry + index * METHOD));
    names.map_while(|name| name.filter(|name| *name != 0))
}

/// The one address of code among `found`.
fn only(image: &Image, found: impl Iterator<Item = u64>) -> Option<u64> {
    let mut code: Vec<u64> = found
        .filter(|at| image.file_offset(*at).is_some())
        .collect();
    code.dedup();
    match code[..] {
        [one] => Some(one),
        _ => None,
    }
}
