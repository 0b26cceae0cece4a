//! grpcio: two functions of gRPC's C core in the `cygrpc` module, and the layout they work on.
//!
//! The module has no symbols, but both functions are virtual, and a class is found by its name: the name's type
//! information (`std::type_info`) points to it, and the class's table of virtual functions to that (Itanium C++ ABI,
//! sections 2.5.2 and 2.9).
//!
//! grpcio 1.70 and later. The programs compare what they read there with what the functions are told; a layout that
//! differs leaves calls missing.

use sonde_common::grpc::Grpc;

use super::image::Image;
use super::{Target, maps::Mapping, target};

/// Names of the classes as type information has them.
const TRANSPORT: &str = "21grpc_chttp2_transport";
const CALL: &str = "N9grpc_core15FilterStackCallE";
/// `FilterStackTransport` ends with five functions, `InitStream` is the second of them.
const INIT_STREAM_FROM_END: usize = 4;
/// Functions before `Call::StartBatch`: two destructors, `Run`, `Completed`, `CancelWithError`, `SetCompletionQueue`,
/// `GetPeer`.
const START_BATCH: usize = 7;
/// Most functions of a class.
const MOST: u64 = 64;

/// `Call::arena_` behind the pointer to the virtual functions.
const ARENA: u16 = 8;
/// The same where `Call` is a `channelz::DataSource` too (1.78 and later).
const ARENA_BEHIND_SOURCE: u16 = 24;
/// `grpc_chttp2_transport::ep`
const ENDPOINT: u16 = 24;
/// `grpc_chttp2_stream::id`
const STREAM_ID: u16 = 144;

/// grpcio's module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cygrpc {
    /// The file.
    pub target: Target,
    /// File offset of `grpc_chttp2_transport::InitStream`.
    pub init_stream: u64,
    /// File offset of `FilterStackCall::StartBatch`.
    pub start_batch: u64,
    /// For the BPF programs.
    pub layout: Grpc,
}

/// Looks into the module.
pub(super) fn inspect(mapping: &Mapping, image: &Image) -> Option<Cygrpc> {
    let [transport] = &tables(image, TRANSPORT)[..] else {
        return None;
    };
    let calls = tables(image, CALL);
    let call = calls.iter().find(|table| table.is_first())?;
    let init_stream = transport
        .functions
        .len()
        .checked_sub(INIT_STREAM_FROM_END)?;
    Some(Cygrpc {
        target: target(mapping),
        init_stream: image.file_offset(transport.functions[init_stream])?,
        start_batch: image.file_offset(*call.functions.get(START_BATCH)?)?,
        layout: Grpc {
            arena: match calls[..] {
                [_] => ARENA,
                _ => ARENA_BEHIND_SOURCE,
            },
            endpoint: ENDPOINT,
            stream_id: STREAM_ID,
            reserved: 0,
        },
    })
}

/// A table of virtual functions.
struct Table {
    /// Bytes from the base that it is of to the object, not positive.
    to_top: u64,
    functions: Vec<u64>,
}

impl Table {
    fn is_first(&self) -> bool {
        self.to_top == 0
    }
}

/// Those of a class: one, and one more for each base with virtual functions behind the first.
fn tables(image: &Image, class: &str) -> Vec<Table> {
    let names = image.pointers_to(&image.strings(class));
    // The name follows the pointer to the type information's own functions.
    let information: Vec<u64> = names.iter().map(|at| at - 8).collect();
    let pointers = image.pointers_to(&information);
    let table = pointers.into_iter().filter_map(|at| table(image, at));
    table.collect()
}

/// The table whose pointer to the type information is at `at`; none if that is something else's.
fn table(image: &Image, at: u64) -> Option<Table> {
    let functions = (1..=MOST).map_while(|index| {
        let function = image.pointer(at + 8 * index)?;
        image.file_offset(function).map(|_| function)
    });
    let functions: Vec<u64> = functions.collect();
    (!functions.is_empty()).then_some(Table {
        to_top: image.word(at - 8)?,
        functions,
    })
}
