"""The messages of criu's RPC that pyoci uses: names and numbers are those of criu's rpc.proto."""

from __future__ import annotations

from pyoci.criu.codec import BOOL, INT, TEXT, Message, Repeated

# criu_req_type
DUMP = 1
RESTORE = 2
PRE_DUMP = 4
NOTIFY = 6
FEATURE_CHECK = 9
VERSION = 10

_PAIR = Message(key=(1, TEXT), fd=(2, INT))

OPTIONS = Message(
    images_dir_fd=(1, INT),
    pid=(2, INT),
    leave_running=(3, BOOL),
    ext_unix_sk=(4, BOOL),
    tcp_established=(5, BOOL),
    shell_job=(7, BOOL),
    file_locks=(8, BOOL),
    log_level=(9, INT),
    log_file=(10, TEXT),
    ps=(11, Message(address=(1, TEXT), port=(2, INT))),
    notify_scripts=(12, BOOL),
    root=(13, TEXT),
    parent_img=(14, TEXT),
    track_mem=(15, BOOL),
    auto_dedup=(16, BOOL),
    work_dir_fd=(17, INT),
    link_remap=(18, BOOL),
    cg_root=(25, Repeated(Message(ctrl=(1, TEXT), path=(2, TEXT)))),
    rst_sibling=(26, BOOL),
    inherit_fd=(27, Repeated(_PAIR)),
    ext_sharing=(29, BOOL),
    ext_masters=(30, BOOL),
    manage_cgroups_mode=(34, INT),
    external=(37, Repeated(TEXT)),
    empty_ns=(38, INT),
    join_ns=(39, Repeated(Message(ns=(1, TEXT), ns_file=(2, TEXT), extra_opt=(3, TEXT)))),
    freeze_cgroup=(44, TEXT),
    tcp_skip_in_flight=(46, BOOL),
    lazy_pages=(48, BOOL),
    status_fd=(49, INT),
    orphan_pts_master=(50, BOOL),
    config_file=(51, TEXT),
    tcp_close=(52, BOOL),
    lsm_profile=(53, TEXT),
    lsm_mount_context=(63, TEXT),
    network_lock=(64, INT),
    mntns_compat_mode=(65, BOOL),
)

_FEATURES = Message(mem_track=(1, BOOL), lazy_pages=(2, BOOL))

REQUEST = Message(
    type=(1, INT),
    opts=(2, OPTIONS),
    notify_success=(3, BOOL),
    features=(5, _FEATURES),
)

RESPONSE = Message(
    type=(1, INT),
    success=(2, BOOL),
    restore=(4, Message(pid=(1, INT))),
    notify=(5, Message(script=(1, TEXT), pid=(2, INT))),
    cr_errno=(7, INT),
    features=(8, _FEATURES),
    cr_errmsg=(9, TEXT),
    version=(10, Message(major_number=(1, INT), minor_number=(2, INT), sublevel=(4, INT))),
)
