/* The `pyoci` program: Python embedded, isolated from the caller, with pyoci's modules inside.
 *
 * Isolated: no environment variable, no site module, no .pth file, no pyvenv.cfg, nothing from the working directory.
 * The search path is fixed when the program is built (PYTHON_STDLIB, PYTHON_DYNLOAD); only the folder with the
 * packages that rare paths import is found at run time, beside the program, and comes behind. A release (STANDALONE)
 * has no search path: whatever it imports is in its archive.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frozen.h"
#include "memory.h"
#include "seal.h"
#include "snapshot/snapshot.h"

PyMODINIT_FUNC PyInit__raw(void);
PyMODINIT_FUNC PyInit__record(void);
PyMODINIT_FUNC PyInit__seccomp(void);
#ifdef STANDALONE
PyMODINIT_FUNC PyInit__prctl(void); /* of python-prctl */
#endif

#ifdef WITHOUT_SHA2
/* Instead of the module of this name, which the linker then leaves out (build_program.py). hashlib has OpenSSL's. */
PyMODINIT_FUNC PyInit__sha2(void);
PyMODINIT_FUNC PyInit__sha2(void)
{
    PyErr_SetString(PyExc_ImportError, "the static library of this Python has no _sha2");
    return NULL;
}
#endif

#ifdef VARIABLES_APART
/* Of libpython, such as mimalloc's: build_program.py has renamed their table, so that the C library does not call them. What
 * they have done is in the snapshot. */
typedef void constructor(int, char **, char **);
extern constructor *const __start_pyoci_constructors[] __attribute__((weak));
extern constructor *const __stop_pyoci_constructors[] __attribute__((weak));

static void run_constructors(int argc, char **argv)
{
    for (constructor *const *each = __start_pyoci_constructors; each < __stop_pyoci_constructors; each++)
        (*each)(argc, argv, NULL);
}
#else
static void run_constructors(int argc, char **argv)
{
    (void)argc, (void)argv;
}
#endif

/* Python starts in two steps. After the first, built-in and frozen modules can be imported, which is all that most
 * commands need. The second brings codecs, io, sys.stdout and the search path, and takes 1.3 ms: boot.py calls it when a
 * file is to be imported or opened. A snapshot is taken between the two: what the second looks at differs from run to
 * run. Without a snapshot both are done at once. */
#ifdef WITH_SNAPSHOT
#define IN_TWO_STEPS 1
/* Parts of the second step that are needed earlier: by the module _signal, and to say why bytes are not UTF-8. */
extern int _PySignal_Init(int install_signal_handlers);
#if PY_VERSION_HEX >= 0x030d0000
#define HAS_CODEC_REGISTRY
extern PyStatus _PyCodec_InitRegistry(PyInterpreterState *interpreter);
#endif
#else
#define IN_TWO_STEPS 0
#endif

/* Python does not start with a folder as a standard stream, and pyoci reads none: Python finds a file in memory there, and the
 * container's program gets what the caller has given. */
static void put_folders_aside(int aside[3])
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;

        aside[fd] = -1;
        if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
            continue;
        int file = memfd_create("pyoci:stream", MFD_CLOEXEC);
        aside[fd] = file < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (aside[fd] >= 0)
            dup2(file, fd);
        if (file >= 0)
            close(file);
    }
}

static void put_folders_back(const int aside[3])
{
    for (int fd = 0; fd < 3; fd++)
        if (aside[fd] >= 0) {
            dup2(aside[fd], fd);
            close(aside[fd]);
        }
}

static PyObject *second_step(PyObject *self, PyObject *nothing)
{
    (void)self, (void)nothing;
#ifdef HAS_CODEC_REGISTRY
    /* It makes another registry, in which this module has to enter itself once more. */
    if (PyDict_DelItemString(PyImport_GetModuleDict(), "encodings") < 0)
        return NULL;
#endif
#if IN_TWO_STEPS
    int aside[3];

    put_folders_aside(aside);
    PyStatus status = _Py_InitializeMain();
    put_folders_back(aside);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
#endif
    Py_RETURN_NONE;
}

