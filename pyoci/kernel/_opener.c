/* A procfs shows the PID namespace of the process that opened it: before Linux 6.18, one in that namespace has to.
 *
 * Whoever is in that namespace may stop it, and a tracer may keep its end to itself: so neither vfork(2) nor waitpid(2)
 * waits for it. A tracer may also look into it, and let it make other calls: see raw_end_with_procfs. */
#define _GNU_SOURCE /* clone */
#include "_opener.h"
#include "_deferred.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined __x86_64__
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define OWN_ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined __s390x__
#define OWN_ARCHITECTURE AUDIT_ARCH_S390X
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
#define OWN_ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined __arm__
#define OWN_ARCHITECTURE AUDIT_ARCH_ARM
#elif defined __i386__
#define OWN_ARCHITECTURE AUDIT_ARCH_I386
#else
#define OWN_ARCHITECTURE 0 /* of no call: the process can do nothing, and says so by its end */
#endif

struct opening {
    long result; /* -EINPROGRESS until it is there */
    char stack[8192] __attribute__((aligned(16)));
};

static int open_procfs(void *argument)
{
    struct opening *opening = argument;
    long result = syscall(SYS_fsopen, "proc", 1 /* FSOPEN_CLOEXEC */);

    __atomic_store_n(&opening->result, result < 0 ? -errno : result, __ATOMIC_RELEASE);
    return 0;
}

static void pause_for(long nanoseconds)
{
    struct timespec span = {0, nanoseconds};

    clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL); /* does not touch errno, which the two share */
}

/* The descriptor, or -errno. The child is there for one call only; its memory and its descriptors are the caller's. */
static long open_in_child(struct opening *opening)
{
    enum { PAUSES = 5000, ENDINGS = 100 };
    long result = -EINPROGRESS;

    opening->result = -EINPROGRESS;
    int pid = clone(open_procfs, opening->stack + sizeof opening->stack, CLONE_VM | CLONE_FILES | SIGCHLD, opening);
    if (pid < 0)
        return -errno;
    for (int i = 0; i < PAUSES; i++) { /* at most 5 seconds */
        pause_for(i < 100 ? 20000 : 1000000);
        result = __atomic_load_n(&opening->result, __ATOMIC_ACQUIRE);
        if (result != -EINPROGRESS)
            break;
    }
    kill(pid, SIGKILL); /* it has nothing left to do */
    for (int i = 0; i < ENDINGS && waitpid(pid, NULL, WNOHANG) == 0; i++)
        pause_for(i < 50 ? 20000 : 1000000);
    return result == -EINPROGRESS ? -ETIMEDOUT : result;
}

PyObject *raw_open_procfs_in_child(PyObject *module, PyObject *nothing)
{
    static struct opening opening;

    (void)module, (void)nothing;
    long result = open_in_child(&opening);
    if (result < 0) {
        errno = (int)-result;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromLong(result);
}

/* Only the calls of `open_in_child` and of an answer, by this process and by its child. Any other one is EPERM, whoever
 * has put it there: the kernel asks a filter after it has asked a tracer (seccomp(2)). */
static int allow_only_what_opens(void)
{
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    struct sock_filter steps[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        ALLOW(fsopen),
        ALLOW(clone),
        ALLOW(kill),
        ALLOW(wait4),
        ALLOW(clock_nanosleep),
        ALLOW(restart_syscall),
        ALLOW(sendmsg),
        ALLOW(exit),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
#undef ALLOW
#undef LOAD
    struct sock_fprog filter = {sizeof steps / sizeof steps[0], steps};

    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

/* The two processes share what is here, so a tracer of the child finds no more: no descriptor except the channel, an
 * empty root, and one capability (init/procfs_opener.py); nothing of Python's memory, and a filter. */
PyObject *raw_end_with_procfs(PyObject *module, PyObject *argument)
{
    struct opening opening;

    (void)module;
    int channel = (int)PyLong_AsLong(argument);
    if (channel == -1 && PyErr_Occurred())
        return NULL;
    if (deferred_program.release_memory)
        deferred_program.release_memory();
    if (allow_only_what_opens() < 0) {
        say(channel, "ERROR ", "call load the filter of the process that opens a procfs (seccomp)", errno);
        _exit(1);
    }
    long result = open_in_child(&opening);
    if (result < 0)
        say(channel, "ERROR ", "call open a procfs in the PID namespace (clone, fsopen)", -result);
    else
        send_descriptor(channel, "PROCFS ", (int)result);
    _exit(result < 0);
}
