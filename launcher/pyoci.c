/* The `pyoci` program: Python embedded, isolated from the caller, with pyoci's modules inside.
 *
 * Isolated: no environment variable, no site module, no .pth file, no pyvenv.cfg, nothing from the working directory.
 * The search path is fixed when the program is built (PYTHON_STDLIB, PYTHON_DYNLOAD); only the folder with the
 * packages that rare paths import is found at run time, beside the program, and comes last.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "frozen.h"
#include "seal.h"

PyMODINIT_FUNC PyInit__raw(void);

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
    return status;
}

/* launcher/boot.py: run(folder of pyoci) -> exit status */
static int run(const char *packages)
{
    int status = 1;
    PyObject *boot = PyImport_ImportModule("_pyoci_boot");
    PyObject *result = boot ? PyObject_CallMethod(boot, "run", "s", packages) : NULL;

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

    PyStatus status = start_python(argc, argv, program.path, packages);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    PyGC_Disable(); /* a command ends before a collection would pay */
    /* No finalization: it takes 1 ms, and the kernel frees memory faster. */
    _exit(run(packages));
}
