/* pyoci.kernel._raw: system calls that Python's os module does not offer, and clone3 as a fork.
 *
 * Mechanism only: which call is made with which values is decided in pyoci/kernel/'s Python files.
 *
 * syscall() keeps the interpreter lock: the runtime has one thread, and so nothing can resize or free a buffer
 * while the kernel uses it. EINTR is reported like any error; the callers know which calls they may repeat.
 */
#define _GNU_SOURCE /* clone */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_deferred.h"
#include "_opener.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_statmount /* Linux 6.8; headers may be older. The number is the same on all machines that pyoci runs on. */
#define SYS_statmount 457
#endif

/* What pyoci uses, and no more: every start makes a dict of it. */
/* clang-format off */
#define CALL(name) {#name, SYS_##name}

static const struct {
    const char *name;
    long number;
} calls[] = {
    CALL(bpf), CALL(capget), CALL(capset), CALL(close), CALL(close_range), CALL(execve), CALL(fchownat),
    CALL(fsconfig), CALL(fsmount), CALL(fsopen), CALL(fspick), CALL(fstatfs), CALL(getcwd), CALL(getpid),
    CALL(getppid), CALL(ioctl), CALL(ioprio_set), CALL(keyctl), CALL(mount), CALL(mount_setattr), CALL(move_mount),
    CALL(open_tree), CALL(openat2), CALL(personality), CALL(pivot_root), CALL(prctl), CALL(prlimit64), CALL(ptrace),
    CALL(recvmsg), CALL(sched_setaffinity), CALL(sched_setattr), CALL(seccomp), CALL(set_mempolicy), CALL(setdomainname),
    CALL(setfsgid), CALL(setfsuid), CALL(sethostname), CALL(setns), CALL(setsid), CALL(statmount), CALL(statx),
    CALL(umount2), CALL(unshare),
};
/* clang-format on */

/* The start of a bytes or bytearray object; NULL with TypeError for anything else. */
static char *start_of(PyObject *buffer)
{
    if (PyBytes_Check(buffer))
        return PyBytes_AS_STRING(buffer);
    if (PyByteArray_Check(buffer))
        return PyByteArray_AS_STRING(buffer);
    PyErr_Format(PyExc_TypeError, "expected bytes or bytearray, not %.200s", Py_TYPE(buffer)->tp_name);
    return NULL;
}

/* A register's value: every int from LONG_MIN to ULONG_MAX, a buffer's address, or NULL for None. */
static int to_word(PyObject *arg, long *word)
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

static PyObject *raw_syscall(PyObject *module, PyObject *const *args, Py_ssize_t count)
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

static PyObject *raw_address(PyObject *module, PyObject *buffer)
{
    char *start = start_of(buffer);

    (void)module;
    return start ? PyLong_FromVoidPtr(start) : NULL;
}

/* clone3(2), or clone(2) where it is refused: a seccomp filter cannot see the flags of clone3, so filters of containers
 * around this one answer ENOSYS, which tells their programs to take clone(2). That has no CLONE_INTO_CGROUP: whoever
 * made the process moves it, as always; and its lowest eight flags are a signal, CLONE_NEWTIME among them. */
static long make_process(struct clone_args *clone)
{
    long pid = syscall(SYS_clone3, clone, sizeof *clone);
    unsigned long flags = (unsigned long)(clone->flags & ~(unsigned long long)CLONE_INTO_CGROUP);

    if (pid >= 0 || (errno != ENOSYS && errno != EPERM) || (flags & CSIGNAL))
        return pid;
#ifdef __s390__
    return syscall(SYS_clone, 0UL, flags | (unsigned long)clone->exit_signal, (int *)(uintptr_t)clone->pidfd, NULL,
                   0UL);
#else
    return syscall(SYS_clone, flags | (unsigned long)clone->exit_signal, 0UL, (int *)(uintptr_t)clone->pidfd, NULL,
                   NULL);
#endif
}

/* Without a stack of its own the child continues on a copy of the caller's, as after fork(2). glibc's own fork
 * handlers do not run: they keep locks consistent between threads, and the callers have one thread. */
static PyObject *raw_clone3(PyObject *module, PyObject *args, PyObject *keywords)
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
    long pid = make_process(&clone);
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

static int raw_exec(PyObject *module)
{
    PyObject *numbers = PyDict_New();

    if (!numbers)
        return -1;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        PyObject *number = PyLong_FromLong(calls[i].number);
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
    {"open_procfs_in_child", raw_open_procfs_in_child, METH_NOARGS,
     "open_procfs_in_child() -> int: fsopen(2) of a procfs, made by a child, in its PID namespace."},
    {"end_with_procfs", raw_end_with_procfs, METH_O,
     "end_with_procfs(channel_fd): send what a child with nothing of this process has opened, and exit."},
    {"end", raw_end, METH_VARARGS,
     "end(start_fd, report_fd, in_child, block, relocations, table, count): make the calls of kernel/deferred.py, and "
     "exit."},
    {"end_when_asked", raw_end_when_asked, METH_NOARGS,
     "end_when_asked() -> numbers: signals that ask to end do; those that were ignored."},
    {"forget_caller", raw_forget_caller, METH_NOARGS,
     "forget_caller(): the command line and environment that ps(1) shows are the caller's no more."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot raw_slots[] = {
    {Py_mod_exec, raw_exec},
    {0, NULL},
};

static struct PyModuleDef raw_module = {
    PyModuleDef_HEAD_INIT,    .m_name = "pyoci.kernel._raw", .m_doc = "System calls that the os module does not offer.",
    .m_methods = raw_methods, .m_slots = raw_slots,
};

PyMODINIT_FUNC PyInit__raw(void)
{
    return PyModuleDef_Init(&raw_module);
}