#ifdef STANDALONE
static bool find_packages(const char *program, char *found, size_t size)
{
    return (void)program, (void)found, (void)size, false;
}
#else
/* PREFIX/bin/pyoci -> PREFIX/lib/pythonX.Y/site-packages, where pip has put pyoci and what it depends on. */
static bool find_packages(const char *program, char *found, size_t size)
{
    /* Debian's pip, outside of a virtual environment, uses dist-packages. */
    static const char *const names[] = {"site-packages", "dist-packages"};
    const char *end = strrchr(program, '/');

    while (end && end > program && end[-1] != '/')
        end--;
    if (!end || end == program)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int base = snprintf(found, size, "%.*slib/python%d.%d/%s", (int)(end - program), program, PY_MAJOR_VERSION,
                            PY_MINOR_VERSION, names[i]);
        if (base < 0 || (size_t)base + sizeof "/pyoci" > size)
            return false;
        strcpy(found + base, "/pyoci");
        if (access(found, F_OK) == 0) {
            found[base] = '\0';
            return true;
        }
    }
    return false;
}
#endif

static PyStatus set_strings(PyConfig *config)
{
    const struct {
        wchar_t **field;
        const char *value;
    } strings[] = {
        /* With all of these set, Python looks for none of them in the file system. */
        {&config->program_name, "pyoci"},
        /* Empty, it would have Python ask for the working directory, which may be removed or deeper than a path. */
        {&config->executable, "/"},
        {&config->base_executable, ""},
        {&config->home, PYTHON_PREFIX},
        {&config->prefix, PYTHON_PREFIX},
        {&config->base_prefix, PYTHON_PREFIX},
        {&config->exec_prefix, PYTHON_PREFIX},
        {&config->base_exec_prefix, PYTHON_PREFIX},
        {&config->stdlib_dir, PYTHON_STDLIB},
        {&config->platlibdir, "lib"},
        {&config->stdio_encoding, "utf-8"},
        /* A path that is not UTF-8 is printed as the bytes that it is made of. */
        {&config->stdio_errors, "surrogateescape"},
    };
    PyStatus status = PyStatus_Ok();

    for (size_t i = 0; i < sizeof strings / sizeof strings[0] && !PyStatus_Exception(status); i++)
        status = PyConfig_SetBytesString(config, strings[i].field, strings[i].value);
    return status;
}

static PyStatus set_path(PyConfig *config)
{
    /* Hot paths import nothing from files but compiled modules (_json): with their folder first, the bigger one
     * is not listed. */
    const char *const entries[] = {PYTHON_DYNLOAD, PYTHON_STDLIB, PYTHON_VENDOR_PACKAGES};
    PyStatus status = PyStatus_Ok();

    config->module_search_paths_set = 1;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0] && !PyStatus_Exception(status); i++) {
        if (!entries[i][0])
            continue;
        wchar_t *entry = Py_DecodeLocale(entries[i], NULL);
        if (!entry)
            return PyStatus_NoMemory();
        status = PyWideStringList_Append(&config->module_search_paths, entry);
        PyMem_RawFree(entry);
    }
    return status;
}

static PyStatus start_python(void)
{
    PyPreConfig preconfig;
    PyConfig config;
    PyStatus status;

    PyPreConfig_InitIsolatedConfig(&preconfig);
    preconfig.utf8_mode = 1; /* the kernel's paths are bytes; LANG is not ours to follow */
    status = Py_PreInitialize(&preconfig);
    if (PyStatus_Exception(status))
        return status;

    memory_take_arenas();
    PyImport_FrozenModules = pyoci_frozen_modules;
    if (PyImport_AppendInittab("pyoci._record", PyInit__record) < 0 ||
        PyImport_AppendInittab("pyoci.kernel._raw", PyInit__raw) < 0 ||
        PyImport_AppendInittab("pyoci.kernel._seccomp", PyInit__seccomp) < 0)
        return PyStatus_NoMemory();
#ifdef STANDALONE
    if (PyImport_AppendInittab("_prctl", PyInit__prctl) < 0)
        return PyStatus_NoMemory();
#endif

    PyConfig_InitIsolatedConfig(&config);
#ifdef STANDALONE
    /* The same bytes in every build. Whoever knows the file knows the secret of a snapshot's hashes anyway: what colliding
     * keys cost is bounded instead (tests/unit/test_json_text.py). */
    config.use_hash_seed = 1;
    config.hash_seed = 0;
#endif
    config.parse_argv = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config._init_main = !IN_TWO_STEPS;
    config.pathconfig_warnings = 0;
    /* As in every other Python: SIGPIPE is an error and no end, SIGINT an exception. */
    config.install_signal_handlers = 1;
    status = set_strings(&config);
    if (!PyStatus_Exception(status))
        status = set_path(&config);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
#if IN_TWO_STEPS
    if (!PyStatus_Exception(status) && _PySignal_Init(1) < 0)
        status = PyStatus_Error("cannot handle signals");
#endif
#ifdef HAS_CODEC_REGISTRY
    if (!PyStatus_Exception(status))
        status = _PyCodec_InitRegistry(PyInterpreterState_Get());
#endif
    PyGC_Disable(); /* a command ends before a collection would pay */
    return status;
}

