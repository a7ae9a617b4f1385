/* The first instructions of the program, before those of the C library: a command that enters a container executes itself
 * again (seal.c), and what the C library does at its start would be done twice for it. That is a tenth of `create`: a
 * program with a dynamic linker takes 0.84 ms of CPU time to do nothing, a static one with the C library 0.58 ms, and
 * one without it 0.17 ms (medians, Linux 6.18).
 *
 * So nothing here may call the C library, use thread-local storage or need a relocation. Whatever is not as expected is left
 * to seal.c, which asks again, has another way, and says what is wrong.
 *
 * The kernel would start the dynamic linker first. The program header that names it has therefore a type that the kernel does
 * not know (snapshot/elf.py), and load_interpreter() does what the kernel does for PT_INTERP (fs/binfmt_elf.c,
 * load_elf_interp). A static program, which a release is, needs none.
 */
#include <elf.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "seal.h"

#define PAGE 4096UL
#define PT_INTERP_HIDDEN 0x6f636901 /* PT_INTERP, out of the kernel's sight: elf.py */

extern void _start(void);

/* Keeps the stack as the kernel made it for whom it jumps to: _start, or the dynamic linker. */
#ifdef __x86_64__
/* clang-format off */
__asm__(".text\n"
        ".globl pyoci_entry\n"
        ".type pyoci_entry, @function\n"
        "pyoci_entry:\n"
        "    endbr64\n"
        "    xor %ebp, %ebp\n"
        "    mov %rsp, %rdi\n"
        "    push %rdx\n" /* a function for atexit: of the dynamic linker, if that was first (psABI, "Process Initialization") */
        "    sub $8, %rsp\n"
        "    call first_instructions\n"
        "    add $8, %rsp\n"
        "    pop %rdx\n"
        "    jmp *%rax\n");
/* clang-format on */

static long call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#else
#error "write the entry and the system call for this machine"
#endif

/* program_find() and read_only_mount() of seal.c. Returns if that is not possible, or not needed. */
static void seal(char **argv, char **environment)
{
    static const char self[] = "/proc/self/exe";
    char path[PAGE]; /* PATH_MAX */
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    long length = call(SYS_readlinkat, AT_FDCWD, (long)self, (long)path, sizeof path - 1, 0, 0);

    /* Of the sealed program it says "/" or "/memfd:pyoci". */
    if (length < 2 || (path[1] == 'm' && path[2] == 'e' && path[3] == 'm'))
        return;
    path[length] = '\0';
    long fd = call(SYS_open_tree, AT_FDCWD, (long)self, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0, 0);
    if (fd < 0)
        return;
    if (call(SYS_mount_setattr, fd, (long)"", AT_EMPTY_PATH, (long)&attr, sizeof attr, 0) == 0) {
        char *name = argv[0];
        argv[0] = path;
        call(SYS_execveat, fd, (long)"", (long)argv, (long)environment, AT_EMPTY_PATH, 0);
        argv[0] = name;
    }
    call(SYS_close, fd, 0, 0, 0, 0, 0);
}

#ifdef INTERPRETER
static void say(const char *words)
{
    unsigned long length = 0;

    while (words[length])
        length++;
    call(SYS_write, 2, (long)words, (long)length, 0, 0, 0);
}

