/* Taking a snapshot of Python, and waking up from one.
 *
 * README.md says what makes it possible. What points to the outside is named here and made new on waking; __init__.py
 * refuses a snapshot in which anything more does.
 *
 * What it saves, of CPU time (medians, two cores, Linux 6.18): 2.4 of 3.6 ms of `state`, 5.4 of 17.5 ms of `run`. */
#ifdef WITH_SNAPSHOT
#define _GNU_SOURCE
#define Py_BUILD_CORE 1 /* _PyRuntime */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <internal/pycore_runtime.h>

#include "frozen.h"
#include "snapshot.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if PY_VERSION_HEX >= 0x030d0000
#include <internal/pycore_mimalloc.h>
#define HAS_MIMALLOC
extern mi_heap_t _mi_heap_main;
#endif

#if PY_VERSION_HEX >= 0x030c0000
#define CURRENT_THREAD_KEY (&_PyRuntime.autoTSSkey)
#else
#define CURRENT_THREAD_KEY (&_PyRuntime.gilstate.autoTSSkey)
#endif

#define SPACE ((size_t)32 << 20) /* five are used, and only they become part of the file */
#define PAGE ((size_t)4096)

extern char **environ;
extern char pyoci_variables_begin[], pyoci_variables_end[]; /* variables.ld */

/* The linker gives this section a segment of its own (variables.ld), which __init__.py makes as long as it is full. */
static char space[SPACE] __attribute__((section(".snapshot,\"aw\",@nobits#"), aligned(4096)));
/* Apart, so that what is free at the end of the last arena, half a MiB on average, is left out of the file. */
static char arenas[SPACE] __attribute__((section(".snapshot_arenas,\"aw\",@nobits#"), aligned(4096)));

static struct {
    bool is_written;
    size_t used;           /* of space, in bytes */
    size_t used_arenas;    /* of arenas */
    PyThreadState *thread; /* the only one */
} snapshot;

bool snapshot_is_there(void)
{
    return snapshot.is_written;
}

struct span snapshot_memory(void)
{
    return (struct span){space, snapshot.used};
}

struct span snapshot_arenas(void)
{
    return (struct span){arenas, snapshot.used_arenas};
}

void *snapshot_pages(size_t size)
{
    size_t begin = snapshot.used_arenas;

    size = (size + PAGE - 1) & ~(PAGE - 1);
    if (snapshot.is_written || begin + size > SPACE)
        return NULL;
    snapshot.used_arenas = begin + size;
    return arenas + begin;
}

/* libpython's malloc and its kin: the linker's --wrap leads all calls here. Before the snapshot is written, memory comes
 * from space, in some sizes only; afterwards from the C library, and what is in the snapshot is never freed. */
extern void *__real_malloc(size_t), *__real_calloc(size_t, size_t), *__real_realloc(void *, size_t);
extern void __real_free(void *);
void *__wrap_malloc(size_t), *__wrap_calloc(size_t, size_t), *__wrap_realloc(void *, size_t);
void __wrap_free(void *);

struct block {
    union {
        unsigned order; /* its size, with this head: size_of() */
        struct block *next_free;
    };
    _Alignas(16) char data[];
};

static struct block *freed[sizeof(size_t) * 8 * 4];

/* 32, 40, 48, 56, 64, 80, 96 bytes and so on: four sizes for each power of two. */
static size_t size_of(unsigned order)
{
    return (size_t)(4 + order % 4) << order / 4 << 3;
}

static bool is_in_snapshot(const void *data)
{
    return (const char *)data >= space && (const char *)data < space + snapshot.used;
}

static struct block *block_of(void *data)
{
    return (struct block *)(void *)((char *)data - offsetof(struct block, data));
}

void *__wrap_malloc(size_t size)
{
    if (snapshot.is_written)
        return __real_malloc(size);
    if (size > SPACE)
        return NULL;
    unsigned order = 0;
    while (size_of(order) < size + sizeof(struct block))
        order++;
    struct block *block = freed[order];
    if (block) {
        freed[order] = block->next_free;
    } else {
        size_t begin = (snapshot.used + 15) & ~(size_t)15;
        if (begin + size_of(order) > SPACE)
            return NULL;
        block = (struct block *)(void *)(space + begin);
        snapshot.used = begin + size_of(order);
    }
    block->order = order;
    return block->data;
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (snapshot.is_written)
        return __real_calloc(count, size);
    if (size && count > SPACE / size)
        return NULL;
    void *data = __wrap_malloc(count * size);
    return data ? memset(data, 0, count * size) : NULL;
}

void *__wrap_realloc(void *data, size_t size)
{
    if (!data)
        return __wrap_malloc(size);
    if (!is_in_snapshot(data))
        return __real_realloc(data, size);
    size_t room = size_of(block_of(data)->order) - sizeof(struct block);
    if (size <= room)
        return data;
    void *larger = __wrap_malloc(size);
    if (larger) {
        memcpy(larger, data, room);
        __wrap_free(data);
    }
    return larger;
}

void __wrap_free(void *data)
{
    if (!is_in_snapshot(data)) {
        __real_free(data);
    } else if (!snapshot.is_written) {
        struct block *block = block_of(data);
        unsigned order = block->order;
        block->next_free = freed[order];
        freed[order] = block;
    }
}

/* The thread's number, which importlib keeps in integers and leaves in memory that it has freed: another one in every run,
 * and in a static program one that cannot be told from an address on the heap. */
pthread_t __real_pthread_self(void);
pthread_t __wrap_pthread_self(void);
pthread_t __wrap_pthread_self(void)
{
    return snapshot.is_written ? __real_pthread_self() : 1;
}

