/* pyoci.kernel._raw: system calls that Python's os module does not offer, and clone3 as a fork.
 *
 * Mechanism only: which call is made with which values is decided in pyoci/kernel/'s Python files.
 *
 * syscall() keeps the interpreter lock: the runtime has one thread, and so nothing can resize or free a buffer
 * while the kernel uses it. EINTR is reported like any error; the callers know which calls they may repeat.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_ending.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From 424 on all architectures share the numbers (Linux 5.1), so a kernel newer than the headers can be used. */
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif
#ifndef SYS_lsm_get_self_attr
#define SYS_lsm_get_self_attr 459
#endif
#ifndef SYS_lsm_set_self_attr
#define SYS_lsm_set_self_attr 460
#endif
#ifndef SYS_lsm_list_modules
#define SYS_lsm_list_modules 461
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#endif
#ifndef SYS_getxattrat
#define SYS_getxattrat 464
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

/* A name that the headers lack does not expand: its text is then no number, and the name is left out of SYS. */
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define CALL(name) {#name, TEXT(SYS_##name)}

static const struct {
    const char *name;
    const char *number;
} calls[] = {
    CALL(accept4), CALL(acct), CALL(add_key), CALL(adjtimex), CALL(arch_prctl), CALL(bind), CALL(bpf), CALL(brk),
    CALL(cachestat), CALL(capget), CALL(capset), CALL(chdir), CALL(chroot), CALL(clock_adjtime), CALL(clock_getres),
    CALL(clock_gettime), CALL(clock_nanosleep), CALL(clock_settime), CALL(clone), CALL(clone3), CALL(close),
    CALL(close_range), CALL(connect), CALL(copy_file_range), CALL(delete_module), CALL(dup), CALL(dup3),
    CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(eventfd2), CALL(execve),
    CALL(execveat), CALL(exit), CALL(exit_group), CALL(faccessat), CALL(faccessat2), CALL(fallocate),
    CALL(fanotify_init), CALL(fanotify_mark), CALL(fchdir), CALL(fchmod), CALL(fchmodat), CALL(fchmodat2),
    CALL(fchown), CALL(fchownat), CALL(fcntl), CALL(fgetxattr), CALL(finit_module), CALL(flistxattr), CALL(flock),
    CALL(fremovexattr), CALL(fsconfig), CALL(fsetxattr), CALL(fsmount), CALL(fsopen), CALL(fspick), CALL(fstat),
    CALL(fstatfs), CALL(fsync), CALL(ftruncate), CALL(futex), CALL(futex_waitv), CALL(get_mempolicy),
    CALL(get_robust_list), CALL(getcpu), CALL(getcwd), CALL(getdents64), CALL(getegid), CALL(geteuid), CALL(getgid),
    CALL(getgroups), CALL(getitimer), CALL(getpeername), CALL(getpgid), CALL(getpid), CALL(getppid),
    CALL(getpriority), CALL(getrandom), CALL(getresgid), CALL(getresuid), CALL(getrlimit), CALL(getrusage),
    CALL(getsid), CALL(getsockname), CALL(getsockopt), CALL(gettid), CALL(getuid), CALL(getxattr), CALL(getxattrat),
    CALL(init_module), CALL(inotify_add_watch), CALL(inotify_init1), CALL(inotify_rm_watch), CALL(io_uring_enter),
    CALL(io_uring_register), CALL(io_uring_setup), CALL(ioctl), CALL(ioprio_get), CALL(ioprio_set), CALL(kcmp),
    CALL(kexec_file_load), CALL(kexec_load), CALL(keyctl), CALL(kill), CALL(landlock_add_rule),
    CALL(landlock_create_ruleset), CALL(landlock_restrict_self), CALL(lgetxattr), CALL(linkat), CALL(listen),
    CALL(listmount), CALL(listxattr), CALL(llistxattr), CALL(lremovexattr), CALL(lseek), CALL(lsetxattr),
    CALL(lsm_get_self_attr), CALL(lsm_list_modules), CALL(lsm_set_self_attr), CALL(madvise), CALL(mbind),
    CALL(membarrier), CALL(memfd_create), CALL(memfd_secret), CALL(migrate_pages), CALL(mincore), CALL(mkdirat),
    CALL(mknodat), CALL(mlock), CALL(mlock2), CALL(mlockall), CALL(mmap), CALL(mount), CALL(mount_setattr),
    CALL(move_mount), CALL(move_pages), CALL(mprotect), CALL(mremap), CALL(msync), CALL(munlock), CALL(munlockall),
    CALL(munmap), CALL(name_to_handle_at), CALL(nanosleep), CALL(open_by_handle_at), CALL(open_tree),
    CALL(open_tree_attr), CALL(openat), CALL(openat2), CALL(perf_event_open), CALL(personality), CALL(pidfd_getfd),
    CALL(pidfd_open), CALL(pidfd_send_signal), CALL(pipe2), CALL(pivot_root), CALL(ppoll), CALL(prctl),
    CALL(pread64), CALL(preadv2), CALL(prlimit64), CALL(process_madvise), CALL(process_mrelease),
    CALL(process_vm_readv), CALL(process_vm_writev), CALL(pselect6), CALL(ptrace), CALL(pwrite64), CALL(pwritev2),
    CALL(quotactl), CALL(quotactl_fd), CALL(read), CALL(readlinkat), CALL(readv), CALL(reboot), CALL(recvfrom),
    CALL(recvmmsg), CALL(recvmsg), CALL(removexattr), CALL(renameat), CALL(renameat2), CALL(request_key),
    CALL(rseq), CALL(rt_sigaction), CALL(rt_sigpending), CALL(rt_sigprocmask), CALL(rt_sigqueueinfo),
    CALL(rt_sigsuspend), CALL(rt_sigtimedwait), CALL(rt_tgsigqueueinfo), CALL(sched_get_priority_max),
    CALL(sched_get_priority_min), CALL(sched_getaffinity), CALL(sched_getattr), CALL(sched_getparam),
    CALL(sched_getscheduler), CALL(sched_rr_get_interval), CALL(sched_setaffinity), CALL(sched_setattr),
    CALL(sched_setparam), CALL(sched_setscheduler), CALL(sched_yield), CALL(seccomp), CALL(sendfile),
    CALL(sendmmsg), CALL(sendmsg), CALL(sendto), CALL(set_mempolicy), CALL(set_mempolicy_home_node),
    CALL(set_robust_list), CALL(set_tid_address), CALL(setdomainname), CALL(setfsgid), CALL(setfsuid), CALL(setgid),
    CALL(setgroups), CALL(sethostname), CALL(setitimer), CALL(setns), CALL(setpgid), CALL(setpriority),
    CALL(setregid), CALL(setresgid), CALL(setresuid), CALL(setreuid), CALL(setrlimit), CALL(setsid),
    CALL(setsockopt), CALL(settimeofday), CALL(setuid), CALL(setxattr), CALL(setxattrat), CALL(shutdown),
    CALL(sigaltstack), CALL(signalfd4), CALL(socket), CALL(socketpair), CALL(splice), CALL(statfs), CALL(statmount),
    CALL(statx), CALL(swapoff), CALL(swapon), CALL(symlinkat), CALL(sync), CALL(sync_file_range), CALL(syncfs),
    CALL(sysinfo), CALL(syslog), CALL(tee), CALL(tgkill), CALL(timer_create), CALL(timer_delete),
    CALL(timer_getoverrun), CALL(timer_gettime), CALL(timer_settime), CALL(timerfd_create), CALL(timerfd_gettime),
    CALL(timerfd_settime), CALL(times), CALL(tkill), CALL(truncate), CALL(umask), CALL(umount2), CALL(uname),
    CALL(unlinkat), CALL(unshare), CALL(userfaultfd), CALL(utimensat), CALL(vhangup), CALL(vmsplice), CALL(wait4),
    CALL(waitid), CALL(write), CALL(writev),
};

/* The start of a bytes or bytearray object; NULL with TypeError for anything else. */
static char *
start_of(PyObject *buffer)
{
    if (PyBytes_Check(buffer))
        return PyBytes_AS_STRING(buffer);
    if (PyByteArray_Check(buffer))
        return PyByteArray_AS_STRING(buffer);
    PyErr_Format(PyExc_TypeError, "expected bytes or bytearray, not %.200s", Py_TYPE(buffer)->tp_name);
    return NULL;
}

/* A register's value: every int from LONG_MIN to ULONG_MAX, a buffer's address, or NULL for None. */
static int
to_word(PyObject *arg, long *word)
{
    if (arg == Py_None) {
        *word = 0;
        return 0;
    }
    if (PyLong_Check(arg)) {
        int overflow;
        *word = PyLong_AsLongAndOverflow(arg, &overflow);
        if (overflow > 0)
            *word = (long)PyLong_AsUnsignedLong(arg);
        else if (overflow < 0)
            PyErr_SetString(PyExc_OverflowError, "int is below the range of a C long");
        return PyErr_Occurred() ? -1 : 0;
    }
    *word = (long)start_of(arg);
    return *word ? 0 : -1;
}

static PyObject *
raw_syscall(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    long word[7] = {0};

    (void)module;
    if (count < 1 || count > 7) {
        PyErr_Format(PyExc_TypeError, "syscall() takes a number and up to 6 arguments (%zd given)", count);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (to_word(args[i], &word[i]) < 0)
            return NULL;
    long result = syscall(word[0], word[1], word[2], word[3], word[4], word[5], word[6]);
    if (result == -1)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(result);
}

static PyObject *
raw_address(PyObject *module, PyObject *buffer)
{
    char *start = start_of(buffer);

    (void)module;
    return start ? PyLong_FromVoidPtr(start) : NULL;
}

/* Without a stack of its own the child continues on a copy of the caller's, as after fork(2). glibc's own fork
 * handlers do not run: they keep locks consistent between threads, and the callers have one thread. */
static PyObject *
raw_clone3(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"flags", "cgroup_fd", NULL};
    unsigned long long flags;
    int cgroup_fd = -1;
    int pidfd = -1;

    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "K|i:clone3", names, &flags, &cgroup_fd))
        return NULL;
    struct clone_args clone = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uintptr_t)&pidfd,
        /* clone(2): with CLONE_PARENT the new process sends the same signal as the caller; another one is EINVAL */
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
    };
    if (cgroup_fd >= 0) {
        clone.flags |= CLONE_INTO_CGROUP;
        clone.cgroup = (unsigned int)cgroup_fd;
    }
    PyOS_BeforeFork();
    long pid = syscall(SYS_clone3, &clone, sizeof clone);
    int error = errno;
    if (pid == 0)
        PyOS_AfterFork_Child();
    else
        PyOS_AfterFork_Parent();
    if (pid < 0) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return Py_BuildValue("(li)", pid, pidfd);
}

