"""Which test files are about what: a row is shown by a test of these files alone, whatever others have the same word.

The longest beginning counts; the files are in the order in which they are asked: first those whose judge is the kernel.
"""

from __future__ import annotations

_CGROUPS = ("integration/test_cgroups_effects", "integration/test_cgroups_limits", "unit/test_cgroups_resources")
_HOOKS = (
    "integration/test_hooks",
    "integration/test_hooks_exec",
    "integration/test_hooks_caller",
    "unit/test_hooks_run",
)
_SECCOMP = ("integration/test_seccomp_filter", "unit/test_seccomp_plan", "unit/test_seccomp_program")
_CRIU = ("integration/test_checkpoint", "integration/test_checkpoint_faults")
_IDS = ("integration/test_id_mappings", "integration/test_user_namespace_files")
_SCHEDULER = ("integration/test_scheduler", "unit/test_plan_process")

PROPERTIES: dict[str, tuple[str, ...]] = {
    "ociVersion": ("unit/test_spec_bundle",),
    "root.path": ("integration/test_mounts_sources", "unit/test_plan_rootfs"),
    "root.readonly": ("integration/test_root_readonly",),
    "mounts": ("integration/test_mounts_bind", "integration/test_mounts_filesystems", "unit/test_plan_mounts"),
    "mounts.options": ("integration/test_mount_options",),
    "mounts.uidMappings": ("integration/test_idmapped_mounts",),
    "mounts.gidMappings": ("integration/test_idmapped_mounts",),
    "process.terminal": ("integration/test_terminal",),
    "process.consoleSize": ("integration/test_console_size",),
    "process.cwd": ("integration/test_process_cwd",),
    "process.env": ("integration/test_process_env",),
    "process.args": ("integration/test_process_args",),
    "process.commandLine": ("integration/test_process_properties", "unit/test_spec_bundle"),
    "process.user": ("integration/test_process_user",),
    "process.user.additionalGids": ("integration/test_additional_gids",),
    "process.user.username": ("unit/test_rules",),
    "process.rlimits": ("integration/test_rlimits",),
    "process.capabilities": ("integration/test_capabilities",),
    "process.noNewPrivileges": ("integration/test_no_new_privileges",),
    "process.oomScoreAdj": ("integration/test_oom_score_adj",),
    "process.apparmorProfile": ("integration/test_process_properties", "unit/test_lsm"),
    "process.selinuxLabel": ("integration/test_lsm_labels", "unit/test_lsm"),
    "process.scheduler": _SCHEDULER,
    "process.ioPriority": ("integration/test_io_priority",),
    "process.execCPUAffinity": ("integration/test_exec_options", "integration/test_exec", "unit/test_plan_exec"),
    "hostname": ("integration/test_hostname",),
    "domainname": ("integration/test_hostname",),
    "hooks": _HOOKS,
    "annotations": ("unit/test_systemd_annotations", "integration/test_state"),
    "linux.namespaces": ("integration/test_namespaces",),
    "linux.uidMappings": _IDS,
    "linux.gidMappings": _IDS,
    "linux.timeOffsets": ("integration/test_time_offsets",),
    "linux.devices": ("integration/test_devices",),
    "linux.netDevices": ("integration/test_net_devices",),
    "linux.cgroupsPath": ("integration/test_cgroups_path",),
    "linux.resources": _CGROUPS,
    "linux.resources.devices": ("integration/test_cgroups_devices",),
    "linux.resources.network": ("integration/test_cgroups_limits", "unit/test_cgroups_resources"),
    "linux.intelRdt": ("integration/test_intel_rdt_groups",),
    "linux.memoryPolicy": ("integration/test_memory_policy",),
    "linux.sysctl": ("integration/test_sysctl",),
    "linux.seccomp": _SECCOMP,
    "linux.seccomp.listener": ("integration/test_seccomp_notify",),
    "linux.rootfsPropagation": ("integration/test_rootfs_propagation",),
    "linux.maskedPaths": ("integration/test_masked_paths",),
    "linux.readonlyPaths": ("integration/test_readonly_paths",),
    "linux.mountLabel": ("integration/test_mounts_order", "unit/test_lsm"),
    "linux.personality": ("integration/test_personality", "unit/test_rules"),
}