/* mimalloc remembers when it was started, which would make other bytes in every build. */
int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (snapshot.is_written)
        return __real_clock_gettime(clock, now);
    *now = (struct timespec){1, 0};
    return 0;
}

/* The code of pyoci's modules that are loaded is nobody's any more: the memory of the snapshot has functions instead. The
 * rest moves there, and the segment of all code (variables.ld) is left out of the file. */
static bool keep_code(void)
{
    PyObject *loaded = PyImport_GetModuleDict();

    for (struct _frozen *module = pyoci_frozen_modules; module->name; module++) {
        void *kept = NULL;
        /* second_step() (pyoci.c) imports `encodings` once more, so what is not pyoci's stays. */
        if (strncmp(module->name, "pyoci", 5) != 0 || !PyDict_GetItemString(loaded, module->name)) {
            kept = __wrap_malloc((size_t)module->size);
            if (!kept)
                return false;
            memcpy(kept, module->code, (size_t)module->size);
        }
        module->code = kept; /* importlib calls a module without code excluded */
    }
    return true;
}

static bool put(const void *data, size_t size)
{
    for (const char *at = data; size > 0;) {
        ssize_t count = write(STDOUT_FILENO, at, size);
        if (count <= 0)
            return false;
        at += count;
        size -= (size_t)count;
    }
    return true;
}

/* __init__.py reads it: of each segment its address, the number of bytes, and the bytes. */
static bool put_segment(const char *begin, size_t size)
{
    uint64_t words[] = {(uintptr_t)begin, size};

    return put(words, sizeof words) && put(begin, size);
}

bool snapshot_write(void)
{
    char nothing;

    if (!keep_code() || !snapshot_make_immortal())
        return false;
    PyThreadState *thread = PyEval_SaveThread();

    /* What is not there in the next process: the thread, and the C functions that had called functions of Python. */
    thread->thread_id = _PyRuntime.main_thread = 0;
    thread->native_thread_id = 0;
    memset(thread->datastack_top, 0, (size_t)((char *)thread->datastack_limit - (char *)thread->datastack_top));
#ifdef HAS_MIMALLOC
    /* Nothing has used this heap: Python's objects have arenas. Its random numbers would be other ones in every build. */
    _mi_heap_main.thread_id = 0;
    _mi_heap_main.cookie = 0;
    memset(_mi_heap_main.keys, 0, sizeof _mi_heap_main.keys);
    memset(&_mi_heap_main.random, 0, sizeof _mi_heap_main.random);
#endif
    snapshot.thread = thread;
    snapshot.is_written = true;
    /* __init__.py looks at this process's mappings before it closes the other end. */
    return put_segment(pyoci_variables_begin, (size_t)(pyoci_variables_end - pyoci_variables_begin)) &&
           put_segment(space, snapshot.used) && put_segment(arenas, snapshot.used_arenas) &&
           close(STDOUT_FILENO) == 0 && read(STDIN_FILENO, &nothing, 1) == 0;
}

/* posix.environ, which the module made when it was imported. */
static bool set_environment(void)
{
    PyObject *posix = PyImport_ImportModule("posix");
    PyObject *found = posix ? PyObject_GetAttrString(posix, "environ") : NULL;

    if (!found)
        return false;
    PyDict_Clear(found);
    for (char **entry = environ; *entry; entry++) {
        const char *end = strchr(*entry, '=');
        if (!end)
            continue;
        PyObject *name = PyBytes_FromStringAndSize(*entry, end - *entry);
        PyObject *value = PyBytes_FromString(end + 1);
        if (!name || !value || !PyDict_SetDefault(found, name, value)) /* the first counts, as in posixmodule.c */
            return false;
        Py_DECREF(name);
        Py_DECREF(value);
    }
    Py_DECREF(found);
    Py_DECREF(posix);
    return true;
}

/* What Python does about signals when it starts: SIGPIPE and SIGXFSZ become errors, SIGINT an exception, and what the
 * caller ignores stays ignored. The module knows a process in which all of them have their defaults. */
static bool set_signals(void)
{
    PyObject *module = PyImport_ImportModule("_signal");
    PyObject *interrupt = module ? PyObject_GetAttrString(module, "default_int_handler") : NULL;
    bool done = interrupt != NULL;

    for (int number = 1; done && number < NSIG; number++) {
        PyOS_sighandler_t handler = PyOS_getsig(number);
        PyObject *result = NULL;
        if (number == SIGPIPE || number == SIGXFSZ)
            PyOS_setsig(number, SIG_IGN);
        else if (handler == SIG_IGN)
            done = (result = PyObject_CallMethod(module, "signal", "il", number, (long)SIG_IGN)) != NULL;
        else if (number == SIGINT && handler == SIG_DFL)
            done = (result = PyObject_CallMethod(module, "signal", "iO", number, interrupt)) != NULL;
        Py_XDECREF(result);
    }
    Py_XDECREF(interrupt);
    Py_XDECREF(module);
    return done;
}

bool snapshot_wake(void)
{
    Py_tss_t unset = Py_tss_NEEDS_INIT;
    PyThreadState *thread = snapshot.thread;

    snapshot_use_huge_page();
    thread->thread_id = _PyRuntime.main_thread = PyThread_get_thread_ident();
    thread->native_thread_id = PyThread_get_thread_native_id();
    *CURRENT_THREAD_KEY = unset;
    if (PyThread_tss_create(CURRENT_THREAD_KEY) != 0 || PyThread_tss_set(CURRENT_THREAD_KEY, thread) != 0)
        return false;
    PyEval_RestoreThread(thread);
    return set_signals() && set_environment();
}

#endif