static int
raw_exec(PyObject *module)
{
    PyObject *numbers = PyDict_New();

    if (!numbers)
        return -1;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char *end;
        long value = strtol(calls[i].number, &end, 10);
        if (end == calls[i].number || *end)
            continue;
        PyObject *number = PyLong_FromLong(value);
        if (!number || PyDict_SetItemString(numbers, calls[i].name, number) < 0) {
            Py_XDECREF(number);
            Py_DECREF(numbers);
            return -1;
        }
        Py_DECREF(number);
    }
    int failed = PyModule_AddObjectRef(module, "SYS", numbers);
    Py_DECREF(numbers);
    return failed;
}

static PyMethodDef raw_methods[] = {
    {"syscall", (PyCFunction)(void (*)(void))raw_syscall, METH_FASTCALL,
     "syscall(number, *arguments) -> int: make the call; OSError when the kernel refuses it."},
    {"address", raw_address, METH_O, "address(buffer) -> int: where the bytes of a buffer are."},
    {"clone3", (PyCFunction)(void (*)(void))raw_clone3, METH_VARARGS | METH_KEYWORDS,
     "clone3(flags, cgroup_fd=-1) -> (pid, pidfd): fork with clone(2)'s flags; pid 0 in the child."},
    {"end", raw_end, METH_VARARGS,
     "end(start_fd, report_fd, block, relocations, table, count): make the calls of kernel/prepared.py, and exit."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot raw_slots[] = {
    {Py_mod_exec, raw_exec},
    {0, NULL},
};

static struct PyModuleDef raw_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pyoci.kernel._raw",
    .m_doc = "System calls that the os module does not offer.",
    .m_methods = raw_methods,
    .m_slots = raw_slots,
};

PyMODINIT_FUNC
PyInit__raw(void)
{
    return PyModuleDef_Init(&raw_module);
}
