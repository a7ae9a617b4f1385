/* The program that a container can see as /proc/PID/exe must not be the host's writable file (CVE-2019-5736):
 * a process in the container opens it while the runtime is inside, waits until the runtime ends, and then writes
 * its own program over the host's, which root starts next.
 *
 * So the commands that send a process into a container first execute themselves again from a file nobody can write:
 *
 *   - a read-only mount of this one file that is attached nowhere (open_tree, mount_setattr). No copy is made and
 *     all containers share the memory. The descriptor is closed by execve: whoever reached it with CAP_SYS_ADMIN
 *     could clear the flag again. Afterwards the mount belongs to no namespace and no call can change it.
 *   - or a sealed file in memory (memfd_create, F_ADD_SEALS), where the kernel refuses the first: before Linux 5.12,
 *     without CAP_SYS_ADMIN over the mount namespace, or when the program lies on an unbindable mount.
 *
 * Where a program has a snapshot, entry.c has done the first of these before main() is reached.
 *
 * CPU time that each adds to a command of 5.8 ms (median of 50 runs, two cores, Linux 6.18): the mount 0.4 ms, of
 * which all but 0.05 are the second execve; the sealed copy of 7.9 MB 4.8 ms.
 */
#define _GNU_SOURCE
#include "seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define MEMORY_FILE "/memfd:"

static const char self[] = "/proc/self/exe";

static bool has_seals(void)
{
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);

    if (fd >= 0)
        close(fd);
    return seals >= 0 && (seals & SEALS) == SEALS;
}

/* Neither the environment nor argv is asked whether this is the sealed copy: a caller could say so wrongly.
 * A file that is itself the root of a mount attached nowhere has the path "/", which no other program can have. */
static bool is_sealed(const char *path)
{
    struct statfs fs;

    if (strcmp(path, "/") == 0)
        return statfs(self, &fs) == 0 && (fs.f_flags & 1 /* ST_RDONLY */);
    return strncmp(path, MEMORY_FILE, strlen(MEMORY_FILE)) == 0 && has_seals();
}

void program_find(struct program *program, const char *argv0)
{
    ssize_t length;

    /* Linux 6.1 was seen to say nothing, once in some hundred starts under load, presumably while the kernel lets go of
     * the detached mount that this very execve closed the descriptor of. */
    for (int tries = 0; tries < 1000; tries++) {
        errno = 0;
        length = readlink(self, program->path, sizeof program->path - 1);
        if (length != 0)
            break;
        sched_yield();
    }
    program->has_proc = length > 0;
    program->error = errno;
    program->path[length > 0 ? length : 0] = '\0';
    program->sealed = program->has_proc && is_sealed(program->path);
    if (program->sealed) {
        /* program_seal() left the path in argv[0]. It leads to site-packages only, for packages of cold paths. */
        bool usable = argv0 && argv0[0] == '/' && strlen(argv0) < sizeof program->path;
        strcpy(program->path, usable ? argv0 : "");
    } else if (!program->has_proc) {
        /* Without /proc the kernel still tells what execve() was given. */
        const char *given = (const char *)getauxval(AT_EXECFN);
        if (!given || !realpath(given, program->path))
            program->path[0] = '\0';
    }
}

static int read_only_mount(void)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, self, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd >= 0 && syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int memory_file(void)
{
    int to = memfd_create("pyoci", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (to < 0 && errno == EINVAL) /* before Linux 6.3 a memfd is always executable, and the flag unknown */
        to = memfd_create("pyoci", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (to < 0)
        return -1;

    int from = open(self, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bool copied = from >= 0 && fstat(from, &st) == 0;
    for (off_t done = 0; copied && done < st.st_size;) {
        ssize_t count = sendfile(to, from, NULL, (size_t)(st.st_size - done));
        if (count == 0)
            errno = EIO; /* the file was cut while it was read */
        copied = count > 0;
        done += count;
    }
    if (copied && fcntl(to, F_ADD_SEALS, SEALS) == 0) {
        close(from);
        return to;
    }
    int error = errno;
    if (from >= 0)
        close(from);
    close(to);
    errno = error;
    return -1;
}

static void execute(int fd, const char *path, char **argv)
{
    extern char **environ;

    argv[0] = (char *)path;
    syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
    /* TOMOYO looks for /dev/fd/N, the name that the kernel gives it, where there is no such link; a seccomp filter of a
     * container around this one may refuse the call */
    if (errno == ENOENT || errno == ENOSYS || errno == EPERM) {
        char name[sizeof "/proc/self/fd/" + 3 * sizeof fd];
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        execve(name, argv, environ);
    }
}

void program_seal(const struct program *program, char **argv)
{
    if (!program->has_proc) {
        fprintf(stderr, "pyoci: cannot protect the program from the container: read %s: %s: mount /proc\n", self,
                strerror(program->error));
        return;
    }
    int fd = read_only_mount();
    if (fd >= 0) {
        execute(fd, program->path, argv);
        close(fd);
    }
    fd = memory_file();
    if (fd >= 0)
        execute(fd, program->path, argv);
    fprintf(stderr, "pyoci: cannot protect the program from the container: %s a sealed copy in memory: %s\n",
            fd < 0 ? "making" : "executing", strerror(errno));
}