/* The words of the command line; bytes that are not UTF-8 survive. */
static PyObject *words(char **argv)
{
    PyObject *list = PyList_New(0);

    for (char **word = argv; list && *word; word++) {
        PyObject *text = PyUnicode_DecodeUTF8(*word, (Py_ssize_t)strlen(*word), "surrogateescape");
        if (!text || PyList_Append(list, text) < 0)
            return NULL;
        Py_DECREF(text);
    }
    return list;
}

/* launcher/boot.py: prepare(folder of compiled modules, second_step, archive) */
static bool prepare(PyObject *boot)
{
    static PyMethodDef step = {"second_step", second_step, METH_NOARGS, NULL};
    PyObject *finish = PyCFunction_New(&step, NULL);
    PyObject *archive = PyMemoryView_FromMemory((char *)pyoci_archive, (Py_ssize_t)pyoci_archive_size, PyBUF_READ);
    PyObject *done =
        finish && archive ? PyObject_CallMethod(boot, "prepare", "sOO", PYTHON_DYNLOAD, finish, archive) : NULL;

    Py_XDECREF(archive);
    Py_XDECREF(finish);
    Py_XDECREF(done);
    return done != NULL;
}

/* launcher/boot.py: run(words, folder of pyoci) -> exit status */
static int run(PyObject *boot, char **argv, const char *packages)
{
    int status = 1;
    PyObject *arguments = words(argv + 1);
    PyObject *result = arguments ? PyObject_CallMethod(boot, "run", "Os", arguments, packages) : NULL;

    if (result) {
        long value = PyLong_AsLong(result);
        if (!PyErr_Occurred())
            status = (int)value;
    }
    if (PyErr_Occurred())
        PyErr_Print(); /* an exception that the command line's own fence let through: an installation is broken */
    return status;
}

/* launcher/boot.py, in a Python that has just started or woken up; NULL when it is told why there is none. */
static PyObject *start(void)
{
    if (snapshot_is_there()) {
        if (!snapshot_wake())
            Py_FatalError("Python does not wake up");
        return PyImport_ImportModule("_pyoci_boot");
    }
    int aside[3];

    put_folders_aside(aside);
    PyStatus status = start_python();
    put_folders_back(aside);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    PyObject *boot = PyImport_ImportModule("_pyoci_boot");
    if (boot && !prepare(boot))
        return NULL;
    return boot;
}

#ifdef WITH_SNAPSHOT
/* launcher/boot.py: load_all() */
static int prepare_snapshot(void)
{
    /* Memory of the C library's own is far away then, where no text looks like an address (snapshot.foreign_words). */
    mallopt(M_MMAP_THRESHOLD, 0);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* whatever was ignored where the program is built */
    PyObject *boot = start();
    PyObject *loaded = boot ? PyObject_CallMethod(boot, "load_all", NULL) : NULL;

    Py_XDECREF(loaded);
    Py_XDECREF(boot);
    if (!loaded) {
        PyErr_Print();
        return 1;
    }
    return snapshot_write() ? 0 : 1;
}
#endif

int main(int argc, char **argv)
{
    static struct program program;
    static char packages[sizeof program.path];

    if (argc < 1)
        return 1; /* execve with an empty argv */
    if (!snapshot_is_there())
        run_constructors(argc, argv);
#ifdef WITH_SNAPSHOT
    if (!snapshot_is_there() && strcmp(argv[0], SNAPSHOT_CALLED) == 0)
        _exit(prepare_snapshot());
#endif
    program_find(&program, argv[0]);
    if (!program.sealed && enters_container(argv + 1)) {
        program_seal(&program, argv);
        return 1;
    }
    if (program.sealed)
        prctl(PR_SET_NAME, "pyoci"); /* execveat() named the process after the descriptor's number */
    if (!find_packages(program.path, packages, sizeof packages))
        packages[0] = '\0';

    memory_watch(argv);
    PyObject *boot = start();
    if (!boot)
        PyErr_Print();
    /* No finalization: it takes 1 ms, and the kernel frees memory faster. */
    _exit(boot ? run(boot, argv, packages) : 1);
}
