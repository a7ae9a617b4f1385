/* One huge page in place of the first 512 pages of Python's objects.
 *
 * Before Python 3.12 every use of an object writes to it (README.md, "What a page costs"), so a command that enters a
 * container copies some 350 of these pages, one page fault each: 1.4 ms of CPU time. To read all of them from the file
 * into one huge page takes 0.4 ms. Whatever is not as expected leaves the pages of the file where they are. */
#ifdef WITH_SNAPSHOT
#define _GNU_SOURCE
#include "snapshot.h"

#include <Python.h>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20) /* x86_64 */
#define PAGE ((size_t)4096)

/* Where the file has what is at `address`; -1 where it has not all of a huge page of it. */
static off_t place_in_file(uintptr_t address)
{
    const ElfW(Phdr) *segment = (const ElfW(Phdr) *)getauxval(AT_PHDR);

    for (unsigned long count = getauxval(AT_PHNUM); segment && count > 0; count--, segment++)
        if (segment->p_type == PT_LOAD && segment->p_vaddr == address && segment->p_filesz >= HUGE_PAGE)
            return (off_t)segment->p_offset;
    return -1;
}

/* Whether the kernel gives a huge page at once: all of it is there when the first byte is. */
static bool becomes_huge(char *area)
{
    unsigned char is_there = 0;

    if (madvise(area, HUGE_PAGE, MADV_HUGEPAGE) != 0)
        return false;
    *(volatile char *)area = 0;
    return mincore(area + HUGE_PAGE - PAGE, PAGE, &is_there) == 0 && (is_there & 1);
}

static bool read_all(char *area, off_t place)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && pread(fd, area, HUGE_PAGE, place) == (ssize_t)HUGE_PAGE;

    if (fd >= 0)
        close(fd);
    return done;
}

void snapshot_use_huge_page(void)
{
    char *target = snapshot_arenas().begin;
    off_t place = (uintptr_t)target % HUGE_PAGE == 0 ? place_in_file((uintptr_t)target) : -1;

    if (PY_VERSION_HEX >= 0x030c0000 || place < 0)
        return;
    /* Twice the room has an aligned huge page in it. */
    char *room = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return;
    char *area = (char *)(((uintptr_t)room + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    if (becomes_huge(area) && read_all(area, place))
        mremap(area, HUGE_PAGE, HUGE_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    munmap(room, 2 * HUGE_PAGE);
}

#endif