/* `error`: the number that a call has returned, or 0 for a file that is not one. */
__attribute__((noreturn)) static void fail(long error)
{
    /* No pointers: each would be a relocation. */
    static const struct {
        long error;
        char words[96];
    } reasons[] = {
        {0, "it is not a program of this machine"},
        {-ENOENT, "no such file or directory (ENOENT)"},
        {-EACCES, "permission denied (EACCES)"},
        {-EMFILE, "too many open files (EMFILE); the caller's limit of open files is too low (ulimit -n)"},
        {-ENOMEM, "cannot allocate memory (ENOMEM); is the caller's limit of memory too low (ulimit -v)?"},
    };
    unsigned long i = 0;

    while (i < sizeof reasons / sizeof *reasons && reasons[i].error != error)
        i++;
    say("pyoci: cannot load " INTERPRETER ", the dynamic linker that it was built with: ");
    say(i < sizeof reasons / sizeof *reasons ? reasons[i].words : "the kernel refuses it");
    say("\n");
    call(SYS_exit_group, 127, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

/* Of the auxiliary vector, which has all that are asked for here. */
static unsigned long *place(Elf64_auxv_t *auxv, unsigned long type)
{
    for (; auxv->a_type != AT_NULL; auxv++)
        if (auxv->a_type == type)
            return &auxv->a_un.a_val;
    fail(0);
}

static unsigned long map(unsigned long place, unsigned long size, int protection, int flags, long fd,
                         unsigned long offset)
{
    long address = call(SYS_mmap, (long)place, (long)size, protection, MAP_PRIVATE | flags, fd, (long)offset);

    if (address < 0 && address > -(long)PAGE)
        fail(address);
    return (unsigned long)address;
}

static void map_segment(long fd, unsigned long base, const Elf64_Phdr *segment)
{
    unsigned long begin = (base + segment->p_vaddr) & -PAGE;
    unsigned long file_end = base + segment->p_vaddr + segment->p_filesz;
    unsigned long end = base + segment->p_vaddr + segment->p_memsz;
    unsigned long mapped = (file_end + PAGE - 1) & -PAGE;
    int protection = (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0) |
                     (segment->p_flags & PF_X ? PROT_EXEC : 0);

    map(begin, file_end - begin, protection, MAP_FIXED, fd, segment->p_offset & -PAGE);
    if (end == file_end)
        return;
    for (volatile char *byte = (char *)file_end; byte < (char *)mapped; byte++)
        *byte = 0;
    if (end > mapped)
        map(mapped, end - mapped, protection, MAP_FIXED | MAP_ANONYMOUS, -1, 0);
}

/* A copy of the program's headers that names the dynamic linker: it asks for its own name there. Without PT_PHDR, since
 * they are elsewhere than that would say. */
static unsigned long seen_headers(const Elf64_Phdr *headers, unsigned long count)
{
    if (count > PAGE / sizeof *headers)
        fail(0);
    Elf64_Phdr *copy = (Elf64_Phdr *)map(0, PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1, 0);
    for (unsigned long i = 0; i < count; i++) {
        copy[i] = headers[i];
        if (copy[i].p_type == PT_INTERP_HIDDEN)
            copy[i].p_type = PT_INTERP;
        if (copy[i].p_type == PT_PHDR)
            copy[i].p_type = PT_NULL;
    }
    return (unsigned long)copy;
}

/* Returns the dynamic linker's entry. */
static unsigned long load_interpreter(Elf64_auxv_t *auxv)
{
    static const char path[] = INTERPRETER;
    char head[1024]; /* the dynamic linker reads 832 bytes of each library for the same */
    unsigned long size = 0;
    long fd = call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    long length = fd < 0 ? fd : call(SYS_read, fd, (long)head, sizeof head, 0, 0, 0);
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)head;

    if (length < (long)sizeof *elf || elf->e_type != ET_DYN || elf->e_phoff > sizeof head ||
        elf->e_phnum > (sizeof head - elf->e_phoff) / sizeof(Elf64_Phdr))
        fail(length < 0 ? length : 0);
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(head + elf->e_phoff);
    for (int i = 0; i < elf->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD)
            size = segments[i].p_vaddr + segments[i].p_memsz;
    unsigned long base = map(0, size, PROT_NONE, MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < elf->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD)
            map_segment(fd, base, &segments[i]);
    call(SYS_close, fd, 0, 0, 0, 0, 0);

    *place(auxv, AT_BASE) = base;
    *place(auxv, AT_ENTRY) = (unsigned long)_start;
    unsigned long *headers = place(auxv, AT_PHDR);
    *headers = seen_headers((const Elf64_Phdr *)*headers, *place(auxv, AT_PHNUM));
    return base + elf->e_entry;
}
#endif

/* Where to go on. `stack`: argc, argv, NULL, the environment, NULL, the auxiliary vector. */
__attribute__((used)) unsigned long first_instructions(unsigned long *stack)
{
    char **argv = (char **)(stack + 1);
    char **environment = argv + stack[0] + 1;

    if (stack[0] > 0 && enters_container(argv + 1))
        seal(argv, environment);
#ifdef INTERPRETER
    char **end = environment;
    while (*end)
        end++;
    Elf64_auxv_t *auxv = (Elf64_auxv_t *)(end + 1);
    if (*place(auxv, AT_BASE) == 0) /* the kernel has loaded none; it does while the snapshot is prepared */
        return load_interpreter(auxv);
#endif
    return (unsigned long)_start;
}
