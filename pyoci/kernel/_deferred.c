/* The end of a process that Python set up: continue in a child or wait for `pyoci start` if asked to, then make system
 * calls one after the other, of which the last is execve(2). deferred.py is the Python side, and decides what is called.
 *
 * From then on nothing of Python is needed any more: its memory is given back, 4 MB for each created container, and
 * nothing in it can be read by a container that may trace. So nothing here may touch static data, the heap, or anything
 * in the C library that does. */
#include "_deferred.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct deferred_program deferred_program;

/* deferred.py writes it: all addresses lie in the same block. */
struct call {
    long number;
    long argument[6];
    const char *words;
};

static int only_descriptor(struct msghdr *message)
{
    int found = -1;
    int count = 0;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; at + sizeof found <= part->cmsg_len - CMSG_LEN(0); at += sizeof found) {
            if (count++ > 0)
                close(found);
            memcpy(&found, CMSG_DATA(part) + at, sizeof found);
        }
    }
    if (count > 1) {
        close(found);
        found = -1;
    }
    return found;
}

static void end_by_signal(int number)
{
    _exit(128 + number); /* as shells count */
}

/* The kernel drops a signal that PID 1 has no handler for (pid_namespaces(7)): a created container would only end by
 * KILL. runc's ends, since Go handles these. execve(2) takes the handlers away. */
