//! What agents at work have told the kernel side about processes, read from their maps: `sonde list` is another process.

use std::collections::HashMap;

use aya::maps::{HashMap as BpfHashMap, Map, MapData, loaded_maps};
use sonde_common::process::Process;

use super::loader::{PROCESSES, StoredProcess};

/// By process id; empty without an agent, or without the privilege to read its maps (CAP_SYS_ADMIN).
#[must_use]
pub fn told() -> HashMap<u32, Process> {
    let size = u32::try_from(size_of::<Process>()).unwrap_or_default();
    let maps = loaded_maps().flatten().filter(|map| {
        map.name_as_str() == Some(PROCESSES) && map.key_size() == 4 && map.value_size() == size
    });
    let processes = maps.filter_map(|map| {
        let data = Map::HashMap(MapData::from_id(map.id()).ok()?);
        let map: BpfHashMap<MapData, u32, StoredProcess> = data.try_into().ok()?;
        let entries = map.iter().flatten();
        Some(
            entries
                .map(|(tgid, StoredProcess(process))| (tgid, process))
                .collect::<Vec<_>>(),
        )
    });
    processes.flatten().collect()
}
