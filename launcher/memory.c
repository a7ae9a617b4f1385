/* Python's memory, known well enough to be given back all at once.
 *
 * The last thing that Python does in init is to hand over to kernel/_deferred.c, which may wait for long. It needs its
 * stack and its one block; the program's code and data, the heap and the arenas of Python's objects can go. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../pyoci/kernel/_deferred.h"
#include "memory.h"
#include "snapshot/snapshot.h"

#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

extern char **environ;
#ifdef VARIABLES_APART /* launcher/snapshot/variables.ld */
extern char pyoci_variables_begin, pyoci_variables_end;
#define VARIABLES_BEGIN (&pyoci_variables_begin)
#define VARIABLES_END (&pyoci_variables_end)
#else
extern char __data_start, _end;
#define VARIABLES_BEGIN (&__data_start)
#define VARIABLES_END (&_end)
#endif

static struct {
    size_t page;
    size_t count;
    char *heap;             /* its begin */
    struct span caller;     /* the strings of the command line and the environment, one after the other */
    struct span arenas[64]; /* of 1 MiB: a command has two or three, and more are only not given back */
} memory;

static void *map_arena(void *context, size_t size)
{
    (void)context;
    void *arena = snapshot_pages(size);
    if (arena)
        return arena;
    arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED)
        return NULL;
    if (memory.count < sizeof memory.arenas / sizeof memory.arenas[0])
        memory.arenas[memory.count++] = (struct span){arena, size};
    return arena;
}

static void unmap_arena(void *context, void *arena, size_t size)
{
    struct span kept = snapshot_arenas();

    (void)context;
    if ((char *)arena >= kept.begin && (char *)arena < kept.begin + kept.size)
        return;
    for (size_t i = 0; i < memory.count; i++)
        if (memory.arenas[i].begin == arena)
            memory.arenas[i] = memory.arenas[--memory.count];
    munmap(arena, size);
}

/* proc_pid_cmdline(5) is for everybody to read, proc_pid_environ(5) for those who may trace. Of a process that is seen in
 * a container both show its own name instead, and the caller's secrets (`exec --env TOKEN=...`) are in neither. */
static void forget_caller(void)
{
    char name[16] = "";

    prctl(PR_GET_NAME, name);
    if (memory.caller.size <= sizeof name)
        return;
    memset(memory.caller.begin, 0, memory.caller.size);
    strcpy(memory.caller.begin, name);
}

void memory_take_arenas(void)
{
    PyObjectArenaAllocator allocator = {NULL, map_arena, unmap_arena};

    PyObject_SetArenaAllocator(&allocator);
}

/* Whole pages only: what shares a page with the data stays, such as the addresses of the C library's functions. */
static void give_back(char *begin, char *end, size_t page)
{
    begin = (char *)(((uintptr_t)begin + page - 1) & ~(uintptr_t)(page - 1));
    end = (char *)((uintptr_t)end & ~(uintptr_t)(page - 1));
    if (begin < end)
        madvise(begin, (size_t)(end - begin), MADV_DONTNEED);
}

/* The code and the constants, which are the file's: what is used of them while init waits is mapped once more. */
static void unmap_code(size_t page)
{
    const ElfW(Phdr) *segments = (const ElfW(Phdr) *)getauxval(AT_PHDR);

    for (unsigned long i = 0; segments && i < getauxval(AT_PHNUM); i++)
        if (segments[i].p_type == PT_LOAD && !(segments[i].p_flags & PF_W))
            give_back((char *)segments[i].p_vaddr, (char *)segments[i].p_vaddr + segments[i].p_filesz, page);
}

static void give_back_memory(void)
{
    const size_t page = memory.page;
    const struct span kept[] = {snapshot_memory(), snapshot_arenas()};

    for (size_t i = 0; i < memory.count; i++)
        munmap(memory.arenas[i].begin, memory.arenas[i].size);
    give_back(memory.heap, sbrk(0), page);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        give_back(kept[i].begin, kept[i].begin + kept[i].size, page);
    give_back(VARIABLES_BEGIN, VARIABLES_END, page); /* `memory` is in there, too */
    unmap_code(page);
}

/* Where the strings end that execve(2) has put one behind the other, from `end` on. */
static char *end_of_strings(char **words, char *end)
{
    for (; words && *words; words++)
        if (*words == end)
            end += strlen(*words) + 1;
    return end;
}

void memory_watch(char **argv)
{
    char *end = end_of_strings(environ, end_of_strings(argv, argv[0]));

    deferred_program = (struct deferred_program){give_back_memory, forget_caller};
    memory.page = (size_t)sysconf(_SC_PAGESIZE);
    memory.heap = sbrk(0);
    /* What program_seal() has changed in argv went through another execve(2) since. */
    memory.caller = (struct span){argv[0], (size_t)(end - argv[0])};
}
