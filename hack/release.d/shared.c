/* dlopen(3) for a program that has no shared objects. ctypes calls it; pyroute2 asks ctypes for the C library and calls
 * the functions below with it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const struct {
    const char *name;
    void *address;
} functions[] = {
    {"mount", (void *)mount},     {"setns", (void *)setns},     {"syscall", (void *)syscall},
    {"umount2", (void *)umount2}, {"unshare", (void *)unshare},
};
static const char *problem;

/* Only the program itself, which has no name. */
void *dlopen(const char *file, int flags)
{
    (void)flags;
    problem = file ? "pyoci is a static program: it loads no shared object" : NULL;
    return file ? NULL : (void *)functions;
}

void *dlsym(void *handle, const char *name)
{
    (void)handle;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(functions[i].name, name) == 0)
            return functions[i].address;
    problem = "pyoci is a static program: it has no function of this name for ctypes";
    return NULL;
}

char *dlerror(void)
{
    const char *words = problem;

    problem = NULL;
    return (char *)words;
}

int dlclose(void *handle)
{
    return (void)handle, 0;
}

/* What the C library itself loads modules of nsswitch.conf(5) and of iconv(3) with, in place of its elf/dl-libc.c: those
 * of the machine bring another version of the C library, and end in a segmentation fault. It goes on without them; users
 * in /etc/passwd and UTF-8 need none. */
void *__libc_dlopen_mode(const char *, int);
void *__libc_dlsym(void *, const char *);
void *__libc_dlvsym(void *, const char *, const char *);
int __libc_dlclose(void *);

void *__libc_dlopen_mode(const char *file, int flags)
{
    return (void)file, (void)flags, NULL;
}

void *__libc_dlsym(void *handle, const char *name)
{
    return (void)handle, (void)name, NULL;
}

void *__libc_dlvsym(void *handle, const char *name, const char *version)
{
    return (void)handle, (void)name, (void)version, NULL;
}

int __libc_dlclose(void *handle)
{
    return (void)handle, 0;
}
