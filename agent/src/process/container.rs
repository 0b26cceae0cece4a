//! Which container a process is in, from `/proc/PID/cgroup` and `/proc/PID/mountinfo`.
//!
//! Known: Docker, containerd (CRI and nerdctl), CRI-O, Podman, cri-dockerd, ECS; cgroup v1, v2 and hybrid;
//! the systemd and the cgroupfs driver; nested containers (the innermost wins).

/// The container id (64 hex digits, or the longer ECS task form), or nothing on the host.
///
/// `mountinfo` is asked only if the cgroup tells nothing, as when the agent sits in the target's
/// cgroup namespace and reads `0::/`.
pub(super) fn container_id(cgroup: &str, mountinfo: impl FnOnce() -> String) -> Option<String> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let from_cgroup = paths.clone().find_map(id_in_path);
    if from_cgroup.is_some() {
        return from_cgroup;
    }
    // Only a process at the root of a cgroup namespace (or beside ours, `/../`) is in doubt.
    let hidden = paths
        .into_iter()
        .all(|path| path == "/" || path.starts_with("/.."));
    if !hidden {
        return None;
    }
    mountinfo().lines().find_map(id_in_mount)
}

/// The unified (v2) path if there is one, else the first: what `cgroup=GLOB` is matched on.
pub(super) fn cgroup_path(cgroup: &str) -> &str {
    let path = |line: &'_ str| -> Option<usize> { line.splitn(3, ':').nth(2).map(str::len) };
    let line = cgroup
        .lines()
        .find(|line| line.starts_with("0::"))
        .or_else(|| cgroup.lines().next())
        .unwrap_or_default();
    &line[line.len() - path(line).unwrap_or(0)..]
}

fn id_in_path(path: &str) -> Option<String> {
    path.rsplit('/').find_map(id_in_segment)
}

fn id_in_segment(segment: &str) -> Option<String> {
    let name = segment.strip_suffix(".scope").unwrap_or(segment);
    // systemd driver of containerd without systemd: `kubepods-burstable-podX.slice:cri-containerd:ID`.
    let name = name.rsplit(':').next().unwrap_or(name);
    if name.contains("conmon-") {
        return None;
    }
    if is_ecs_task(name) {
        return Some(name.to_owned());
    }
    let id = name.rsplit('-').next().unwrap_or(name);
    is_id(id).then(|| id.to_owned())
}

/// Line of mountinfo: the files that a container engine binds into `/etc` lie in a folder named by the id.
fn id_in_mount(line: &str) -> Option<String> {
    let mut fields = line.split(' ').skip(3);
    let (source, target) = (fields.next()?, fields.next()?);
    let bound = matches!(target, "/etc/hostname" | "/etc/hosts" | "/etc/resolv.conf");
    // The sandbox's id is the pod's, not the container's.
    if !bound || source.contains("/sandboxes/") {
        return None;
    }
    let id = source.rsplit('/').find(|part| is_id(part))?;
    Some(id.to_owned())
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_ecs_task(text: &str) -> bool {
    let Some((task, container)) = text.split_once('-') else {
        return false;
    };
    task.len() == 32
        && task.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (8..=10).contains(&container.len())
        && container.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "3f2a8c51d0b94e7786aa1b0c9d8e7f60112233445566778899aabbccddeeff00";
    const B: &str = "00ffeeddccbbaa99887766554433221160f7e8d9c0b1aa86774e9b0dc518a2f3";

    #[test]
    fn ids_of_every_engine() {
        let ecs = "0123456789abcdef0123456789abcdef-1234567890";
        let cases = [
            (
                "docker v1",
                format!("12:pids:/docker/{A}\n1:name=systemd:/docker/{A}"),
                "",
                Some(A),
            ),
            (
                "docker v2 systemd",
                format!("0::/system.slice/docker-{A}.scope"),
                "",
                Some(A),
            ),
            (
                "docker in docker",
                format!("0::/docker/{A}/docker/{B}"),
                "",
                Some(B),
            ),
            (
                "systemd in docker",
                format!("0::/docker/{A}/system.slice/nginx.service"),
                "",
                Some(A),
            ),
            (
                "kubepods cgroupfs",
                format!("11:cpu:/kubepods/burstable/pod0d5c6a3e-1/{A}"),
                "",
                Some(A),
            ),
            (
                "containerd systemd",
                format!(
                    "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod0d5c.slice/cri-containerd-{A}.scope"
                ),
                "",
                Some(A),
            ),
            (
                "containerd colons",
                format!(
                    "0::/system.slice/containerd.service/kubepods-burstable-pod0d5c.slice:cri-containerd:{A}"
                ),
                "",
                Some(A),
            ),
            (
                "cri-o",
                format!("0::/kubepods.slice/kubepods-pod1.slice/crio-{A}.scope/container"),
                "",
                Some(A),
            ),
            (
                "cri-o monitor",
                format!("0::/kubepods.slice/crio-conmon-{A}.scope"),
                "",
                None,
            ),
            (
                "podman rootless",
                format!(
                    "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container"
                ),
                "",
                Some(A),
            ),
            (
                "podman monitor",
                format!("0::/machine.slice/libpod-conmon-{A}.scope"),
                "",
                None,
            ),
            (
                "cri-dockerd sibling",
                format!("0::/../../kubepods-pod1.slice/docker-{A}.scope"),
                "",
                Some(A),
            ),
            (
                "hybrid, v2 empty",
                format!("5:memory:/docker/{A}\n0::/"),
                "",
                Some(A),
            ),
            ("ecs", format!("9:memory:/ecs/task/{ecs}"), "", Some(ecs)),
            (
                "namespace, docker mounts",
                "0::/".to_owned(),
                "641 640 254:1 /var/lib/docker/containers/3f2a8c51d0b94e7786aa1b0c9d8e7f60112233445566778899aabbccddeeff00/hostname /etc/hostname rw - ext4 /dev/vda1 rw",
                Some(A),
            ),
            (
                "namespace, pod sandbox",
                "0::/".to_owned(),
                "641 640 254:1 /x/sandboxes/3f2a8c51d0b94e7786aa1b0c9d8e7f60112233445566778899aabbccddeeff00/hostname /etc/hostname rw - ext4 /dev/vda1 rw",
                None,
            ),
            (
                "service on the host",
                "0::/system.slice/nginx.service".to_owned(),
                "1 2 3 /containers/3f2a8c51d0b94e7786aa1b0c9d8e7f60112233445566778899aabbccddeeff00/x /etc/hosts rw",
                None,
            ),
            (
                "host",
                "0::/user.slice/session-1.scope".to_owned(),
                "",
                None,
            ),
            ("short hex", "0::/docker/abcdef".to_owned(), "", None),
            ("empty", String::new(), "", None),
        ];
        for (case, cgroup, mounts, expected) in cases {
            let got = container_id(&cgroup, || mounts.to_owned());
            assert_eq!(got.as_deref(), expected, "{case}");
        }
    }

    #[test]
    fn path_to_match() {
        let cases = [
            ("0::/a/b\n", "/a/b"),
            ("4:cpu:/x\n0::/a:b", "/a:b"),
            ("4:cpu:/x", "/x"),
            ("", ""),
            ("junk", ""),
        ];
        for (cgroup, expected) in cases {
            assert_eq!(cgroup_path(cgroup), expected, "{cgroup}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_survived(cgroup in "(?s).{0,200}", mounts in "(?s).{0,200}") {
            container_id(&cgroup, || mounts);
            cgroup_path(&cgroup);
        }
    }
}