PyObject *raw_end_when_asked(PyObject *module, PyObject *nothing)
{
    static const int asking[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct sigaction action = {.sa_handler = end_by_signal};
    PyObject *ignored = PyList_New(0);

    (void)module, (void)nothing;
    for (size_t i = 0; i < sizeof asking / sizeof *asking && ignored; i++) {
        struct sigaction before = {0};
        if (sigaction(asking[i], &action, &before) < 0 || before.sa_handler != SIG_IGN)
            continue;
        PyObject *number = PyLong_FromLong(asking[i]);
        if (!number || PyList_Append(ignored, number) < 0)
            Py_CLEAR(ignored);
        Py_XDECREF(number);
    }
    return ignored;
}

/* Whether it is a socket, and its other end has not been closed: by a `start` that has given up, or was killed. What a
 * filter refuses counts as one that is open: to `start` a closed descriptor would look like execve. */
static int is_open_socket(int fd)
{
    char text;
    ssize_t length = recv(fd, &text, 1, MSG_PEEK | MSG_DONTWAIT);

    return length > 0 || (length < 0 && errno != ENOTSOCK);
}

/* The socket to report on. Any other message is ignored, and what came with it closed. */
static int wait_for_start(int start_fd)
{
    static const char start[] = "START";

    for (;;) {
        char text[64];
        union {
            struct cmsghdr alignment;
            char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = {text, sizeof text};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t length = recvmsg(start_fd, &message, MSG_CMSG_CLOEXEC);
        if (length < 0 && errno != EINTR)
            _exit(1);
        if (length < 0)
            continue;
        int found = only_descriptor(&message);
        /* no room for the descriptor (RLIMIT_NOFILE): to `start` this looks like execve, so init must not stay */
        if (message.msg_flags & MSG_CTRUNC && message.msg_controllen == 0)
            _exit(1);
        if (found < 0)
            continue;
        if (length == sizeof start - 1 && memcmp(text, start, sizeof start - 1) == 0 && is_open_socket(found))
            return found;
        close(found);
    }
}

/* By write(2) what a filter of the container's keeps from sendmsg(2). Whether it was sent. */
static int send_parts(int fd, const struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    char text[4096];
    size_t length = 0;

    if (sendmsg(fd, &message, MSG_NOSIGNAL) >= 0)
        return 1;
    if (errno != EPERM && errno != EACCES && errno != ENOSYS)
        return 0;
    for (const struct iovec *part = parts; part < parts + count; part++) {
        if (part->iov_len > sizeof text - length)
            return 0;
        memcpy(text + length, part->iov_base, part->iov_len);
        length += part->iov_len;
    }
    return write(fd, text, length) >= 0;
}

int say(int fd, const char *kind, const char *words, long number)
{
    char digits[24];
    char *begin = digits + sizeof digits;

    do {
        *--begin = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    if (*words)
        *--begin = ' ';
    struct iovec parts[] = {{(char *)kind, strlen(kind)},
                            {(char *)words, strlen(words)},
                            {begin, (size_t)(digits + sizeof digits - begin)}};
    return send_parts(fd, parts, sizeof parts / sizeof parts[0]);
}

void send_descriptor(int fd, const char *text, int descriptor)
{
    union {
        struct cmsghdr alignment;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {(char *)text, strlen(text)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    memset(&control, 0, sizeof control);
    control.alignment.cmsg_level = SOL_SOCKET;
    control.alignment.cmsg_type = SCM_RIGHTS;
    control.alignment.cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(&control.alignment), &descriptor, sizeof descriptor);
    sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Continue in a child: the caller has joined a PID namespace, which is that of its children. The host is told the
 * child's number, moves it into its cgroup, and says GO. The child is the host's own (CLONE_PARENT). */
static void continue_in_child(int channel)
{
    struct clone_args clone = {.flags = CLONE_PARENT};
    long pid = syscall(SYS_clone3, &clone, sizeof clone);

    if (pid < 0 && (errno == ENOSYS || errno == EPERM))              /* as make_process of _raw.c */
        pid = syscall(SYS_clone, CLONE_PARENT, 0, NULL, NULL, NULL); /* two zeros: the same in the order of s390 */
    if (pid < 0)
        say(channel, "ERROR ", "call clone3 into the PID namespace", errno);
    if (pid > 0 && !say(channel, "PID ", "", pid))
        kill((pid_t)pid, SIGKILL); /* the host does not know of it, and would wait for its number */
    if (pid != 0)
        _exit(pid < 0);
    for (;;) {
        char text[8];
        ssize_t length = recv(channel, text, sizeof text, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            say(channel, "ERROR ", "call receive GO", errno);
        if (length != 3 || memcmp(text, "GO ", 3) != 0)
            _exit(1); /* the host is gone */
        return;
    }
}

static _Noreturn void carry_out(int report_fd, const struct call *calls, Py_ssize_t count)
{
    for (const struct call *call = calls; call < calls + count; call++) {
        const long *argument = call->argument;
        long result =
            syscall(call->number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
        if (result == -1) {
            say(report_fd, "ERROR ", call->words, errno);
            break;
        }
        if (call->number == SYS_seccomp && argument[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER)
            send_descriptor(report_fd, "SECCOMP ", (int)result); /* to whoever passes it on; ours is close-on-exec */
    }
    _exit(1);
}

PyObject *raw_end(PyObject *module, PyObject *args)
{
    int start_fd, report_fd, in_child;
    Py_buffer data, relocations;
    Py_ssize_t table, count;

    (void)module;
    if (!PyArg_ParseTuple(args, "iipy*y*nn:end", &start_fd, &report_fd, &in_child, &data, &relocations, &table, &count))
        return NULL;
    char *block =
        mmap(NULL, (size_t)data.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    /* The program's own limits rule already: RLIMIT_AS and RLIMIT_DATA may allow no page more. Then Python's memory
     * stays, and the calls in it; nobody else has this object. */
    int apart = block != MAP_FAILED;
    if (apart)
        memcpy(block, data.buf, (size_t)data.len);
    else
        block = data.buf;
    const unsigned long *places = relocations.buf;
    for (size_t i = 0; i < (size_t)relocations.len / sizeof *places; i++)
        *(unsigned long *)(void *)(block + places[i]) += (unsigned long)block;
    const struct call *calls = (const struct call *)(void *)(block + table);
    if (deferred_program.release_memory && apart && (start_fd >= 0 || in_child))
        deferred_program.release_memory();
    if (in_child)
        continue_in_child(report_fd);
    if (start_fd >= 0) {
        if (in_child)
            close(report_fd);
        report_fd = wait_for_start(start_fd);
        close(start_fd);
    }
    carry_out(report_fd, calls, count);
}

PyObject *raw_forget_caller(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    if (deferred_program.forget_caller)
        deferred_program.forget_caller();
    Py_RETURN_NONE;
}