_LIFE = ("integration/test_lifecycle", "integration/test_state", "unit/test_state_lifecycle")
_EXEC = ("integration/test_exec", "integration/test_exec_options")
COMMANDS: dict[str, tuple[str, ...]] = {
    "(global)": ("unit/test_cli_main", "integration/test_debug", "unit/test_small_options"),
    "(global) cgroup-manager": ("integration/test_cgroup_manager",),
    "(global) systemd-cgroup": ("integration/test_cgroups_systemd",),
    "(global) rootless": ("user/test_systemd_user_manager",),
    "(global) criu": ("integration/test_checkpoint_faults",),
    "create": _LIFE,
    "start": _LIFE,
    "state": ("integration/test_state",),
    "kill": ("integration/test_lifecycle", "integration/test_cgroups_processes", "unit/test_state_lifecycle"),
    "delete": _LIFE,
    "run": _LIFE,
    "exec": _EXEC,
    "list": ("integration/test_list",),
    "ps": ("integration/test_cgroups_processes",),
    "pause": ("integration/test_cgroups_processes",),
    "resume": ("integration/test_cgroups_processes",),
    "update": ("integration/test_cgroups_limits", "unit/test_cgroups_commands"),
    "update l3-cache-schema": ("integration/test_intel_rdt_groups",),
    "update mem-bw-schema": ("integration/test_intel_rdt_groups",),
    "spec": ("unit/test_spec_commands",),
    "features": ("unit/test_spec_commands",),
    "events": ("integration/test_cgroups_effects", "integration/test_top", "unit/test_cgroups_commands"),
    "checkpoint": _CRIU,
    "restore": _CRIU,
    "mounts": ("integration/test_mounts_command",),
    "top": ("integration/test_top", "unit/test_top"),
    "validate": ("unit/test_spec_commands", "unit/test_spec_bundle"),
    "explain": ("unit/test_explain",),
    "try": ("integration/test_try",),
    "doctor": ("integration/test_doctor", "unit/test_doctor"),
    "help": ("unit/test_manual", "integration/test_command_line"),
    "completion": ("integration/test_command_line", "unit/test_manual"),
}
for _command in ("create", "run"):
    COMMANDS |= {
        f"{_command} config": ("integration/test_command_line",),
        f"{_command} console-socket": ("integration/test_terminal",),
        f"{_command} pid-file": ("integration/test_lifecycle",),
        f"{_command} pidfd-socket": ("integration/test_pidfd_socket",),
        f"{_command} no-pivot": ("integration/test_root_readonly",),
        f"{_command} no-new-keyring": ("integration/test_keyring",),
        f"{_command} preserve-fds": ("integration/test_preserve_fds",),
    }
COMMANDS |= {
    "exec console-socket": ("integration/test_terminal", "integration/test_console_size"),
    "exec pidfd-socket": ("integration/test_pidfd_socket",),
    "exec preserve-fds": ("integration/test_preserve_fds", "security/test_descriptors_at_exec"),
    "exec apparmor": ("integration/test_exec_options",),
    "exec cgroup": ("integration/test_exec_options",),
    "exec tty": ("integration/test_console_size",),
    "exec detach": ("integration/test_console_size",),
    "exec pid-file": ("integration/test_console_size",),
    "list quiet": ("integration/test_lifecycle", "integration/test_rootless"),
    "spec file": ("integration/test_printed_documents",),
    "restore lsm-profile": ("integration/test_checkpoint", "unit/test_restore_plan"),
    "restore lsm-mount-context": ("unit/test_restore_plan",),
}
MOUNT_OPTIONS = (
    "integration/test_mount_options",
    "integration/test_bind_flags",
    "integration/test_mounts_bind",
    "integration/test_idmapped_mounts",
    "integration/test_rootfs_propagation",
    "integration/test_tmpcopyup",
    "unit/test_plan_mounts",
    "unit/test_mount_options",
)
ANNOTATIONS = {
    "org.criu.config": ("integration/test_checkpoint_faults",),
    "org.systemd.property.": ("integration/test_cgroups_systemd", "unit/test_systemd_annotations"),
    "run.oci.delegate-cgroup": ("integration/test_cgroups_subgroups",),
    "run.oci.hooks.stderr": ("integration/test_process_properties", "security/test_annotations"),
    "run.oci.hooks.stdout": ("integration/test_process_properties", "security/test_annotations"),
    "run.oci.keep_original_groups": ("integration/test_process_properties",),
    "run.oci.mount_context_type": ("unit/test_plan_process", "unit/test_plan_build"),
    "run.oci.systemd.force_cgroup_v1": ("integration/test_cgroups_named",),
    "run.oci.systemd.subgroup": ("integration/test_cgroups_subgroups",),
}


def of(table: dict[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    """Of the longest beginning of `name` in the table."""
    fitting = [start for start in table if name.startswith(start)]
    return table[max(fitting, key=len)] if fitting else ()
