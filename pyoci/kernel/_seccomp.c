/* pyoci.kernel._seccomp: the functions of libseccomp that compiling a filter takes (seccomp_init(3) and its kin).
 *
 * Mechanism only, as in _raw.c: kernel/libseccomp.py decides what is added and what a refusal means.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <seccomp.h>

/* What the filter cache takes as the identity of a library that is part of this file; empty for a shared object. */
#ifndef LIBSECCOMP_LINKED
#define LIBSECCOMP_LINKED ""
#endif

#define MOST_ARGUMENTS 6 /* a system call has no more, and libseccomp takes one comparison for each */

static const char capsule_name[] = "scmp_filter_ctx";

static void release(PyObject *capsule)
{
    seccomp_release(PyCapsule_GetPointer(capsule, capsule_name));
}

static scmp_filter_ctx context_of(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, capsule_name);
}

static PyObject *filter_version(PyObject *module, PyObject *nothing)
{
    const struct scmp_version *version = seccomp_version();

    (void)module, (void)nothing;
    return Py_BuildValue("III", version->major, version->minor, version->micro);
}

static PyObject *filter_api_level(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyLong_FromUnsignedLong(seccomp_api_get());
}

static PyObject *filter_native(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyLong_FromUnsignedLong(seccomp_arch_native());
}

static PyObject *filter_resolve(PyObject *module, PyObject *args)
{
    const char *name;
    unsigned int arch;

    (void)module;
    if (!PyArg_ParseTuple(args, "yI", &name, &arch))
        return NULL;
    return PyLong_FromLong(arch ? seccomp_syscall_resolve_name_arch(arch, name) : seccomp_syscall_resolve_name(name));
}

static PyObject *filter_new(PyObject *module, PyObject *args)
{
    unsigned int action;

    (void)module;
    if (!PyArg_ParseTuple(args, "I", &action))
        return NULL;
    scmp_filter_ctx context = seccomp_init(action);
    if (!context)
        Py_RETURN_NONE;
    PyObject *capsule = PyCapsule_New(context, capsule_name, release);
    if (!capsule)
        seccomp_release(context);
    return capsule;
}

static PyObject *filter_add_arch(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned int arch;

    (void)module;
    if (!PyArg_ParseTuple(args, "OI", &capsule, &arch))
        return NULL;
    scmp_filter_ctx context = context_of(capsule);
    return context ? PyLong_FromLong(-seccomp_arch_add(context, arch)) : NULL;
}

static PyObject *filter_set_attribute(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned int value;
    int attribute;

    (void)module;
    if (!PyArg_ParseTuple(args, "OiI", &capsule, &attribute, &value))
        return NULL;
    scmp_filter_ctx context = context_of(capsule);
    return context ? PyLong_FromLong(-seccomp_attr_set(context, (enum scmp_filter_attr)attribute, value)) : NULL;
}

static PyObject *filter_add_rule(PyObject *module, PyObject *args)
{
    struct scmp_arg_cmp comparisons[MOST_ARGUMENTS];
    PyObject *capsule, *rows;
    unsigned int action;
    int number;

    (void)module;
    if (!PyArg_ParseTuple(args, "OIiO!", &capsule, &action, &number, &PyList_Type, &rows))
        return NULL;
    scmp_filter_ctx context = context_of(capsule);
    if (!context)
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(rows);
    if (count > MOST_ARGUMENTS)
        return PyLong_FromLong(EINVAL);
    for (Py_ssize_t i = 0; i < count; i++) {
        unsigned int argument;
        int operation;
        unsigned long long one, two;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(rows, i), "IiKK", &argument, &operation, &one, &two))
            return NULL;
        comparisons[i] = (struct scmp_arg_cmp){argument, (enum scmp_compare)operation, one, two};
    }
    return PyLong_FromLong(-seccomp_rule_add_array(context, action, number, (unsigned int)count, comparisons));
}

static PyObject *filter_export(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    int fd;

    (void)module;
    if (!PyArg_ParseTuple(args, "Oi", &capsule, &fd))
        return NULL;
    scmp_filter_ctx context = context_of(capsule);
    return context ? PyLong_FromLong(-seccomp_export_bpf(context, fd)) : NULL;
}

static PyMethodDef methods[] = {
    {"version", filter_version, METH_NOARGS, NULL},
    {"api_level", filter_api_level, METH_NOARGS, NULL},
    {"native", filter_native, METH_NOARGS, NULL},
    {"resolve", filter_resolve, METH_VARARGS, NULL},
    {"new", filter_new, METH_VARARGS, NULL},
    {"add_arch", filter_add_arch, METH_VARARGS, NULL},
    {"set_attribute", filter_set_attribute, METH_VARARGS, NULL},
    {"add_rule", filter_add_rule, METH_VARARGS, NULL},
    {"export", filter_export, METH_VARARGS, NULL},
    {NULL},
};

static int add_constants(PyObject *module)
{
    return PyModule_AddStringConstant(module, "LINKED", LIBSECCOMP_LINKED);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_constants},
    {0},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pyoci.kernel._seccomp",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__seccomp(void)
{
    return PyModuleDef_Init(&definition);
}
