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
#include <sys/eventfd.h>
#include <sys/socket.h>
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

/* An error number, as the exit status of the child. */
static int open_procfs(void *nothing)
{
    (void)nothing;
    return syscall(SYS_fsopen, "proc", 1 /* FSOPEN_CLOEXEC */) < 0 ? errno : 0;
}

static void pause_for(long nanoseconds)
{
    struct timespec span = {0, nanoseconds};

    clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

/* The descriptor that a call gets now, or -errno. */
static int next_descriptor(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    close(fd);
    return fd;
}

/* By the one call on a descriptor that the filter below allows: it is ENOTSOCK for a file system's. */
static int is_open(int fd)
{
    struct msghdr nothing = {0};

    return sendmsg(fd, &nothing, MSG_NOSIGNAL) >= 0 || errno != EBADF;
}

/* The descriptor `fd`, which has to be free, or -errno. The child is there for one call only. Its descriptors are the
 * caller's, so that the new one is. Its memory is a copy: the caller is in the host's PID namespace, and whoever could
 * write to its memory would have it signal the host's processes, or open the host's procfs. */
static long open_in_child(int fd)
{
    enum { PAUSES = 5000, ENDINGS = 100 };
    int status = 0;
    int ended = 0;
    char stack[8192] __attribute__((aligned(16))); /* static data may be gone: launcher/memory.c */
    int pid = clone(open_procfs, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL);

    if (pid < 0)
        return -errno;
    for (int i = 0; i < PAUSES && !ended && !is_open(fd); i++) { /* at most 5 seconds */
        pause_for(i < 100 ? 20000 : 1000000);
        ended = waitpid(pid, &status, WNOHANG) == pid;
    }
    if (!ended)
        kill(pid, SIGKILL); /* it has nothing left to do */
    for (int i = 0; i < ENDINGS && !ended && waitpid(pid, NULL, WNOHANG) == 0; i++)
        pause_for(i < 50 ? 20000 : 1000000);
    if (is_open(fd))
        return fd;
    return ended && WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -ETIMEDOUT;
}

PyObject *raw_open_procfs_in_child(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    int fd = next_descriptor();
    long result = fd < 0 ? fd : open_in_child(fd);
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

/* The child has a copy of what is here, so a tracer of it finds no more: no descriptor except the channel, an empty root,
 * and one capability (init/procfs_opener.py); nothing of Python's memory, and a filter. */
PyObject *raw_end_with_procfs(PyObject *module, PyObject *argument)
{
    (void)module;
    int channel = (int)PyLong_AsLong(argument);
    if (channel == -1 && PyErr_Occurred())
        return NULL;
    if (deferred_program.release_memory)
        deferred_program.release_memory();
    int fd = next_descriptor();
    if (allow_only_what_opens() < 0) {
        say(channel, "ERROR ", "call load the filter of the process that opens a procfs (seccomp)", errno);
        _exit(1);
    }
    long result = fd < 0 ? fd : open_in_child(fd);
    if (result < 0)
        say(channel, "ERROR ", "call open a procfs in the PID namespace (clone, fsopen)", -result);
    else
        send_descriptor(channel, "PROCFS ", (int)result);
    _exit(result < 0);
}
