/* The `pyoci` program: Python embedded, isolated from the caller, with pyoci's modules inside.
 *
 * Isolated: no environment variable, no site module, no .pth file, no pyvenv.cfg, nothing from the working directory.
 * The search path is fixed when the program is built (PYTHON_STDLIB, PYTHON_DYNLOAD); only the folder with the
 * packages that rare paths import is found at run time, beside the program, and comes last.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <marshal.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "frozen.h"
#include "memory.h"
#include "seal.h"

PyMODINIT_FUNC PyInit__raw(void);

/* Python's handlers for SIGINT and SIGPIPE. libpython.a has this function; where libpython is shared, it is hidden. */
extern int _PySignal_Init(int install_signal_handlers) __attribute__((weak));

/* The linker's --wrap leads libpython.a's one call of _Py_Deepfreeze_Init to the function below. */
extern int __real__Py_Deepfreeze_Init(void) __attribute__((weak));
extern int _PyStaticCode_InternStrings(PyCodeObject *code) __attribute__((weak));
extern PyCodeObject *_Py_get_importlib__bootstrap_toplevel(void) __attribute__((weak));
#define LEAVES_STRINGS (PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030c0000)

/* Python starts in two steps. After the first, built-in and frozen modules can be imported, which is all that most
 * commands need. The second brings codecs, io, sys.stdout and the search path, and takes 1.3 of 6 ms: boot.py calls it
 * when a file is to be imported or opened. */
static bool in_two_steps(void)
{
#if PY_VERSION_HEX < 0x030e0000
    return _PySignal_Init != NULL;
#else
    return false; /* not known to work */
#endif
}

/* Called when the interpreter has nothing yet but a garbage collector, which would run two or three times before main()
 * could turn it off: a command ends before a collection would pay.
 *
 * Python 3.11 also interns 7,000 strings here, those of all the standard library's modules in libpython.a, and so
 * writes to 260 pages. The second step can do it: before, only importlib's first part runs. Together 1 of 15 ms. */
int __wrap__Py_Deepfreeze_Init(void);
int __wrap__Py_Deepfreeze_Init(void)
{
    PyGC_Disable();
#if LEAVES_STRINGS
    return _PyStaticCode_InternStrings(_Py_get_importlib__bootstrap_toplevel());
#else
    return __real__Py_Deepfreeze_Init();
#endif
}

static PyObject *second_step(PyObject *self, PyObject *nothing)
{
    (void)self, (void)nothing;
    if (in_two_steps()) {
#if LEAVES_STRINGS
        if (__real__Py_Deepfreeze_Init() < 0)
            return PyErr_NoMemory();
#endif
        PyStatus status = _Py_InitializeMain();
        if (PyStatus_Exception(status))
            Py_ExitStatusException(status);
    }
    Py_RETURN_NONE;
}

/* launcher/freeze.py: what is in a block. */
static PyObject *block(PyObject *self, PyObject *number)
{
    long place = PyLong_AsLong(number);

    (void)self;
    if (PyErr_Occurred())
        return NULL;
    return PyMarshal_ReadObjectFromString((const char *)pyoci_blocks[place].data, pyoci_blocks[place].size);
}

/* The commands after which a container can see this program as /proc/PID/exe. Looking at every word costs nothing
 * and needs no knowledge of the options; a container that is named "run" is sealed for nothing. */
static bool enters_container(char **argv)
{
    static const char *const commands[] = {"create", "run", "exec", "restore"};

    for (char **word = argv; *word; word++)
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
            if (strcmp(*word, commands[i]) == 0)
                return true;
    return false;
}

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

static PyStatus set_strings(PyConfig *config, const char *program)
{
    const struct {
        wchar_t **field;
        const char *value;
    } strings[] = {
        /* With all of these set, Python looks for none of them in the file system. */
        {&config->program_name, "pyoci"},
        {&config->executable, program},
        {&config->base_executable, program},
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

static PyStatus set_path(PyConfig *config, const char *packages)
{
    /* Hot paths import nothing from files but compiled modules (_json): with their folder first, the bigger one
     * is not listed. */
    const char *const entries[] = {PYTHON_DYNLOAD, PYTHON_STDLIB, packages, PYTHON_VENDOR_PACKAGES};
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

static PyStatus start_python(int argc, char **argv, const char *program, const char *packages)
{
    PyPreConfig preconfig;
    PyConfig config;
    PyStatus status;

    PyPreConfig_InitIsolatedConfig(&preconfig);
    preconfig.utf8_mode = 1; /* the kernel's paths are bytes; LANG is not ours to follow */
    status = Py_PreInitialize(&preconfig);
    if (PyStatus_Exception(status))
        return status;

    PyImport_FrozenModules = pyoci_frozen_modules;
    if (PyImport_AppendInittab("pyoci.kernel._raw", PyInit__raw) < 0)
        return PyStatus_NoMemory();

    PyConfig_InitIsolatedConfig(&config);
    config.parse_argv = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config._init_main = !in_two_steps();
    config.pathconfig_warnings = 0;
    /* As in every other Python: SIGPIPE is an error and no end, SIGINT an exception. */
    config.install_signal_handlers = 1;
    status = set_strings(&config, program);
    if (!PyStatus_Exception(status))
        status = set_path(&config, packages);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (!PyStatus_Exception(status) && in_two_steps() && _PySignal_Init(1) < 0)
        status = PyStatus_Error("cannot handle signals");
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

/* launcher/boot.py: run(words, folder of pyoci, folder of compiled modules, second_step, block) -> exit status */
static int run(char **argv, const char *packages)
{
    static PyMethodDef step = {"second_step", second_step, METH_NOARGS, NULL};
    static PyMethodDef read = {"block", block, METH_O, NULL};
    int status = 1;
    PyObject *boot = PyImport_ImportModule("_pyoci_boot");
    PyObject *arguments = words(argv + 1);
    PyObject *finish = PyCFunction_New(&step, NULL);
    PyObject *blocks = PyCFunction_New(&read, NULL);
    PyObject *result = NULL;

    if (boot && arguments && finish && blocks)
        result = PyObject_CallMethod(boot, "run", "OssOO", arguments, packages, PYTHON_DYNLOAD, finish, blocks);

    if (result) {
        long value = PyLong_AsLong(result);
        if (!PyErr_Occurred())
            status = (int)value;
    }
    if (PyErr_Occurred())
        PyErr_Print(); /* an exception that the command line's own fence let through: an installation is broken */
    return status;
}

int main(int argc, char **argv)
{
    static struct program program;
    static char packages[sizeof program.path];

    if (argc < 1)
        return 1; /* execve with an empty argv */
    program_find(&program, argv[0]);
    if (!program.sealed && enters_container(argv + 1)) {
        program_seal(&program, argv);
        return 1;
    }
    if (program.sealed)
        prctl(PR_SET_NAME, "pyoci"); /* execveat() named the process after the descriptor's number */
    if (!find_packages(program.path, packages, sizeof packages))
        packages[0] = '\0';

    memory_watch();
    PyStatus status = start_python(argc, argv, program.path, packages);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    PyGC_Disable(); /* where nothing was wrapped, it is still on */
    /* No finalization: it takes 1 ms, and the kernel frees memory faster. */
    _exit(run(argv, packages));
}
